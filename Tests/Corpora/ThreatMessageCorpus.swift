/// A text message of a feed's client and what answers it.
public struct ThreatMessageCase: Sendable, CustomStringConvertible {
    public enum Answer: Sendable, Equatable {
        case pong
        case filtered
        /// `error` with this code.
        case error(String)
    }

    public let text: String
    public let answer: Answer

    public var description: String { text.utf8.count > 80 ? "\(text.prefix(76))… (\(text.utf8.count) bytes)" : text }

    init(_ text: String, _ answer: Answer) {
        self.text = text
        self.answer = answer
    }
}

/// Messages from clients, contract, "WebSocket".
public enum ThreatMessageCorpus {
    public static let all: [ThreatMessageCase] =
        [
            #"{"type":"ping"}"#, " {\n\"type\" : \"ping\" } ", #"{"t":1,"typ\u0065":"p\u0069ng"}"#,
            #"{"type":"ping","id":7,"filter":{}}"#, "{\"type\":\"ping\",\"x\":\(nested(31))}",
        ].map { ThreatMessageCase($0, .pong) }
        + [
            #"{"type":"filter"}"#, #"{"type":"filter","min_severity":"HIGH"}"#,
            #"{"min_severity":"low","type":"filter"}"#,
            #"{"type":"filter","min_severity":null,"threat_type":null,"customer_name":null}"#,
            #"{"type":"filter","threat_type":[],"customer_name":[]}"#, #"{"type":"filter","threat_type":"a"}"#,
            #"{"type":"filter","threat_type":["a","b","a"],"customer_name":["C, Inc.","É"]}"#,
            "{\"type\":\"filter\",\"threat_type\":[\(names(64))]}",
            "{\"type\":\"filter\",\"customer_name\":[\(names(64))]}",
            "{\"type\":\"filter\",\"threat_type\":[\(Array(repeating: #""a""#, count: 1_000).joined(separator: ","))]}",
        ].map { ThreatMessageCase($0, .filtered) }
        + [
            "", " ", "not json", "ping", "{", "}", #"{"type":"ping""#, #"{"type":"ping"}}"#, #"{"type":"ping",}"#,
            #"{"type":"ping"} {"type":"ping"}"#, "{'type':'ping'}", #"{"type":"ping","type":"ping"}"#,
            #"{"type":"ping","\u0074ype":"ping"}"#, "\u{FEFF}{\"type\":\"ping\"}", #"{"type":"ping","x":"\ud800"}"#,
            #"{"type":"ping","x":NaN}"#, #"{"type":"ping","x":01}"#, "{\"type\":\"ping\",\"x\":\"\u{1}\"}",
            "{\"type\":\"ping\",\"x\":\(nested(32))}", "\u{0}",
        ].map { ThreatMessageCase($0, .error("not_json")) }
        + [
            "[]", "1", "null", #""ping""#, "{}", #"{"type":1}"#, #"{"type":null}"#, #"{"type":["ping"]}"#,
            #"{"type":"Ping"}"#, #"{"type":"ping "}"#, #"{"type":""}"#, #"{"type":"dance"}"#, #"{"Type":"ping"}"#,
            #"[{"type":"ping"}]"#, #"{"data":{"type":"ping"}}"#, #"{"type":"pong"}"#, #"{"type":"heartbeat"}"#,
        ].map { ThreatMessageCase($0, .error("unknown_type")) }
        + [
            #""min_severity":"BAD""#, #""min_severity":["LOW"]"#, #""min_severity":3"#,
            #""min_severity":"""#, #""threat_type":1"#, #""threat_type":{}"#,
            #""threat_type":"""#,
            #""threat_type":"a,b""#, #""threat_type":"A""#, #""threat_type":[1]"#, #""threat_type":["a",null]"#,
            #""threat_type":[["a"]]"#, #""threat_type":["a",""]"#, #""threat_type":[\#(names(65))]"#,
            #""threat_type":[\#(names(1_025))]"#, #""customer_name":1"#, #""customer_name":[null]"#,
            #""customer_name":"""#, #""customer_name":[["a"]]"#, #""customer_name":[{}]"#,
            #""customer_name":[\#(names(65))]"#, #""customer_name":"\#(String(repeating: "x", count: 1_025))""#,
            #""severity":"LOW""#, #""Min_Severity":"LOW""#, #""filter":{"min_severity":"LOW"}"#, #""x":1"#, #""":1"#,
            #""status":null"#,
        ].map { ThreatMessageCase("{\"type\":\"filter\",\($0)}", .error("invalid_filter")) }

    private static func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    private static func names(_ count: Int) -> String {
        (0..<count).map { "\"t\($0)\"" }.joined(separator: ",")
    }
}
