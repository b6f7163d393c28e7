import Testing
import ThreatFeed

@testable import RedisLog

@Suite("What goes to Redis and comes from its channel")
struct FeedMessageTests {
    private static let record = ThreatRecord(
        id: "a", digest: ContentDigest(prefixOf: Array(0..<16)), receivedAtMilliseconds: 0,
        facets: Facets(severity: .low, threatType: "x", customerName: nil), tail: Array(#""id":"a"}"#.utf8))
    private static let blob = String(decoding: record.encode(), as: UTF8.self)

    private static let identity = LogIdentity(name: 0xABC, database: 3)

    private func cursors(_ payload: String) -> [String]? {
        FeedMessage(Array("\(Self.identity) \(payload)".utf8))?.entries.map { "\($0.cursor)" }
    }

    @Test("a message holds one entry or several, contiguous from its first cursor")
    func entries() {
        let size = Self.blob.utf8.count
        #expect(cursors("7 1 \(size)\n" + Self.blob) == ["7-1"])
        #expect(
            cursors("7 9 \(size) \(size) \(size)\n" + Self.blob + Self.blob + Self.blob) == ["7-9", "7-10", "7-11"])
        let largest = UInt64.max
        #expect(cursors("\(largest) \(largest) \(size)\n" + Self.blob) == ["\(largest)-\(largest)"])
        let message = FeedMessage(Array(("\(Self.identity) 7 1 \(size)\n" + Self.blob).utf8))
        #expect(message?.entries.first?.record == Self.record)
        #expect(message?.identity == Self.identity)
    }

    @Test("a message without the identity of its log is not read, as those of a version that had none")
    func withoutIdentity() {
        let rest = "7 1 \(Self.blob.utf8.count)\n" + Self.blob
        for payload in [rest, " " + rest, "0000000000000abc " + rest, "\(Self.identity)" + rest, "!", ""] {
            #expect(FeedMessage(Array(payload.utf8)) == nil, "\(payload)")
        }
        #expect(FeedMessage(Array("\(Self.identity)\n7 1".utf8)) == nil)
    }

    @Test("an identity is 16 digits and the number of a database, in one form")
    func identities() {
        #expect("\(Self.identity)" == "0000000000000abc@3")
        for text in ["0000000000000abc@3", "ffffffffffffffff@0", "0123456789abcdef@15", "0123456789abcdef@16383"] {
            #expect(LogIdentity(Array(text.utf8)[...])?.description == text)
        }
        let others = [
            "", "@3", "0000000000000abc", "0000000000000abc@", "000000000000abc@3", "00000000000000abc@3",
            "0000000000000ABC@3", "0000000000000abc@03", "0000000000000abc@-3", "0000000000000abc@3 ",
            "0000000000000abc@99999999999999999999", "0000000000000abg@3", "0000000000000abc@x",
        ]
        for text in others { #expect(LogIdentity(Array(text.utf8)[...]) == nil, "\(text)") }
    }

    @Test("a message that is anything else is not read in part")
    func malformed() {
        let size = Self.blob.utf8.count
        let headers = [
            "", " ", "7", "7 1", "7 1 ", "7  \(size)", " 7 1 \(size)", "7 1 \(size) ", "7 1 \(size)  \(size)",
            "7 1 \(size - 1)", "7 1 \(size + 1)", "7 1 \(size) 0", "7 1 \(size) \(size)", "+7 1 \(size)",
            "7 -1 \(size)",
            "7 1 \(size)x", "7 1 x", "7,1,\(size)", "7 1 18446744073709551616", "18446744073709551616 1 \(size)",
            "7 1 99999999999999999999999", "7 1 18446744073709551615",
        ]
        for header in headers { #expect(cursors(header + "\n" + Self.blob) == nil, "\(header)") }
        #expect(cursors("7 1 \(size)\n" + Self.blob + "x") == nil)
        #expect(cursors("7 1 \(size)" + Self.blob) == nil)
        let beyond = "7 18446744073709551615 \(size) \(size)\n" + Self.blob + Self.blob
        #expect(cursors(beyond) == nil)
    }

    @Test("a command is an array of bulk strings, whatever its arguments hold")
    func command() {
        var command = RedisCommand("SET", "", "a\r\nb")
        command.append([0, 0xFF])
        command.append(Int64(-12))
        var sent = Array("before".utf8)
        command.format(into: &sent)
        let expected =
            Array("before*5\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n$2\r\n".utf8) + [0, 0xFF]
            + Array("\r\n$3\r\n-12\r\n".utf8)
        #expect(sent == expected)
        #expect(RedisCommand("A", "B") == RedisCommand(arguments: [Array("A".utf8), Array("B".utf8)]))
        #expect(RedisCommand("AB") != RedisCommand("A", "B"))
    }
}
