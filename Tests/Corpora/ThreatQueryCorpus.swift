/// A query of `GET /api/threats`, `/api/threats/stream` or `/ws`, and whether it is accepted.
public struct ThreatQueryCase: Sendable, CustomStringConvertible {
    public let query: String
    /// 200 (101 for `/ws`), or the status that refuses it.
    public let status: Int
    /// Whether the parameter belongs to the list only (`limit`, `offset`, `before`) or to the streams only (`history`).
    public let scope: Scope

    public enum Scope: Sendable {
        case everywhere, list, streams
    }

    public var description: String { query.utf8.count > 80 ? "\(query.prefix(76))…" : query }

    init(_ query: String, _ status: Int, _ scope: Scope = .everywhere) {
        self.query = query
        self.status = status
        self.scope = scope
    }
}

/// Queries at and beyond what the contract accepts.
public enum ThreatQueryCorpus {
    public static let all: [ThreatQueryCase] = numbers + cursors + filters + others

    private static let numbers: [ThreatQueryCase] =
        [
            "limit=1", "limit=100", "limit=20", "offset=0", "offset=10000", "limit=5&offset=3", "l%69mit=1",
            "limit=%31",
        ].map { ThreatQueryCase($0, 200, .list) }
        + ["history=0", "history=100", "history=20", "h%69story=5"].map { ThreatQueryCase($0, 200, .streams) }
        + [
            "", "0", "101", "-1", "+1", "%2B1", "abc", "1.0", "1e1", "0x1", "1%20", "%201", "1,2",
            "9223372036854775808",
            "18446744073709551617", "99999999999999999999999999", "%EF%BC%91", "1%00", "%FF", "%", "%4", "%zz",
        ].map { ThreatQueryCase("limit=\($0)", 400, .list) }
        + ["", "-1", "10001", "abc", "1e3", "99999999999999999999"].map { ThreatQueryCase("offset=\($0)", 400, .list) }
        + ["", "-1", "101", "abc", "+5", "99999999999999999999"].map { ThreatQueryCase("history=\($0)", 400, .streams) }
        + ["limit", "limit=1&limit=1", "limit=1&limit=2", "offset=1&offset=1"].map { ThreatQueryCase($0, 400, .list) }
        + ["history", "history=1&history=1"].map { ThreatQueryCase($0, 400, .streams) }

    private static let brokenCursors = [
        "", "-", "0", "1", "1-", "-1", "1-2-3", "01-1", "1-01", "00-0", "+1-1", "%2B1-1", "1--1", "1-+1", "1-%2B1",
        "%201-1", "1-1%20", "1+-1", "1-1%0A", "1-1%00", "a-1", "1-a", "0x1-1", "1.0-1", "1_1", "1:1", "1%E2%88%921",
        "18446744073709551616-0", "0-18446744073709551616", "99999999999999999999-0", "%EF%BC%91-1", "1-1,2-2", "null",
        "$", "%24", "1%2D",
    ]

    /// Cursors that are well-formed, and that no log has given out.
    private static let cursorsOfNoLog = [
        "0-1", "0-18446744073709551615", "1-1", "5-0", "18446744073709551615-0",
        "18446744073709551615-18446744073709551615",
    ]

    /// No query at all, whatever it asks for.
    private static let brokenQueries = ["%", "1-%", "1%2-1", "%FF-1"]

