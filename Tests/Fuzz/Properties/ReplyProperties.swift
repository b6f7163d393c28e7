import Corpora
import ThreatFeed

@testable import RedisLog

/// Any bytes as what Redis answers.
enum ReplyProperties {
    static func check(_ input: [UInt8]) {
        let whole = Replies([input])
        for cutting in cuttings(of: input) {
            expectEqual(Replies(cutting.pieces(of: input)), whole, "\(cutting) gives what the whole gives")
        }
        var written: [UInt8] = []
        for reply in whole.heard { append(reply, to: &written) }
        let again = Replies([written])
        expectEqual(again.heard, whole.heard, "replies read as they were written")
        expectEqual(again.error, nil, "replies that we write are RESP")
        for reply in whole.heard { checkDecoding(reply) }
        checkBound(input)
        checkCommand(input)
    }

    private struct Replies: Equatable {
        var heard: [RedisReply] = []
        var error: ReplyError?

        init(_ pieces: [[UInt8]], replyBytesMax: Int = 1 << 20) {
            let reader = ReplyReader(replyBytesMax: replyBytesMax)
            do throws(ReplyError) {
                for piece in pieces {
                    try feed(reader, piece)
                    while let reply = try reader.next() { heard.append(reply) }
                }
            } catch {
                self.error = error
                expect(!error.reason.isEmpty, "a refusal says why")
                checkFailed(reader)
            }
        }

        /// A reader that has failed gives no reply again: by itself, or because no more is taken.
        private func checkFailed(_ reader: ReplyReader) {
            do throws(ReplyError) {
                try feed(reader, octets("+OK\r\n"))
                let reply = try reader.next()
                expect(reply == nil, "a failed reader gives no reply")
            } catch {
                expect(!error.reason.isEmpty, "a failed reader says why again")
            }
        }
    }

    private static func feed(_ reader: ReplyReader, _ bytes: [UInt8]) throws(ReplyError) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(ReplyError) in try reader.feed(bytes) }
        }
        try result.get()
    }

    /// However long a reply takes, no more bytes are taken than the bound.
    private static func checkBound(_ input: [UInt8]) {
        let bounded = Replies(input.map { [$0] }, replyBytesMax: 64)
        let whole = Replies([input])
        expect(bounded.heard.elementsEqual(whole.heard.prefix(bounded.heard.count)), "a bound changes no reply")
        if bounded.error == nil, whole.error == nil {
            expectEqual(bounded.heard, whole.heard, "a bound that is kept to changes nothing")
        }
    }

    private static func append(_ reply: RedisReply, to output: inout [UInt8]) {
        switch reply {
        case .string(let bytes): output += octets("$\(bytes.count)\r\n") + bytes + octets("\r\n")
        case .integer(let value): output += octets(":\(value)\r\n")
        case .null: output += octets("$-1\r\n")
        case .error(let code, let message):
            output += octets("-") + Array("\(code)\(message.isEmpty ? "" : " ")\(message)".utf8) + octets("\r\n")
        case .array(let elements):
            output += octets("*\(elements.count)\r\n")
            for element in elements { append(element, to: &output) }
        }
    }

    /// Everything that reads replies takes any reply.
    private static func checkDecoding(_ reply: RedisReply) {
        if let entries = try? EntryDecoding.entries(reply) {
            expectEqual(entries.count, reply.elements?.count, "each element is an entry")
        }
        _ = EntryDecoding.cursor(reply)
        _ = EntryDecoding.number(reply)
        _ = try? EntryDecoding.head(reply)
        _ = try? LogAnalytics(decoding: reply)
        _ = PublishCall.lostHead(reply)
        checkPublish(reply)
        if let payload = reply.elements?.last?.bytes, let message = FeedMessage(payload) {
            _ = message.entries.map(\.cursor)
        }
    }

    /// Each publisher is told its outcome, once, whatever Redis answers.
    private static func checkPublish(_ reply: RedisReply) {
        var told = 0
        let facets = Facets(severity: .high, threatType: "bot", customerName: nil)
        let record = ThreatRecord(
            id: "a", digest: ContentDigest(prefixOf: Array(repeating: 7, count: 16)), receivedAtMilliseconds: 0,
            facets: facets, tail: octets(#""id":"a"}"#))
        let count = max(1, (reply.elements?.count ?? 1) - 1)
        let publications = (0..<min(count, 64)).map { _ in Publication(record: record) { _ in told += 1 } }
        for call in PublishCall.split(publications) { _ = call.complete(reply) }
        expectEqual(told, publications.count, "each publisher is told its outcome, once")
    }

    /// What we send, a server reads as it was meant.
    private static func checkCommand(_ input: [UInt8]) {
        let arguments = input.split(separator: 0x0A, omittingEmptySubsequences: false).prefix(32).map { Array($0) }
        var command = RedisCommand("EVALSHA")
        for argument in arguments { command.append(argument) }
        var sent: [UInt8] = []
        command.format(into: &sent)
        let expected = RedisReply.array([.string(octets("EVALSHA"))] + arguments.map { .string($0) })
        expectEqual(Replies([sent]).heard, [expected], "a command reads as it was meant")
    }
}
