public import ThreatFeed

/// What a client asks of the feed.
public struct FeedQuery: Sendable {
    /// Where to resume; `nil` joins at the head of the log.
    public var after: Cursor?
    public var log: DeploymentLog
    /// Recent threats wanted in the first frame of a fresh client, 0 to 100.
    public var history: Int
    public var minSeverity: String?
    public var threatTypes: [String]
    public var customerNames: [String]

    public init(
        after: Cursor? = nil, history: Int = 0, minSeverity: String? = nil, threatTypes: [String] = [],
        customerNames: [String] = [], log: DeploymentLog = .threats
    ) {
        self.log = log
        self.after = after
        self.history = history
        self.minSeverity = minSeverity
        self.threatTypes = threatTypes
        self.customerNames = customerNames
    }

    /// The request target of the feed.
    /// - Parameter cursor: Where the client stands, which beats `after`.
    public func target(resumingAfter cursor: Cursor?) -> String {
        var items: [(name: String, value: String)] = []
        if let position = cursor ?? after {
            items.append(("after", position.description))
        } else {
            items.append(("history", String(history)))
        }
        if let minSeverity { items.append(("min_severity", minSeverity)) }
        if !threatTypes.isEmpty { items.append(("threat_type", threatTypes.joined(separator: ","))) }
        if let item = log.queryItem { items.append(item) }
        for name in customerNames { items.append(("customer_name", name)) }
        return "/ws" + PercentEncoding.query(items)
    }
}
