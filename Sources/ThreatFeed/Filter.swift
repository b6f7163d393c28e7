/// What a client wants to see of the feed. Equal filters are equal values, so that one decision serves many clients.
///
/// A threat matches when every restriction holds: its severity is at least `minSeverity`, its type is one of
/// `threatTypes` and its customer one of `customerNames`; an empty set restricts nothing.
public struct Filter: Hashable, Sendable {
    public let minSeverity: Severity
    public let threatTypes: Set<String>
    public let customerNames: Set<String>

    /// Bound on each of the two sets.
    public static let namesMax = 64

    /// No restriction.
    public static let everything = Filter(minSeverity: .info, threatTypes: [], customerNames: [])

    public init(minSeverity: Severity, threatTypes: Set<String>, customerNames: Set<String>) {
        self.minSeverity = minSeverity
        self.threatTypes = threatTypes
        self.customerNames = customerNames
    }

    /// Builds a filter from the decoded texts of query parameters, one text per occurrence of the parameter.
    ///
    /// `threat_type` may be repeated and each text may be a list separated by commas. `customer_name` may be repeated
    /// but is never split, since names may contain commas. An absent parameter is an empty array.
    /// - Throws: `FilterError`, naming the first broken parameter and what it accepts.
    public init(minSeverity: [String], threatType: [String], customerName: [String]) throws(FilterError) {
        guard minSeverity.count <= 1 else { throw FilterError(member: .minSeverity, problem: .repeated) }
        let types = threatType.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
        try self.init(minSeverity: minSeverity.first, threatTypes: types, customerNames: customerName)
    }

    /// Builds a filter from texts that are one value each; `nil` and empty lists restrict nothing.
    /// - Throws: `FilterError`, naming the first broken member and what it accepts.
    public init(
        minSeverity: String?, threatTypes: [String], customerNames: [String]
    ) throws(FilterError) {
        var severity = Severity.info
        if let minSeverity {
            guard let named = Severity(anyCase: minSeverity) else {
                throw FilterError(member: .minSeverity, problem: .value)
            }
            severity = named
        }
        for type in threatTypes where !TextPattern.isThreatType(Array(type.utf8)[...]) {
            throw FilterError(member: .threatType, problem: .value)
        }
        for name in customerNames where name.isEmpty || name.utf8.count > ThreatLimits.textBytesMax {
            throw FilterError(member: .customerName, problem: .value)
        }
        let types = Set(threatTypes)
        let customers = Set(customerNames)
        guard types.count <= Self.namesMax else { throw FilterError(member: .threatType, problem: .tooMany) }
        guard customers.count <= Self.namesMax else { throw FilterError(member: .customerName, problem: .tooMany) }
        self.init(minSeverity: severity, threatTypes: types, customerNames: customers)
    }

    /// Whether the filter lets everything through.
    public var isUnrestricted: Bool {
        minSeverity == .info && threatTypes.isEmpty && customerNames.isEmpty
    }

    /// Whether a threat with these facets is wanted.
    public func matches(_ facets: Facets) -> Bool {
        guard facets.severity >= minSeverity else { return false }
        if !threatTypes.isEmpty, !threatTypes.contains(facets.threatType) { return false }
        if customerNames.isEmpty { return true }
        guard let customer = facets.customerName else { return false }
        return customerNames.contains(customer)
    }
}

/// A filter member that cannot be used.
public struct FilterError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Names as they stand in queries and messages.
    public enum Member: String, Sendable, CaseIterable {
        case minSeverity = "min_severity"
        case threatType = "threat_type"
        case customerName = "customer_name"
    }

    /// What is wrong with the member.
    public enum Problem: Hashable, Sendable {
        /// Wrong type or content.
        case value
        /// More than `Filter.namesMax` different values.
        case tooMany
        /// A parameter that stands only once was given more often.
        case repeated
    }

    public let member: Member
    public let problem: Problem

    public init(member: Member, problem: Problem) {
        self.member = member
        self.problem = problem
    }

    /// What the member accepts.
    public var accepted: String {
        switch member {
        case .minSeverity: "one of \(Severity.accepted)"
        case .threatType: "up to \(Filter.namesMax) types, each matching \(TextPattern.threatTypeText)"
        case .customerName: "up to \(Filter.namesMax) names of 1 to \(ThreatLimits.textBytesMax) bytes"
        }
    }

    /// Names the member and what it accepts.
    public var description: String {
        switch problem {
        case .value: "\(member.rawValue) must be \(accepted)"
        case .tooMany: "\(member.rawValue) has too many values: it accepts \(accepted)"
        case .repeated: "\(member.rawValue) was given more than once: it accepts \(accepted)"
        }
    }
}