    private static let cursors: [ThreatQueryCase] =
        [
            "before=0-0", "after=0-0&before=0-0", "before=%30%2D%30", "bef%6Fre=0-0",
            "after=0-0&before=0-0&limit=3&offset=2",
        ].map { ThreatQueryCase($0, 200, .list) }
        + ["after=0-0", "after=%30%2d%30", "%61fter=0-0"].map { ThreatQueryCase($0, 200) }
        + cursorsOfNoLog.map { ThreatQueryCase("after=\($0)", 410, .list) }
        + cursorsOfNoLog.map { ThreatQueryCase("before=\($0)", 410, .list) }
        + cursorsOfNoLog.map { ThreatQueryCase("after=0-0&before=\($0)", 410, .list) }
        + cursorsOfNoLog.map { ThreatQueryCase("after=\($0)&before=9-9&limit=3&offset=2", 410, .list) }
        // A stream starts all the same, and says that it could not resume.
        + cursorsOfNoLog.map { ThreatQueryCase("after=\($0)", 200, .streams) }
        + brokenCursors.map { ThreatQueryCase("after=\($0)", 400, .list) }
        // A stream starts all the same, and says that it could not resume.
        + brokenCursors.map { ThreatQueryCase("after=\($0)", 200, .streams) }
        + brokenQueries.map { ThreatQueryCase("after=\($0)", 400) }
        + (brokenCursors + brokenQueries).map { ThreatQueryCase("before=\($0)", 400, .list) }
        + [
            ThreatQueryCase("after", 400, .list), ThreatQueryCase("after", 200, .streams),
            ThreatQueryCase("after=0-0&after=0-0", 400),
            ThreatQueryCase("after=0-0&after=1-1", 400), ThreatQueryCase("after=0-0&%61fter=0-0", 400),
            ThreatQueryCase("before=0-0&before=0-0", 400, .list), ThreatQueryCase("after=0-0&before=x", 400, .list),
        ]

    private static let filters: [ThreatQueryCase] =
        [
            "min_severity=HIGH", "min_severity=info", "min_severity=%68igh", "threat_type=a", "threat_type=a,b",
            "threat_type=a%2Cb", "threat_type=a&threat_type=b", "customer_name=A,%20Inc.", "customer_name=A+B",
            "customer_name=%C3%89", "customer_name=a&customer_name=b", "threat_type=\(names(64))",
            "threat_type=a,a,a", "customer_name=\(String(repeating: "x", count: 1_024))",
        ].map { ThreatQueryCase($0, 200) }
        + [
            "min_severity=", "min_severity", "min_severity=BAD", "min_severity=HIGH,LOW", "min_severity=+HIGH",
            "min_severity=LOW&min_severity=LOW", "threat_type=", "threat_type", "threat_type=A", "threat_type=a,,b",
            "threat_type=a,", "threat_type=,a", "threat_type=a+b", "threat_type=%C3%A9", "threat_type=a&threat_type=",
            "threat_type=\(names(65))", "threat_type=\(String(repeating: "a", count: 65))", "customer_name=",
            "customer_name", "customer_name=a&customer_name=", "customer_name=\(String(repeating: "x", count: 1_025))",
        ].map { ThreatQueryCase($0, 422) }
        + ["min_severity=%ZZ", "threat_type=%", "customer_name=%FF", "customer_name=%C3", "customer_name=%ED%A0%80"]
        .map { ThreatQueryCase($0, 400) }

    private static let others: [ThreatQueryCase] =
        ["", "&&"].map { ThreatQueryCase($0, 200) }
        + [
            "x=1", "x", "=", "=1", "a=b=c", "x=%2F%3F", "x=%", "x=%FF", "%FF=1", "%G0", "&&x",
            // Near what is meant: understood by nobody, it would let everything through.
            "min_severty=HIGH", "Min_Severity=HIGH", "min-severity=HIGH", "min_severity%20=HIGH", "minSeverity=HIGH",
            "severity=HIGH", "type=a", "threat_types=a", "threat_type[]=a", "customer=a", "customerName=a",
            "min_severity=HIGH&amp;threat_type=a",
            // Known elsewhere, or to other versions.
            "status=new", "assignee=me", "verdict=benign", "tenant=default", "ticket=x", "cursor=1-1", "since=1-1",
            "q=a", "log=", "log", "log=other", "log=Proof", "log=proof&log=proof",
        ].map { ThreatQueryCase($0, 400) }
        + ["Limit=0", "history=20", "lastEventId=1-1", "page=2"].map { ThreatQueryCase($0, 400, .list) }
        + ["limit=5", "offset=1", "before=0-0", "History=1"].map { ThreatQueryCase($0, 400, .streams) }

    private static func names(_ count: Int) -> String {
        (0..<count).map { "t\($0)" }.joined(separator: ",")
    }
}
