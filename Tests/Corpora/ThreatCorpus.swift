/// A threat as a publisher sends it, and whether it keeps the rules.
public struct ThreatCase: Sendable, CustomStringConvertible {
    public let name: String
    public let body: [UInt8]
    /// What a 422 names, in this order; empty when the threat is accepted.
    public let brokenFields: [String]

    public var description: String { name }

    /// A threat with one member beside a good `threat_type`; `value` is JSON text.
    static func member(_ name: String, _ value: String, breaks fields: [String]? = nil) -> ThreatCase {
        let shown = value.utf8.count > 48 ? "\(value.prefix(44))… (\(value.utf8.count) bytes)" : value
        return ThreatCase(
            name: "\(name) \(shown)", body: Array("{\"threat_type\":\"a\",\"\(name)\":\(value)}".utf8),
            brokenFields: fields ?? [])
    }

    /// A member whose value breaks the rule, named by itself.
    static func broken(_ name: String, _ value: String) -> ThreatCase {
        member(name, value, breaks: [name])
    }

    /// A whole body.
    static func body(_ name: String, _ text: String, breaks fields: [String] = []) -> ThreatCase {
        ThreatCase(name: name, body: Array(text.utf8), brokenFields: fields)
    }
}

/// Threats at and beyond each rule of the contract, "A threat".
public enum ThreatCorpus {
    public static let all =
        bodies + types + severities + ids + texts + ThreatTimestampCorpus.all + techniques + indicators + metadata
        + nulls + reserved + others

