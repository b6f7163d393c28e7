/// The members of a threat that have a rule (contract, "A threat").
enum ThreatMember: String, CaseIterable, Sendable {
    case threatType = "threat_type"
    case severity, id
    case customerName = "customer_name"
    case title, summary, source, timestamp
    case mitreTechniques = "mitre_techniques"
    case indicators, metadata
    case sequence = "seq"
    case cursor
    case receivedAt = "received_at"
    case receivedBy = "received_by"
    case triage
    case scenario
}

/// The members every indicator must have.
enum IndicatorMember: String, CaseIterable, Sendable {
    case type, value
}
