import Testing
import ThreatFeed

private let textMembers = ["customer_name", "title", "summary", "source"]

private let good: [String] =
    [
        #"{"threat_type":"a"}"#, #"{"threat_type":"0_.-"}"#, #"{"threat_type":"m\u0061lware"}"#,
        "{\"threat_type\":\"a\(String(repeating: "b", count: 63))\"}", #"{"threat_type":"a","unknown":null}"#,
        #"{"threat_type":"a","id":"Z"}"#, #"{"threat_type":"a","id":"9._:-"}"#,
        "{\"threat_type\":\"a\",\"id\":\"a\(String(repeating: "B", count: 127))\"}",
        #"{"threat_type":"a","metadata":{}}"#, #"{"threat_type":"a","mitre_techniques":[]}"#,
        #"{"threat_type":"a","mitre_techniques":["T1059","T1059.001","\u00541059"]}"#,
        #"{"threat_type":"a","indicators":[]}"#,
        #"{"threat_type":"a","indicators":[{"value":"","typ\u0065":"x","more":[1]}]}"#,
        #"{"threat_type":"a","scenario":"nonsense"}"#, #"{"threat_type":"a","SEQ":1,"Triage":2}"#,
    ]
    + textMembers.map { "{\"threat_type\":\"a\",\"\($0)\":\"\(String(repeating: "x", count: 1_024))\"}" }
    + textMembers.map { "{\"threat_type\":\"a\",\"\($0)\":\"\(String(repeating: "\\u0078", count: 1_024))\"}" }
    + textMembers.map { "{\"threat_type\":\"a\",\"\($0)\":\"\"}" }
    + ["info", "Low", "mEDIUM", "HIGH", "critical", "\\u0048igh"].map {
        "{\"threat_type\":\"a\",\"severity\":\"\($0)\"}"
    }
    + [
        "2026-01-02T03:04:05Z", "2026-01-02t03:04:05.1z", "2026-01-02T03:04:05.123456789+23:59",
        "2024-02-29T00:00:00-00:00", "1998-12-31T23:59:60Z", "1998-12-31T15:59:60.123-08:00",
    ].map { "{\"threat_type\":\"a\",\"timestamp\":\"\($0)\"}" }

