import Testing

@testable import ThreatFeed

@Suite("JSON text as it is written")
struct JSONTextTests {
    @Test("a number is as long as announced, at every power of ten")
    func integers() {
        var numbers: [UInt64] = [0, 1, .max, .max - 1]
        var power: UInt64 = 1
        for _ in 0..<19 {
            power *= 10
            numbers += [power - 1, power, power + 1]
        }
        for number in numbers {
            var bytes = Array("x".utf8)
            JSONText.appendInteger(number, to: &bytes)
            #expect(text(bytes) == "x\(number)")
            #expect(DecimalText.digitCount(number) == bytes.count - 1, "\(number)")
        }
        for number in [Int64.min, -1, 0, .max] {
            var bytes: [UInt8] = []
            JSONText.appendInteger(number, to: &bytes)
            #expect(text(bytes) == "\(number)")
        }
    }

    @Test(
        "RFC 8259 §7: a string is escaped where it must be, wherever that stands",
        arguments: ["\"", "\\", "\n", "\u{1}", "\u{1F}", "\u{7F}", "é", "漢", "🚨"])
    func strings(_ character: String) {
        for before in 0..<18 {
            let string = String(repeating: "a", count: before) + character + String(repeating: "ü", count: before % 3)
            var bytes: [UInt8] = []
            JSONText.appendString(string, to: &bytes)
            let escaped: [String: String] = [
                "\"": "\\\"", "\\": "\\\\", "\n": "\\n", "\u{1}": "\\u0001", "\u{1F}": "\\u001f",
            ]
            let expected = string.replacing(character, with: escaped[character] ?? character)
            #expect(text(bytes) == "\"\(expected)\"")
            #expect(scanError(bytes) == nil)
        }
    }

    @Test("a buffer that many small texts are appended to is not moved for each of them")
    func growth() {
        var bytes: [UInt8] = []
        var moves = 0
        var capacity = 0
        for number in 0..<100_000 {
            JSONText.appendInteger(UInt64(number), to: &bytes)
            JSONText.appendRaw(",", to: &bytes)
            if bytes.capacity != capacity { moves += 1 }
            capacity = bytes.capacity
        }
        #expect(moves < 64, "\(moves) moves")
    }
}
