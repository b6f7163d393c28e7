/// A batch of threats and its answer.
public struct ThreatBatchCase: Sendable, CustomStringConvertible {
    public enum Outcome: Sendable, Equatable {
        /// 200 with an object of this `status` for each item.
        case items([Int])
        /// The whole body is refused.
        case refused(status: Int, offset: Int?)
    }

    public let name: String
    public let body: [UInt8]
    /// NDJSON rather than an array.
    public let isLines: Bool
    public let outcome: Outcome

    public var description: String { name }

    static func array(_ name: String, _ text: String, _ statuses: [Int]) -> ThreatBatchCase {
        ThreatBatchCase(name: name, body: Array(text.utf8), isLines: false, outcome: .items(statuses))
    }

    static func lines(_ name: String, _ text: String, _ statuses: [Int]) -> ThreatBatchCase {
        ThreatBatchCase(name: name, body: Array(text.utf8), isLines: true, outcome: .items(statuses))
    }

    static func refused(_ name: String, _ text: String, _ status: Int, at offset: Int? = nil) -> ThreatBatchCase {
        ThreatBatchCase(
            name: name, body: Array(text.utf8), isLines: false, outcome: .refused(status: status, offset: offset))
    }

    static func refusedLines(_ name: String, _ text: String, _ status: Int) -> ThreatBatchCase {
        ThreatBatchCase(
            name: name, body: Array(text.utf8), isLines: true, outcome: .refused(status: status, offset: nil))
    }
}

/// Batches as the contract, "HTTP/1.1", has them: up to 1,000 threats, each answered as a single trigger would be.
public enum ThreatBatchCorpus {
    private static let good = #"{"threat_type":"a"}"#

    private static func many(_ count: Int, _ item: String = good, _ separator: String = ",") -> String {
        Array(repeating: item, count: count).joined(separator: separator)
    }

    private static func deep(_ depth: Int) -> String {
        "{\"threat_type\":\"a\",\"x\":" + String(repeating: "[", count: depth - 1)
            + String(repeating: "]", count: depth - 1) + "}"
    }

    public static let all: [ThreatBatchCase] = arrays + refusals + lines

    private static let arrays: [ThreatBatchCase] = [
        .array("empty array", "[]", []),
        .array("empty array with spaces", " [ \n] ", []),
        .array("one threat", "[\(good)]", [201]),
        .array("spaces around threats", " [ \(good) ,\r\n\t\(good) ] ", [201, 201]),
        .array("1,000 threats", "[\(many(1_000))]", Array(repeating: 201, count: 1_000)),
        .array("a single bad one", "[{}]", [422]),
        .array(
            "bad ones between good ones", "[\(good),{},\(good),1,null,[],\"x\"]", [201, 422, 201, 422, 422, 422, 422]),
        .array("an array within", "[[\(good)]]", [422]),
        .array("a scenario", #"[{"scenario":"bot_attack"},{"scenario":"rain"}]"#, [201, 422]),
        .array("repeated names in one item", #"[{"threat_type":"a","threat_type":"b"},\#(good)]"#, [400, 201]),
        .array("repeated names deep in one item", #"[{"threat_type":"a","x":{"b":1,"\u0062":1}}]"#, [400]),
        .array(
            "an id sent twice, as it was and otherwise",
            #"[{"threat_type":"a","id":"twice"},{"threat_type":"a","id":"twice"},{"threat_type":"b","id":"twice"}]"#,
            [201, 200, 409]),
        .array(
            "an id sent twice with another space",
            #"[{"threat_type":"a","id":"spaced"},{"threat_type":"a", "id":"spaced"}]"#, [201, 409]),
        .array("an item of 32 levels", "[\(deep(32))]", [201]),
        .array(
            "an item of 64 KiB and one beyond", "[\(sized(65_536)),\(sized(65_537))]", [201, 413]),
    ]

    private static func sized(_ count: Int) -> String {
        let frame = #"{"threat_type":"a","x":""}"#
        return #"{"threat_type":"a","x":"\#(String(repeating: "y", count: count - frame.utf8.count))"}"#
    }

    private static let refusals: [ThreatBatchCase] = [
        .refused("nothing", "", 400, at: 0),
        .refused("trailing comma", "[\(good),]", 400, at: 21),
        .refused("array cut", "[\(good)", 400, at: 20),
        .refused("two arrays", "[] []", 400, at: 3),
        .refused("broken item", #"[{"threat_type":"a",}]"#, 400, at: 20),
        .refused("NDJSON as an array", "\(good)\n\(good)", 400, at: 20),
        .refused("byte-order mark", "\u{FEFF}[]", 400, at: 0),
        .refused("lone surrogate in an item", #"[{"threat_type":"a","x":"\ud800"}]"#, 400, at: 25),
        .refused("an item of 33 levels", "[\(deep(33))]", 400, at: 55),
        .refused("object", good, 422),
        .refused("string", #""a""#, 422),
        .refused("null", "null", 422),
        .refused("object of 2,000 members", "{\((0..<2_000).map { "\"m\($0)\":1" }.joined(separator: ","))}", 422),
        .refused("1,001 threats", "[\(many(1_001))]", 413),
        .refused("1,001 numbers", "[\(many(1_001, "1"))]", 413),
    ]

    private static let lines: [ThreatBatchCase] = [
        .lines("no lines", "", []),
        .lines("blank lines only", "\n\r\n \t\n", []),
        .lines("one line without its end", good, [201]),
        .lines("LF and CR LF", "\(good)\n\(good)\r\n\(good)", [201, 201, 201]),
        .lines("blank lines between", "\n\(good)\n\n \n\(good)\n\r\n", [201, 201]),
        .lines("1,000 lines", many(1_000, good, "\n") + "\n", Array(repeating: 201, count: 1_000)),
        .refusedLines("1,001 lines", many(1_001, "1", "\n"), 413),
        .lines("a broken line between good ones", "\(good)\n{\"threat_type\":\n\(good)\n", [201, 400, 201]),
        .lines("an object over two lines", "{\"threat_type\":\n\"a\"}\n", [400, 400]),
        .lines("two objects on a line", "\(good) \(good)\n", [400]),
        .lines("an array", "[\(good)]\n", [422]),
        .lines("byte-order mark before the first line", "\u{FEFF}\(good)\n\(good)\n", [400, 201]),
        .lines("every kind of refusal", "{}\nnull\n{\"a\":1,\"a\":2}\n\u{0C}\n\(good)", [422, 422, 400, 400, 201]),
        .lines("spaces around a line's object", "  \(good)\t\n", [201]),
    ]
}