private let bad: [(String, [String])] =
    [
        ("{}", ["threat_type"]), ("[]", [""]), ("1", [""]), ("\"x\"", [""]), ("null", [""]),
        (#"{"threat_type":""}"#, ["threat_type"]), (#"{"threat_type":null}"#, ["threat_type"]),
        (#"{"threat_type":1}"#, ["threat_type"]), (#"{"threat_type":"A"}"#, ["threat_type"]),
        (#"{"threat_type":"_a"}"#, ["threat_type"]), (#"{"threat_type":"a b"}"#, ["threat_type"]),
        (#"{"threat_type":"a\n"}"#, ["threat_type"]), (#"{"threat_type":"é"}"#, ["threat_type"]),
        ("{\"threat_type\":\"a\(String(repeating: "b", count: 64))\"}", ["threat_type"]),
        ("{\"threat_type\":\"a\",\"id\":\"a\(String(repeating: "B", count: 128))\"}", ["id"]),
        (#"{"threat_type":"a","id":""}"#, ["id"]), (#"{"threat_type":"a","id":"-a"}"#, ["id"]),
        (#"{"threat_type":"a","id":"a b"}"#, ["id"]), (#"{"threat_type":"a","id":7}"#, ["id"]),
        (#"{"threat_type":"a","\u0069d":7}"#, ["id"]),
        (#"{"threat_type":"a","severity":"SEVERE"}"#, ["severity"]),
        (#"{"threat_type":"a","severity":""}"#, ["severity"]),
        (#"{"threat_type":"a","severity":3}"#, ["severity"]),
        (#"{"threat_type":"a","severity":" HIGH"}"#, ["severity"]),
        (#"{"threat_type":"a","severity":"HIGHH"}"#, ["severity"]),
        (#"{"threat_type":"a","mitre_techniques":"T1059"}"#, ["mitre_techniques"]),
        (
            #"{"threat_type":"a","mitre_techniques":["T1059","t1059","T105","T1059.01","T1059.0011",1,"T1059x001"]}"#,
            (1...6).map { "mitre_techniques[\($0)]" }
        ),
        (#"{"threat_type":"a","mitre_techniques":["T١٢٣٤"]}"#, ["mitre_techniques[0]"]),
        (#"{"threat_type":"a","indicators":{}}"#, ["indicators"]),
        (
            #"{"threat_type":"a","indicators":[1,{"type":"x"},{"value":"x"},{"type":1,"value":null},{}]}"#,
            [
                "indicators[0]", "indicators[1].value", "indicators[2].type", "indicators[3].type",
                "indicators[3].value",
                "indicators[4].type", "indicators[4].value",
            ]
        ),
        (#"{"threat_type":"a","metadata":[]}"#, ["metadata"]),
        (
            #"{"threat_type":"a","seq":1,"cursor":"1-1","received_at":"x","received_by":null,"triage":{}}"#,
            ["seq", "cursor", "received_at", "received_by", "triage"]
        ),
        (#"{"threat_type":"a","s\u0065q":1}"#, ["seq"]),
        (#"{"scenario":"nonsense"}"#, ["scenario"]), (#"{"scenario":null}"#, ["scenario"]),
        (#"{"scenario":"bot_attack","x":1}"#, ["threat_type"]),
        (
            #"{"severity":"x","id":" ","title":1,"timestamp":"y","metadata":2,"seq":3}"#,
            ["severity", "id", "title", "timestamp", "metadata", "seq", "threat_type"]
        ),
    ]
    + textMembers.map { ("{\"threat_type\":\"a\",\"\($0)\":\"\(String(repeating: "x", count: 1_025))\"}", [$0]) }
    + textMembers.map { ("{\"threat_type\":\"a\",\"\($0)\":\"\(String(repeating: "é", count: 513))\"}", [$0]) }
    + textMembers.map { ("{\"threat_type\":\"a\",\"\($0)\":\"\(String(repeating: "\\u00e9", count: 513))\"}", [$0]) }
    + [
        "", "2026-01-02", "2026-01-02 03:04:05Z", "2026-01-02T03:04:05", "2026-01-02T03:04Z", "2026-13-02T03:04:05Z",
        "2026-00-02T03:04:05Z", "2025-02-29T03:04:05Z", "2026-04-31T03:04:05Z", "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:05Z", "2026-01-02T03:04:61Z", "2026-01-02T03:04:60Z", "1998-12-31T23:58:60Z",
        "1998-12-30T23:59:60Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05,1Z", "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+00:60", "2026-01-02T03:04:05+0000", "2026-01-02T03:04:05Zx", "26-01-02T03:04:05Z",
        "2026-01-02T03:04:05+01:00Z", "2026-1-2T03:04:05Z",
    ].map { ("{\"threat_type\":\"a\",\"timestamp\":\"\($0)\"}", ["timestamp"]) }

@Suite("Threat parser")
struct ThreatParserTests {
    @Test("contract, A threat: what keeps every rule is accepted", arguments: good)
    func accepts(_ text: String) throws {
        _ = try parse(text).get()
    }

    @Test("contract, A threat: 422 names every broken field at once", arguments: bad)
    func refuses(_ text: String, _ fields: [String]) {
        #expect(brokenFields(text) == fields)
    }

    @Test("contract, HTTP: 400 with the offset for what is not JSON")
    func notJSON() {
        #expect(parse(#"{"threat_type":"a",}"#) == .failure(.notJSON(JSONError(offset: 19, reason: .unexpectedByte))))
        #expect(parse(#"{"id":"a","id":"a"}"#) == .failure(.notJSON(JSONError(offset: 10, reason: .duplicateMember))))
    }

    @Test("of a list 50 broken elements are named, and every other field is named all the same")
    func boundsErrors() {
        let many = Array(repeating: "1", count: 5_000).joined(separator: ",")
        let fields = brokenFields("{\"mitre_techniques\":[\(many)],\"indicators\":[\(many)],\"seq\":1}")
        let techniques = (0..<50).map { "mitre_techniques[\($0)]" } + ["mitre_techniques"]
        let indicators = (0..<50).map { "indicators[\($0)]" } + ["indicators"]
        #expect(fields == techniques + indicators + ["seq", "threat_type"])
        let fifty = Array(repeating: "1", count: 50).joined(separator: ",")
        #expect(brokenFields("{\"threat_type\":\"a\",\"mitre_techniques\":[\(fifty)]}")?.count == 50)
        let pairs = Array(repeating: "{}", count: 5_000).joined(separator: ",")
        #expect(brokenFields("{\"threat_type\":\"a\",\"indicators\":[\(pairs)]}")?.count == 51)
    }

    @Test("contract, HTTP: an item of a batch is bounded like a single threat")
    func boundsItems() throws {
        let body = Array(#"[{"threat_type":"x"},{"threat_type":"xy"}]"#.utf8)
        var parser = ThreatParser()
        _ = try parser.parse(body, item: 1..<20, bytesMax: 19, receipt: receipt())
        #expect(throws: ThreatRejection.tooLarge(bytesMax: 19)) {
            try parser.parse(body, item: 21..<41, bytesMax: 19, receipt: receipt())
        }
        #expect(Problem(.tooLarge(bytesMax: 19)).status == 413)
    }

    private static let added =
        #""received_at":"2026-01-02T03:04:05.678Z","received_by":"replica-a","#
        + #""triage":{"status":"new","version":1}}"#

    @Test("issued members follow those sent; nothing sent is changed but whitespace and the case of severity")
    func keepsWhatWasSent() throws {
        let compact =
            #"{"z":1.50e+3,"id":"\u0061-1","q":"\u00e9\/é","threat_type":"x","severity":"HIGH","#
            + #""timestamp":"2026-01-01T00:00:00+02:00","n":-0,"big":123456789012345678901234567890}"#
        let record = try parse(compact).get()
        #expect(text(record.tail) == compact.dropFirst().dropLast() + "," + Self.added)
        #expect(record.id == "a-1")

        let spaced =
            " { \"threat_type\" : \"x\" ,\r\n\t\"severity\":\"h\\u0069gh\", \"a\" :[ 1 , { \"b c\" : \" d \" } ,[ ]],\"id\": \"i\" } "
        #expect(
            text(try parse(spaced).get().tail)
                == #""threat_type":"x","severity":"HIGH","a":[1,{"b c":" d "},[]],"id":"i","#
                + #""timestamp":"2026-01-02T03:04:05.678Z","# + Self.added)
    }

    @Test("missing id, severity and timestamp are added in this order")
    func addsDefaults() throws {
        let record = try parse(#"{"threat_type":"x"}"#).get()
        #expect(
            text(record.tail)
                == #""threat_type":"x","id":"made-id","severity":"MEDIUM","timestamp":"2026-01-02T03:04:05.678Z","#
                + Self.added)
        #expect(record.id == "made-id")
        #expect(record.facets == Facets(severity: .medium, threatType: "x", customerName: nil))
    }

    @Test("contract, A threat: a member that is null was not sent, so it gets its default and is not delivered")
    func leavesNullOut() throws {
        let nulls =
            #""id":null,"severity":null,"timestamp":null,"customer_name":null,"metadata":null,"indicators":null"#
        let plain = try parse(#"{"threat_type":"x"}"#).get()
        for sent in [
            #"{"threat_type":"x",\#(nulls)}"#, #"{\#(nulls),"threat_type":"x"}"#,
            #"{"title": null ,"threat_type":"x"}"#,
        ] {
            let record = try parse(sent).get()
            #expect(text(record.tail) == text(plain.tail))
            #expect(record.facets == plain.facets && record.id == "made-id")
        }
        // Members without a rule are anything, so null too; between others none is lost.
        let mixed = try parse(#"{"a":null,"id":null,"b":[null],"title":null,"c":1,"threat_type":"x"}"#).get()
        #expect(text(mixed.tail).hasPrefix(#""a":null,"b":[null],"c":1,"threat_type":"x","id":"made-id""#))
    }

    @Test("facets hold decoded text; an empty customer is none")
    func decodesFacets() throws {
        let record = try parse(#"{"threat_type":"\u0078","severity":"low","customer_name":"Caf\u00e9 \ud83d\ude00\n"}"#)
            .get()
        #expect(record.facets == Facets(severity: .low, threatType: "x", customerName: "Café 😀\n"))
        let nameless = try parse(#"{"threat_type":"x","customer_name":""}"#).get()
        #expect(nameless.facets.customerName == nil)
    }

    @Test("an item of a batch is parsed as if sent alone")
    func parsesItems() throws {
        let body = Array(#"[{"threat_type":"x","id":"a"},{"threat_type":"x","id":}]"#.utf8)
        var parser = ThreatParser()
        let record = try parser.parse(body, item: 1..<29, receipt: receipt())
        #expect(record.id == "a")
        #expect(throws: ThreatRejection.notJSON(JSONError(offset: 24, reason: .unexpectedByte))) {
            try parser.parse(body, item: 30..<body.count - 1, receipt: receipt())
        }
    }

    @Test("contract, HTTP: each scenario makes a rich sample that keeps the rules", arguments: SampleThreat.allCases)
    func makesSamples(_ sample: SampleThreat) throws {
        var documents: Set<String> = []
        for random in 0..<200 as Range<UInt64> {
            let record = try parse("{ \"scenario\" : \"\(sample.rawValue)\" }", random: random).get()
            #expect(record.facets.threatType == sample.rawValue && record.facets.customerName != nil)
            #expect(record.digest == receipt().digest)
            let document = text(record.tail)
            for member in ["title", "summary", "source", "mitre_techniques", "indicators", "metadata", "timestamp"] {
                #expect(document.contains("\"\(member)\":"))
            }
            documents.insert(document)
        }
        #expect(documents.count > 100)
        #expect(sample.document(random: 5, milliseconds: 0) == sample.document(random: 5, milliseconds: 0))
    }

    @Test("an unknown scenario is answered with the four names")
    func namesScenarios() {
        guard case .failure(.invalid(let errors)) = parse(#"{"scenario":"x"}"#) else {
            Issue.record("accepted")
            return
        }
        for sample in SampleThreat.allCases { #expect(errors[0].message.contains(sample.rawValue)) }
    }
}
