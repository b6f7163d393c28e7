/// What `GET /api/analytics` tells about the log.
///
/// All figures but `totalAccepted` are over what is retained.
public struct Analytics: Hashable, Sendable {
    /// The name of the log, if it is not the one of the deployment's threats: whoever asks for it by name can tell that
    /// it was understood.
    public let log: String?
    /// The head of the log the figures stand for, so that a client can join them to the feed.
    public let cursor: Cursor
    /// Threats ever accepted.
    public let totalAccepted: UInt64
    public private(set) var retained: UInt64 = 0
    public private(set) var byType: [String: UInt64] = [:]
    public private(set) var bySeverity: [Severity: UInt64] = [:]
    private var customers: Set<String> = []

    /// - Parameter counts: Retained threats by facets; facets may stand more than once.
    public init(log: String? = nil, cursor: Cursor, totalAccepted: UInt64, counts: [(facets: Facets, count: UInt64)]) {
        self.log = log
        self.cursor = cursor
        self.totalAccepted = totalAccepted
        for (facets, count) in counts where count > 0 {
            retained += count
            byType[facets.threatType, default: 0] += count
            bySeverity[facets.severity, default: 0] += count
            if let customer = facets.customerName { customers.insert(customer) }
        }
    }

    /// Different customers named by retained threats.
    public var customersAffected: Int { customers.count }

    /// The JSON object; types in alphabetical order, all five severities present.
    public func encode() -> [UInt8] {
        var text: [UInt8] = []
        JSONText.appendRaw(#"{"total_threats":"#, to: &text)
        JSONText.appendInteger(totalAccepted, to: &text)
        JSONText.appendName("retained_threats", to: &text)
        JSONText.appendInteger(retained, to: &text)
        JSONText.appendName("customers_affected", to: &text)
        JSONText.appendInteger(UInt64(customersAffected), to: &text)
        JSONText.appendName("threats_by_type", to: &text)
        Self.append(byType.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, to: &text)
        JSONText.appendName("threats_by_severity", to: &text)
        Self.append(Severity.allCases.map { ($0.name, bySeverity[$0] ?? 0) }, to: &text)
        JSONText.appendMember("cursor", cursor.description, to: &text)
        if let log { JSONText.appendMember("log", log, to: &text) }
        JSONText.appendRaw("}", to: &text)
        return text
    }

    private static func append(_ counts: [(name: String, count: UInt64)], to text: inout [UInt8]) {
        text.append(UInt8(ascii: "{"))
        for (index, entry) in counts.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            JSONText.appendString(entry.name, to: &text)
            text.append(UInt8(ascii: ":"))
            JSONText.appendInteger(entry.count, to: &text)
        }
        text.append(UInt8(ascii: "}"))
    }
}
