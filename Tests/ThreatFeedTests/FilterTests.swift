import Testing
import ThreatFeed

@Suite("Filters and client messages")
struct FilterTests {
    private static let facets = Facets(severity: .high, threatType: "malware", customerName: "A, Inc.")

    @Test("every restriction must hold, and an empty one restricts nothing")
    func matches() throws {
        func filter(_ severity: [String], _ types: [String], _ names: [String]) throws -> Filter {
            try Filter(minSeverity: severity, threatType: types, customerName: names)
        }
        #expect(Filter.everything.matches(Self.facets) && Filter.everything.isUnrestricted)
        #expect(try filter([], [], []) == .everything)
        #expect(try filter(["high"], ["x,malware"], ["B", "A, Inc."]).matches(Self.facets))
        #expect(try !filter(["critical"], [], []).matches(Self.facets))
        #expect(try !filter([], ["x,y"], []).matches(Self.facets))
        #expect(try !filter([], [], ["A"]).matches(Self.facets))
        let nameless = Facets(severity: .high, threatType: "malware", customerName: nil)
        #expect(try !filter([], [], ["A, Inc."]).matches(nameless))
        #expect(try filter([], ["a,b", "b"], []) == filter([], ["b,a"], []))
    }

    @Test("a broken parameter is named with what it accepts")
    func refuses() {
        let many = (0...64).map { "t\($0)" }
        for (severity, types, names, member, problem):
            (
                [String], [String], [String], FilterError.Member, FilterError.Problem
            ) in [
                (["x"], [], [], .minSeverity, .value), ([""], [], [], .minSeverity, .value),
                (["LOW", "LOW"], [], [], .minSeverity, .repeated), ([], ["A"], [], .threatType, .value),
                ([], ["a,,b"], [], .threatType, .value), ([], many, [], .threatType, .tooMany),
                ([], [many.joined(separator: ",")], [], .threatType, .tooMany), ([], [], [""], .customerName, .value),
                ([], [], [String(repeating: "x", count: 1_025)], .customerName, .value),
                ([], [], many, .customerName, .tooMany),
            ]
        {
            #expect(throws: FilterError(member: member, problem: problem)) {
                try Filter(minSeverity: severity, threatType: types, customerName: names)
            }
        }
        #expect(throws: Never.self) {
            try Filter(minSeverity: [], threatType: Array(many.dropFirst()), customerName: Array(many.dropFirst()))
        }
        let error = FilterError(member: .minSeverity, problem: .value)
        #expect(error.description == "min_severity must be one of INFO, LOW, MEDIUM, HIGH or CRITICAL")
    }

    @Test("contract, WebSocket: filter and ping messages are understood")
    func understandsMessages() throws {
        func message(_ text: String) -> ClientMessage { ClientMessage(parsing: Array(text.utf8)) }
        #expect(message(#"{"type":"ping"}"#) == .ping)
        #expect(message(#"{"t":1,"typ\u0065":"p\u0069ng"}"#) == .ping)
        #expect(message(#"{"type":"filter"}"#) == .filter(.everything))
        #expect(message(#"{"type":"filter","threat_type":[],"customer_name":[]}"#) == .filter(.everything))
        #expect(message(#"{"type":"filter","threat_type":null,"min_severity":null}"#) == .filter(.everything))
        let expected = try Filter(minSeverity: "LOW", threatTypes: ["a", "b"], customerNames: ["Caf\u{e9}"])
        #expect(
            message(#"{"min_severity":"low","type":"filter","threat_type":["a","b"],"customer_name":"Caf\u00e9"}"#)
                == .filter(expected))
    }

    @Test(
        "contract, WebSocket: anything else is answered with a code",
        arguments: [
            ("", "not_json"), ("{", "not_json"), ("[]", "unknown_type"), ("1", "unknown_type"), ("{}", "unknown_type"),
            (#"{"type":1}"#, "unknown_type"), (#"{"type":"Ping"}"#, "unknown_type"),
            (#"{"type":"ping","type":"ping"}"#, "not_json"), (#"{"type":"filter","severity":"LOW"}"#, "invalid_filter"),
            (#"{"type":"filter","threat_type":[null]}"#, "invalid_filter"),
            (#"{"type":"filter","min_severity":["LOW"]}"#, "invalid_filter"),
            (#"{"type":"filter","threat_type":[1]}"#, "invalid_filter"),
            (#"{"type":"filter","threat_type":"a,b"}"#, "invalid_filter"),
            (#"{"type":"filter","customer_name":[["a"]]}"#, "invalid_filter"),
        ])
    func refusesMessages(_ text: String, _ code: String) {
        guard case .notUnderstood(let found, let detail) = ClientMessage(parsing: Array(text.utf8)) else {
            Issue.record("understood")
            return
        }
        #expect(found == code && !detail.isEmpty)
    }
}

@Suite("Batches")
struct BatchTests {
    private func array(_ text: String, itemsMax: Int = 3) throws -> [String] {
        let body = Array(text.utf8)
        return try Batch.items(ofArray: body, itemsMax: itemsMax).map { ThreatFeedTests.text(body[$0]) }
    }

    private func lines(_ text: String, itemsMax: Int = 3) throws -> [String] {
        let body = Array(text.utf8)
        return try Batch.items(ofLines: body, itemsMax: itemsMax).map { ThreatFeedTests.text(body[$0]) }
    }

    @Test("an array's items are the bytes of its elements")
    func splitsArrays() throws {
        #expect(try array(" [ ] ") == [])
        #expect(try array(#"[ {"a": [1, {"b":2}]} ,2,"x]" ]"#) == [#"{"a": [1, {"b":2}]}"#, "2", "\"x]\""])
        #expect(try array(#"[{"a":1,"a":2}]"#) == [#"{"a":1,"a":2}"#])
    }

    @Test("a broken array is refused whole")
    func refusesArrays() {
        #expect(throws: BatchError.notJSON(JSONError(offset: 4, reason: .unexpectedByte))) { try array("[{},]") }
        #expect(throws: BatchError.notAnArray(found: .object)) { try array("{}") }
        #expect(throws: BatchError.notAnArray(found: .object)) { try array(#"{"a":1,"b":2,"c":3,"d":4,"e":5}"#) }
        #expect(throws: BatchError.notAnArray(found: .null)) { try array("null") }
        #expect(throws: BatchError.tooManyItems(itemsMax: 3)) { try array("[1,2,3,4]") }
        let deep = String(repeating: "[", count: 34) + String(repeating: "]", count: 34)
        #expect(throws: BatchError.notJSON(JSONError(offset: 33, reason: .depthExceeded))) { try array(deep) }
        #expect(throws: Never.self) { try array(String(deep.dropFirst().dropLast())) }
    }

    @Test("NDJSON: lines without their ends, blank ones ignored, CR LF tolerated")
    func splitsLines() throws {
        #expect(try lines("") == [] && lines("\n\r\n \t\n") == [])
        #expect(try lines("{}\n{\"a\":1}\n") == ["{}", "{\"a\":1}"])
        #expect(try lines("{}\r\n\r\n  {} \r\nbroken") == ["{}", "  {} ", "broken"])
        #expect(throws: BatchError.tooManyItems(itemsMax: 3)) { try lines("1\n2\n3\n4") }
        #expect(try lines("1\n2\n3\n\n").count == 3)
    }
}