    /// Values that are no string. `null` is none at all.
    static let notStrings = ["true", "0", "-1.5", "[]", "{}", #"["a"]"#, #"{"a":"b"}"#]

    private static func letters(_ count: Int, _ letter: String = "a") -> String {
        "\"" + String(repeating: letter, count: count) + "\""
    }

    private static func type(_ value: String, breaks: Bool) -> ThreatCase {
        .body("threat_type \(value.prefix(40))", "{\"threat_type\":\(value)}", breaks: breaks ? ["threat_type"] : [])
    }

    private static let bodies: [ThreatCase] = [
        .body("empty object", "{}", breaks: ["threat_type"]),
        .body("array", "[]", breaks: [""]),
        .body("array of a threat", #"[{"threat_type":"a"}]"#, breaks: [""]),
        .body("string", #""threat_type""#, breaks: [""]),
        .body("number", "1", breaks: [""]),
        .body("true", "true", breaks: [""]),
        .body("null", "null", breaks: [""]),
        .body("only a type", #"{"threat_type":"a"}"#),
        .body("whitespace everywhere", " \t\r\n{ \"threat_type\" \n:\t\"a\" }\r\n"),
        .body("escaped name", #"{"\u0074hreat\u005ftype":"a"}"#),
        .body("name in capitals", #"{"Threat_Type":"a"}"#, breaks: ["threat_type"]),
        .body("name with a space", #"{"threat_type ":"a"}"#, breaks: ["threat_type"]),
        .body("unknown scenario", #"{"scenario":"rain"}"#, breaks: ["scenario"]),
        .body("scenario in capitals", #"{"scenario":"BOT_ATTACK"}"#, breaks: ["scenario"]),
        .body("scenario that is no string", #"{"scenario":["bot_attack"]}"#, breaks: ["scenario"]),
        .body("empty scenario", #"{"scenario":""}"#, breaks: ["scenario"]),
        .body("scenario", #"{"scenario":"bot_attack"}"#),
        .body("scenario with escapes", #"{"sc\u0065nario":"crypto\u005fsurge"}"#),
        .body("scenario among others", #"{"scenario":"bot_attack","title":"x"}"#, breaks: ["threat_type"]),
        .body(
            "everything wrong at once",
            #"{"severity":"x","id":" ","customer_name":1,"title":2,"summary":3,"source":4,"timestamp":"y","#
                + #""mitre_techniques":["x","T1059"],"indicators":[{"type":1}],"metadata":2,"seq":3,"cursor":"1-1","#
                + #""received_at":0,"received_by":"me","triage":null}"#,
            breaks: [
                "severity", "id", "customer_name", "title", "summary", "source", "timestamp", "mitre_techniques[0]",
                "indicators[0].type", "indicators[0].value", "metadata", "seq", "cursor", "received_at", "received_by",
                "triage", "threat_type",
            ]),
        .body(
            "everything right at once",
            #"{"threat_type":"a","severity":"low","id":"whole-1","customer_name":"C","title":"t","summary":"s","#
                + #""source":"o","timestamp":"2026-01-02T03:04:05Z","mitre_techniques":["T1059"],"#
                + #""indicators":[{"type":"ip","value":"192.0.2.1"}],"metadata":{"a":null}}"#),
    ]

    private static let types: [ThreatCase] =
        [
            #""a""#, #""0""#, #""z9_.-""#, #""a.b.c""#, #""0---""#, letters(1), letters(64), letters(64, "\\u0061"),
            #""m\u0061lware""#,
        ].map { type($0, breaks: false) }
        + ([
            #""""#, #"" a""#, #""a ""#, #""a\n""#, #""A""#, #""aB""#, #""_a""#, #"".a""#, #""-a""#, #""é""#,
            #""a\u0000""#, #""a/b""#, #""a:b""#, #""а""#, letters(65), letters(65, "\\u0061"), letters(1_000), "null",
        ] + notStrings).map { type($0, breaks: true) }

    private static let severities: [ThreatCase] =
        [
            "INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL", "info", "low", "medium", "high", "critical", "Info", "lOW",
            "MeDiUm", "cRITICAl", #"\u0048IGH"#, #"h\u0069gh"#,
        ].map { .member("severity", "\"\($0)\"") }
        + ([
            "", " ", "HIG", "HIGHH", " HIGH", "HIGH ", #"HIGH\n"#, "NONE", "WARNING", "MED", "crit", "1", "ＨＩＧＨ",
            #"ınfo"#, #"ſ"#, #"LOW\u0000"#, #"\u0000LOW"#, "h`gh", "[NFO",
        ].map { "\"\($0)\"" } + notStrings).map { .broken("severity", $0) }

    private static let ids: [ThreatCase] =
        [
            #""a""#, #""Z""#, #""0""#, #""a.b_c:d-e""#, #""9._:-""#, #""\u0041-\u0031""#, letters(128), letters(127),
            letters(128, "\\u0062"), #""0190a5c8-7f3e-7c11-9d5a-2b1f00c4e8aa""#,
        ].map { .member("id", $0) }
        + ([
            #""""#, #"" ""#, #""-a""#, #"".a""#, #""_a""#, #"":a""#, #""a b""#, #""a/b""#, #""a%20b""#, #""a?b""#,
            #""é""#, #""aé""#, #""a\n""#, #""a\u0000""#, letters(129), letters(4_096),
        ] + notStrings).map { .broken("id", $0) }

    /// 1,024 bytes are counted in UTF-8 after escapes are read, neither in characters nor as sent.
    private static let texts: [ThreatCase] = ["customer_name", "title", "summary", "source"].flatMap { name in
        [
            #""""#, #"" ""#, letters(1_024), letters(512, "é"), letters(341, "日"), letters(256, "😀"),
            letters(1_024, "\\u0078"), letters(1_024, "\\n"), letters(512, "\\u00e9"), letters(256, "\\ud83d\\ude00"),
            #""\u0000\t\"\\ \u007f""#,
        ].map { .member(name, $0) }
            + ([
                letters(1_025), letters(513, "é"), letters(342, "日"), letters(257, "😀"), letters(1_025, "\\n"),
                letters(513, "\\u00e9"), letters(257, "\\ud83d\\ude00"),
            ] + notStrings).map { .broken(name, $0) }
    }

    private static let techniques: [ThreatCase] =
        [
            "[]", #"["T1059"]"#, #"["T1059.001"]"#, #"["T0000","T9999.999"]"#, #"["\u00541059"]"#,
            "[\(Array(repeating: #""T1059.001""#, count: 200).joined(separator: ","))]", #"[ "T1059" , "T1060" ]"#,
        ].map { .member("mitre_techniques", $0) }
        + [#""T1059""#, "1", "true", "{}", #"{"0":"T1059"}"#].map { .broken("mitre_techniques", $0) }
        + [
            #""""#, #""t1059""#, #""T105""#, #""T10590""#, #""T1059.""#, #""T1059.1""#, #""T1059.01""#,
            #""T1059.0011""#, #""T1059,001""#, #""T1059.00a""#, #"" T1059""#, #""T1059 ""#, #""T1059\n""#, #""TA0001""#,
            #""T١٢٣٤""#, #""T-059""#, "1059", "null", #"["T1059"]"#, "{}",
        ].map { .member("mitre_techniques", "[\($0)]", breaks: ["mitre_techniques[0]"]) }
        + [
            .member(
                "mitre_techniques", #"["T1","T1059","x",1]"#,
                breaks: ["mitre_techniques[0]", "mitre_techniques[2]", "mitre_techniques[3]"])
        ]

    private static let indicators: [ThreatCase] =
        [
            "[]", #"[{"type":"ip","value":"192.0.2.1"}]"#, #"[{"value":"","type":""}]"#,
            #"[{"typ\u0065":"x","value":"y","more":[1,{"a":null}]}]"#,
            #"[{"type":"a","value":"b"},{"type":"a","value":"b"}]"#,
            "[{\"type\":\"a\",\"value\":\"\(String(repeating: "x", count: 5_000))\"}]",
        ].map { .member("indicators", $0) }
        + ["1", #""a""#, "{}", #"{"type":"a","value":"b"}"#, "false"].map { .broken("indicators", $0) }
        + [
            ("[1]", ["[0]"]), ("[null]", ["[0]"]), ("[[]]", ["[0]"]), (#"["a"]"#, ["[0]"]),
            ("[{}]", ["[0].type", "[0].value"]), (#"[{"type":"a"}]"#, ["[0].value"]),
            (#"[{"value":"a"}]"#, ["[0].type"]), (#"[{"type":1,"value":"a"}]"#, ["[0].type"]),
            (#"[{"type":null,"value":null}]"#, ["[0].type", "[0].value"]),
            (#"[{"Type":"a","Value":"b"}]"#, ["[0].type", "[0].value"]),
            (#"[{"type":"a","value":"b"},{"type":"a","value":["b"]},2]"#, ["[1].value", "[2]"]),
        ].map { .member("indicators", $0, breaks: $1.map { "indicators\($0)" }) }

    private static let metadata: [ThreatCase] =
        ["{}", #"{"a":{"b":[1,2.50,"\u00e9",null,true]}}"#, #"{"seq":1,"triage":2}"#, #"{"":""}"#].map {
            .member("metadata", $0)
        }
        + ["true", "0", #""a""#, "[]", "[{}]"].map { .broken("metadata", $0) }

    private static let optional = [
        "severity", "id", "customer_name", "title", "summary", "source", "timestamp", "mitre_techniques", "indicators",
        "metadata",
    ]

    /// A member that may be left out may be null: what serialises an object with empty fields means that.
    private static let nulls: [ThreatCase] =
        optional.map { .member($0, "null") } + [
            .body(
                "every optional member null",
                "{\(optional.map { "\"\($0)\":null" }.joined(separator: ",")),\"threat_type\":\"a\"}"),
            .body("null with spaces and escapes", #"{ "t\u0069tle" : null , "threat_type" : "a" , "i\u0064":null }"#),
            .body("nothing but null", #"{"threat_type":null,"id":null,"title":null}"#, breaks: ["threat_type"]),
            .body("null beside what is broken", #"{"threat_type":"a","id":null,"title":7}"#, breaks: ["title"]),
            .body("scenario among nulls", #"{"title":null,"scenario":"bot_attack","threat_type":null,"id":null}"#),
            .body("unknown scenario among nulls", #"{"title":null,"scenario":"rain"}"#, breaks: ["scenario"]),
            .body(
                "scenario among others that are null", #"{"scenario":"bot_attack","x":null}"#, breaks: ["threat_type"]),
            .body("scenario that is null", #"{"scenario":null}"#, breaks: ["scenario"]),
            .body("scenario that is null in a threat", #"{"scenario":null,"threat_type":"a"}"#),
        ]

    /// Those the replica adds, whatever their value, however their name is written.
    private static let reserved: [ThreatCase] =
        ["seq", "cursor", "received_at", "received_by", "triage"].flatMap { name in
            ["null", "1", #""x""#, "{}", "[]"].map { .broken(name, $0) }
        } + [
            .body("seq with an escape", #"{"threat_type":"a","s\u0065q":1}"#, breaks: ["seq"]),
            .body("SEQ in capitals", #"{"threat_type":"a","SEQ":1}"#),
        ]

    private static let others: [ThreatCase] = [
        .member("x", "null"), .member("", "1"), .member("type", "1"), .member("status", #""new""#),
        .member("scenario", #""anything""#), .member("x.y", "[[],{},[{}]]"), .member("timestamps", #""y""#),
        .member("\u{2028}", "1e400"), .member("constructor", "{}"), .member("__proto__", "{}"),
    ]
}
