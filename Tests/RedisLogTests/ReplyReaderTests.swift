import Testing

@testable import RedisLog

@Suite("Replies of Redis (RESP)")
struct ReplyReaderTests {
    /// Reads a whole text, fed in pieces of a size.
    private func replies(_ text: String, pieceBytes: Int) throws -> [RedisReply] {
        let reader = ReplyReader(replyBytesMax: 1 << 20)
        let bytes = Array(text.utf8)
        var found: [RedisReply] = []
        for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
            try bytes[start..<min(bytes.count, start + pieceBytes)].withUnsafeBytes { try reader.feed($0) }
            while let reply = try reader.next() { found.append(reply) }
        }
        return found
    }

    private func string(_ text: String) -> RedisReply { .string(Array(text.utf8)) }

    @Test("every kind of reply, nested, in pieces of any size", arguments: [1, 2, 3, 7, 1_000])
    func kinds(pieceBytes: Int) throws {
        let text =
            "+OK\r\n:-12\r\n$-1\r\n$0\r\n\r\n*0\r\n*-1\r\n-NOSCRIPT No matching script.\r\n-ERR\r\n"
            + "*4\r\n:1\r\n*2\r\n$2\r\na\r\r\n*0\r\n*1\r\n*1\r\n-E x y\r\n$-1\r\n:7\r\n"
        let expected: [RedisReply] = [
            string("OK"), .integer(-12), .null, string(""), .array([]), .null,
            .error(code: "NOSCRIPT", message: "No matching script."), .error(code: "ERR", message: ""),
            .array([
                .integer(1), .array([string("a\r"), .array([])]),
                .array([.array([.error(code: "E", message: "x y")])]), .null,
            ]),
            .integer(7),
        ]
        #expect(try replies(text, pieceBytes: pieceBytes) == expected)
    }

    @Test("an array far larger than what is reserved for it")
    func large() throws {
        let count = 5_000
        let text = "*\(count)\r\n" + (0..<count).map { ":\($0)\r\n" }.joined()
        #expect(try replies(text, pieceBytes: 4_096) == [.array((0..<count).map { .integer(Int64($0)) })])
    }

    @Test("a reader may go in the middle of a reply, and after an error it reads no more")
    func unfinished() throws {
        let reader = ReplyReader(replyBytesMax: 1 << 20)
        try Array("*2\r\n*3\r\n$4\r\nabcd\r\n:1\r\n".utf8).withUnsafeBytes { try reader.feed($0) }
        #expect(try reader.next() == nil)
        try Array("?\r\n".utf8).withUnsafeBytes { try reader.feed($0) }
        #expect(throws: ReplyError.self) { try reader.next() }
        #expect(throws: ReplyError.self) {
            try Array("+OK\r\n".utf8).withUnsafeBytes { try reader.feed($0) }
            _ = try reader.next()
        }
    }

    @Test(
        "what is not RESP, or announces too much, is an error, also within an array",
        arguments: ["?\r\n", "*2\r\n:1\r\n?", "*99999999\r\n", "*1\r\n*4194305\r\n", ":1x\r\n"])
    func malformed(text: String) {
        #expect(throws: ReplyError.self) { try replies(text, pieceBytes: 1_000) }
    }
}
