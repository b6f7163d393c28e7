import PosixIO
import Testing
import ThreatFeed

@testable import Broadcast

/// An entry whose forms say what they are: `3` plain, `3*` deflated by itself, `3<2` after 2.
private func contextEntry(_ sequence: UInt64, severity: Severity = .medium) -> FeedEntry {
    FeedEntry(
        logEntry(1, sequence, severity: severity), webSocket: Array("\(sequence)".utf8), tail: 0..<0,
        otherForm: { form, _, frame, previous in
            precondition((previous != nil) == (form == .webSocketDeflatedInContext))
            return Array(frame.bytes) + (previous.map { Array("<".utf8) + Array($0.bytes) } ?? Array("*".utf8))
        })
}

private let severe = Filter(minSeverity: .high, threatTypes: [], customerNames: [])

private func feed(_ severities: [Severity], entriesMax: Int = 1000) -> Feed {
    let feed = Feed(bounds: .init(entriesMax: entriesMax, bytesMax: 1 << 20), startingAfter: cursor(0))
    for (index, severity) in severities.enumerated() {
        feed.append(contextEntry(UInt64(index + 1), severity: severity))
    }
    return feed
}

extension Feed {
    fileprivate func enter(after sequence: UInt64, _ filter: Filter = .everything) throws -> ClientPosition {
        let joined = join(after: cursor(sequence), filter: filter, form: .webSocketDeflatedInContext)
        return try #require(joined)
    }

    /// Gives a client everything it lacks.
    fileprivate func give(_ client: inout ClientPosition) -> [String] {
        let batch = batch(for: client)
        _ = advance(&client, past: batch)
        return texts(batch)
    }
}

@Suite("One deflate context for all clients")
struct ContextTests {
    @Test("the first entry of a client stands by itself, every other after the one before it")
    func chain() throws {
        let feed = feed([.low, .low, .low])
        var client = try feed.enter(after: 0)
        #expect(feed.give(&client) == ["1*", "2<1", "3<2"])
        feed.append(contextEntry(4))
        var late = try feed.enter(after: 3)
        #expect(!feed.batch(for: client).serves(late), "they stand at the same place, and differ in their windows")
        #expect(feed.give(&client) == ["4<3"])
        #expect(feed.give(&late) == ["4*"])
        feed.append(contextEntry(5))
        #expect(feed.batch(for: client).serves(late))
        #expect(feed.give(&late) == ["5<4"])
    }

    @Test("clients without context share batches as ever, by themselves or plain")
    func otherForms() throws {
        let feed = feed([.low, .low])
        for (form, expected) in [(WireForm.webSocket, ["1", "2"]), (.webSocketDeflated, ["1*", "2*"])] {
            let joined = feed.join(after: cursor(0), filter: .everything, form: form)
            var client = try #require(joined)
            #expect(feed.give(&client) == expected)
            let fresh = feed.join(after: cursor(2), filter: .everything, form: form)
            #expect(feed.batch(for: client).serves(try #require(fresh)))
        }
    }

    @Test("of a filter's clients the context is the entry that the filter let through before")
    func filters() throws {
        let feed = feed([.low, .high, .low, .high])
        var client = try feed.enter(after: 0, severe)
        #expect(feed.give(&client) == ["2*", "4<2"])
        feed.append(contextEntry(5, severity: .low))
        #expect(feed.give(&client) == [])
        feed.append(contextEntry(6, severity: .critical))
        #expect(feed.give(&client) == ["6<4"])
    }

    @Test("an entry that only passed a client by is none of its context")
    func passedBy() throws {
        let feed = feed([.high, .low])
        var client = try feed.enter(after: 1, severe)
        #expect(feed.give(&client) == [])
        feed.append(contextEntry(3, severity: .high))
        #expect(feed.give(&client) == ["3*"], "the first was given to nobody")
    }

    @Test("a changed filter ends the context: what the new one let through last is not what the client had")
    func changedFilter() throws {
        let feed = feed([.high, .low])
        var client = try feed.enter(after: 0)
        #expect(feed.give(&client) == ["1*", "2<1"])
        feed.setFilter(severe, for: &client)
        feed.append(contextEntry(3, severity: .high))
        #expect(feed.give(&client) == ["3*"])
        feed.setFilter(.everything, for: &client)
        feed.append(contextEntry(4))
        #expect(feed.give(&client) == ["4*"])
    }

    @Test("an entry of which the socket took a part counts, one of which it took nothing does not")
    func cutEntries() throws {
        let feed = feed([.low, .low, .low])
        for (byteCount, next) in [(0, "1*"), (1, "2<1"), (2, "2<1"), (3, "3<2"), (5, "3<2")] {
            var client = try feed.enter(after: 0)
            _ = feed.advance(&client, past: feed.batch(for: client), byteCount: byteCount)
            let batch = feed.batch(for: client)
            #expect(texts(batch).first == next, "\(byteCount) bytes")
        }
    }

    @Test("when the entry before has left the ring, the next stands by itself")
    func leftTheRing() throws {
        let feed = feed([.high, .low, .high], entriesMax: 3)
        var everything = try feed.enter(after: 0)
        var filtered = try feed.enter(after: 0, severe)
        #expect(feed.give(&everything) == ["1*", "2<1", "3<2"])
        #expect(feed.give(&filtered) == ["1*", "3<1"])
        for sequence in UInt64(4)...6 { feed.append(contextEntry(sequence, severity: .high)) }
        #expect(feed.give(&everything) == ["4*", "5<4", "6<5"])
        #expect(feed.give(&filtered) == ["4*", "5<4", "6<5"])
    }

    @Test("a form in context is made once for all loops, and of one entry for so many contexts only")
    func bound() throws {
        let shared = contextEntry(9)
        let previous = (UInt64(1)...8).map { contextEntry($0) }
        let made = previous.prefix(FeedEntry.contextsMax).map { entry in
            shared.bytes(.webSocketDeflatedInContext, after: entry)
        }
        for (entry, bytes) in zip(previous, made) {
            let again = shared.bytes(.webSocketDeflatedInContext, after: contextEntry(entry.cursor.sequence))
            #expect(again.pointer == bytes.pointer)
        }
        let byItself = shared.bytes(.webSocketDeflated)
        for entry in previous.dropFirst(FeedEntry.contextsMax) {
            #expect(shared.bytes(.webSocketDeflatedInContext, after: entry).pointer == byItself.pointer)
        }
        #expect(shared.bytes(.webSocketDeflatedInContext).pointer == byItself.pointer)
        let neighbour = shared.bytes(.webSocketDeflatedInContext, after: contextEntry(8), isNeighbour: true)
        #expect(neighbour.pointer != byItself.pointer, "clients without a filter have their context in any case")
    }

    @Test("an entry does not keep the one before it in memory")
    func holdsNoChain() {
        let entry = contextEntry(2)
        weak var released: FeedEntry?
        do {
            let previous = contextEntry(1)
            released = previous
            _ = entry.bytes(.webSocketDeflatedInContext, after: previous)
        }
        #expect(released == nil)
    }

    @Test("a place in the feed is as large as without a context")
    func size() {
        #expect(MemoryLayout<ClientPosition>.size <= 44)
    }
}
