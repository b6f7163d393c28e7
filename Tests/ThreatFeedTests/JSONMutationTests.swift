import Foundation
import TestSupport
import Testing
import ThreatFeed

private let seeds: [String] = [
    #"{"id":"a-1","threat_type":"malware","severity":"high","title":"caf\u00e9 \ud83d\ude00 日本","n":[1,-2.5e10,0]}"#,
    #"{"threat_type":"x","mitre_techniques":["T1110.004"],"indicators":[{"type":"ip","value":"192.0.2.1"}]}"#,
    #"[{"a":{"b":[true,false,null,{"c":"\"\\\/\b\f\n\r\t"}]}} , [ ] , { } ]"#,
    #"{"scenario":"bot_attack"}"#,
]

private let interesting: [UInt8] =
    Array("{}[]\",:\\/u0123456789abcdefDd+-.eE \n\t\r".utf8) + [0, 0x1F, 0x7F, 0x80, 0xC3, 0xED, 0xF4, 0xFF]

@Suite("JSON mutations")
struct JSONMutationTests {
    private static func mutate(_ seed: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = seed
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let position = Int.random(in: 0...bytes.count, using: &random)
            let byte = interesting.randomElement(using: &random) ?? 0
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.insert(byte, at: position)
            case 1 where position < bytes.count: bytes.remove(at: position)
            case 2 where position < bytes.count: bytes[position] = byte
            case 3: bytes = Array(bytes[..<position])
            default:
                let other = Int.random(in: 0...bytes.count, using: &random)
                bytes.insert(contentsOf: bytes[min(position, other)..<max(position, other)].prefix(20), at: position)
            }
        }
        return bytes
    }

    @Test("accepted texts are JSON to Foundation too, and refused ones are not, but for what only this scanner refuses")
    func agreesWithFoundation() {
        let seed = TestSeed.value
        print("JSON mutation seed \(seed)")
        var random = SeededGenerator(state: seed)
        var acceptedCount = 0
        var refusedCount = 0
        for round in 0..<20_000 {
            let bytes = Self.mutate(Array(seeds[round % seeds.count].utf8), &random)
            let isJSON = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            if let error = scanError(bytes) {
                refusedCount += 1
                #expect(error.offset >= 0 && error.offset <= bytes.count)
                let isStricter: [JSONError.Reason] = [
                    .duplicateMember, .byteOrderMark, .notUTF8Encoding, .loneSurrogate,
                ]
                // Foundation takes some numbers, NUL bytes and trailing commas that RFC 8259 does not know.
                if isJSON, !isStricter.contains(error.reason), error.reason != .invalidNumber, !bytes.contains(0),
                    !Self.isTrailingComma(bytes, error)
                {
                    Issue.record("seed \(seed): refused (\(error)) but JSON: \(text(bytes))")
                }
            } else {
                acceptedCount += 1
                // Foundation refuses numbers beyond a double; their text is kept here.
                if !isJSON, !Self.hasHugeExponent(bytes) {
                    Issue.record("seed \(seed): accepted but not JSON: \(text(bytes))")
                }
            }
        }
        #expect(acceptedCount > 500 && refusedCount > 5_000, "seed \(seed)")
    }

    private static func isTrailingComma(_ bytes: [UInt8], _ error: JSONError) -> Bool {
        let before = bytes[..<error.offset].last { ![0x20, 0x0A, 0x0D, 0x09].contains($0) }
        return error.reason == .unexpectedByte && before == UInt8(ascii: ",")
            && [UInt8(ascii: "]"), UInt8(ascii: "}")].contains(bytes[error.offset])
    }

    private static func hasHugeExponent(_ bytes: [UInt8]) -> Bool {
        text(bytes).contains(/[0-9][eE]\+?[0-9]{3,}/)
    }

    @Test("mutated threats never trap, and what is accepted is one JSON line that keeps its members")
    func parserSurvives() throws {
        let seed = TestSeed.value
        print("threat mutation seed \(seed)")
        var random = SeededGenerator(state: seed)
        var parser = ThreatParser()
        for round in 0..<20_000 {
            let bytes = Self.mutate(Array(seeds[round % seeds.count].utf8), &random)
            guard let record = try? parser.parse(bytes, receipt: receipt()) else { continue }
            let cursor = Cursor(generation: 1, sequence: UInt64(round))
            let document = LogEntry(cursor: cursor, record: record).document()
            #expect(scanError(document) == nil, "seed \(seed): \(text(bytes))")
            #expect(!document.contains(0x0A) && !document.contains(0x0D), "seed \(seed)")
            #expect(try ThreatRecord(decoding: record.encode()) == record, "seed \(seed)")
            if !Self.hasHugeExponent(bytes) {
                let object = try JSONSerialization.jsonObject(with: Data(document)) as? [String: Any]
                #expect(object?["id"] as? String == record.id, "seed \(seed): \(text(bytes))")
            }
        }
    }

    @Test("random bytes neither trap the message, batch, cursor nor record readers")
    func readersSurvive() {
        let seed = TestSeed.value
        print("reader mutation seed \(seed)")
        var random = SeededGenerator(state: seed)
        let record = Array("a-1 000102030405060708090a0b0c0d0e0f 1767323045678 9 3 malware\"id\":\"a-1\"}".utf8)
        let message = Array(#"{"type":"filter","min_severity":"HIGH","threat_type":["a","b"]}"#.utf8)
        for _ in 0..<10_000 {
            _ = try? ThreatRecord(decoding: Self.mutate(record, &random))
            _ = ClientMessage(parsing: Self.mutate(message, &random))
            _ = Cursor(text(Self.mutate(Array("1767323045678-12".utf8), &random)))
            _ = RFC3339.milliseconds(of: Self.mutate(Array("2026-01-02T03:04:05.678Z".utf8), &random)[...])
            let body = Self.mutate(Array("[{},{}]\r\n\n{}".utf8), &random)
            for items in [try? Batch.items(ofArray: body), try? Batch.items(ofLines: body)] {
                for item in items ?? [] { #expect(item.upperBound <= body.count && !item.isEmpty, "seed \(seed)") }
            }
        }
    }
}
