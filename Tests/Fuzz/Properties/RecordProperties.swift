import Corpora

@testable import RedisLog
@testable import ThreatFeed

/// Any bytes as a record in Redis, as facets and as a message of the feed's channel.
enum RecordProperties {
    static func check(_ input: [UInt8]) {
        if let record = try? ThreatRecord(decoding: input) {
            expectEqual(record.encode(), input, "a record has one form")
            expect(TextPattern.isID(Array(record.id.utf8)[...]), "a record has an id")
        }
        if let facets = try? Facets(decoding: input[...]) {
            expectEqual(facets.encode(), input, "facets have one form")
            expectEqual(facets.encodedByteCount, input.count, "facets are as long as announced")
        }
        if let digest = ContentDigest(hex: input[...]) {
            expectEqual(Array(digest.description.utf8), input, "a digest has one form")
        }
        if let identity = LogIdentity(input[...]) {
            expectEqual(Array(identity.description.utf8), input, "an identity has one form")
        }
        checkMessage(input)
    }

    private static func checkMessage(_ payload: [UInt8]) {
        guard let message = FeedMessage(payload) else { return }
        let entries = message.entries
        guard let first = entries.first else { fatalError("property broken: a message has entries") }
        for (index, entry) in entries.enumerated() {
            expectEqual(entry.cursor.generation, first.cursor.generation, "a message is of one generation")
            expectEqual(entry.cursor.sequence, first.cursor.sequence + UInt64(index), "a message has no gap")
        }
        let blobs = entries.map { $0.record.encode() }
        let lengths = blobs.map { " \($0.count)" }.joined()
        let written =
            octets("\(message.identity) \(first.cursor.generation) \(first.cursor.sequence)\(lengths)\n")
            + blobs.joined()
        expectEqual(FeedMessage(written)?.entries, entries, "a message reads as it was written")
        checkTracker(entries)
    }

    /// A follower that stands before the message delivers it once, in order.
    private static func checkTracker(_ entries: [LogEntry]) {
        guard let first = entries.first, first.cursor.sequence > 1 else { return }
        var tracker = FeedTracker()
        guard case .readNewest(let number, _)? = tracker.subscribed().first else {
            fatalError("property broken: who subscribes reads first")
        }
        let before = Cursor(generation: first.cursor.generation, sequence: first.cursor.sequence - 1)
        let head = LogHead(cursor: before, resumableFrom: .zero, forkedAt: .zero)
        _ = tracker.newestAnswered(number, LogPage(entries: [], head: head))
        expectEqual(tracker.received(entries), [.deliver(entries)], "what joins on is delivered")
        expectEqual(tracker.received(entries), [], "nothing is delivered twice")
    }
}
