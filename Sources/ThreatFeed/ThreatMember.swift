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

    /// Whether `null` is the same as no such member: so it is for all that publishers send. What the replica adds must
    /// not be sent in any form.
    var isAbsentIfNull: Bool {
        switch self {
        case .threatType, .severity, .id, .customerName, .title, .summary, .source, .timestamp, .mitreTechniques,
            .indicators, .metadata:
            true
        case .sequence, .cursor, .receivedAt, .receivedBy, .triage, .scenario: false
        }
    }
}

/// The members every indicator must have.
enum IndicatorMember: String, CaseIterable, Sendable {
    case type, value
}
