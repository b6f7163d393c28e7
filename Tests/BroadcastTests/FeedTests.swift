import PosixIO
import Testing
import ThreatFeed

@testable import Broadcast

@Suite("A client is a position in the feed")
struct FeedTests {
    @Test("a client that joins after a cursor gets exactly what follows it")
    func joinsAfterCursor() throws {
        let feed = makeFeed(entries: 10)
        let clientJoined = feed.join(after: cursor(7), filter: .everything, form: .webSocket)
        let client = try #require(clientJoined)
        let batch = feed.batch(for: client)
        #expect(texts(batch) == ["8", "9", "10"])
    }

    @Test("a cursor the ring does not reach back to, or has not seen, is refused")
    func refusesUnknownCursors() {
        let feed = makeFeed(entries: 10, entriesMax: 4)
        #expect(feed.join(after: cursor(5), filter: .everything, form: .webSocket) == nil)
        #expect(feed.join(after: cursor(6), filter: .everything, form: .webSocket) != nil)
        #expect(feed.join(after: cursor(11), filter: .everything, form: .webSocket) == nil)
    }

    @Test("a cursor of another log is not taken for one of this, even if it lies between two that are")
    func refusesForeignCursors() {
        let feed = Feed(bounds: .init(entriesMax: 10, bytesMax: 1 << 20), startingAfter: .zero)
        #expect(feed.join(after: .zero, filter: .everything, form: .webSocket) != nil, "the log is empty")
        for sequence in 1...3 { feed.append(entry(UInt64(sequence))) }
        feed.append(reset(generation: 5, sequence: 3))
        for foreign in [Cursor.zero, Cursor(generation: 0, sequence: 7), Cursor(generation: 3, sequence: 2)] {
            #expect(feed.join(after: foreign, filter: .everything, form: .webSocket) == nil)
        }
        #expect(feed.join(after: cursor(0), filter: .everything, form: .webSocket) != nil)
    }

    @Test("what retention let go of is no longer history, nor a place to resume from")
    func trimmed() {
        let feed = makeFeed(entries: 10)
        feed.trim(through: cursor(6))
        let (entries, isComplete) = feed.newest(20, matching: .everything)
        #expect(entries.map(\.cursor.sequence) == [10, 9, 8, 7])
        #expect(isComplete)
        #expect(feed.join(after: cursor(5), filter: .everything, form: .webSocket) == nil)
        #expect(feed.join(after: cursor(6), filter: .everything, form: .webSocket) != nil)
    }

    @Test("a socket that takes any number of bytes gets every byte once, in order", arguments: [1, 2, 3, 5, 8, 1000])
    func shortWrites(bytesPerWrite: Int) throws {
        let feed = makeFeed(entries: 200)
        let clientJoined = feed.join(after: cursor(0), filter: .everything, form: .webSocket)
        var client = try #require(clientJoined)
        var sent: [UInt8] = []
        while true {
            if client.partial != nil {
                let taken = Array(client.partialRest.prefix(bytesPerWrite))
                sent += taken
                client.advancePartial(byteCount: taken.count)
            } else if feed.isAtHead(client) {
                break
            } else {
                let batch = feed.batch(for: client)
                let taken = Array(batch.bytes.pieces.flatMap { Array($0.bytes) }.prefix(bytesPerWrite))
                sent += taken
                _ = feed.advance(&client, past: batch, byteCount: taken.count)
            }
        }
        #expect(String(decoding: sent, as: UTF8.self) == (1...200).map(String.init).joined())
        #expect(client.cursor == cursor(200))
    }

    @Test("a client whose next entry has left the ring fell off, and knows what to resume from")
    func fallsOff() throws {
        let feed = makeFeed(entries: 3, entriesMax: 4)
        let clientJoined = feed.join(after: cursor(0), filter: .everything, form: .webSocket)
        var client = try #require(clientJoined)
        let batch = feed.batch(for: client)
        _ = feed.advance(&client, past: batch, byteCount: 1)
        for sequence in 4...5 {
            feed.append(entry(UInt64(sequence)))
            #expect(!feed.fellOff(client), "the ring still holds the second entry")
        }
        feed.append(entry(6))
        #expect(feed.fellOff(client))
        #expect(client.cursor == cursor(1))
    }

    @Test("the ring is bounded in entries and in bytes, and always keeps the newest")
    func bounds() {
        let byBytes = Feed(bounds: .init(entriesMax: 100, bytesMax: 5), startingAfter: .zero)
        for sequence in 1...9 { byBytes.append(entry(UInt64(sequence), text: "12")) }
        #expect(byBytes.ring.count == 2)
        byBytes.append(entry(10, text: "1234567890"))
        #expect(byBytes.ring.count == 1)
        #expect(byBytes.ring.headCursor == cursor(10))
    }

    @Test("clients of a filter get what matches and pass what does not, whenever they join")
    func filters() throws {
        let feed = makeFeed(entries: 0)
        let filter = Filter(minSeverity: .high, threatTypes: [], customerNames: [])
        for sequence in 1...6 { feed.append(entry(UInt64(sequence), severity: sequence % 2 == 0 ? .high : .low)) }
        let earlyJoined = feed.join(after: cursor(3), filter: filter, form: .webSocket)
        var early = try #require(earlyJoined)
        #expect(texts(feed.batch(for: early)) == ["4", "6"])
        let lateJoined = feed.join(after: cursor(0), filter: filter, form: .webSocket)
        let late = try #require(lateJoined)
        #expect(texts(feed.batch(for: late)) == ["2", "4", "6"])
        #expect(feed.filterCount == 1)
        let batch = feed.batch(for: early)
        #expect(feed.advance(&early, past: batch, byteCount: batch.bytes.count) == 2)
        #expect(feed.isAtHead(early))
        feed.append(entry(7, severity: .low))
        let empty = feed.batch(for: early)
        #expect(empty.bytes.pieces.isEmpty)
        _ = feed.advance(&early, past: empty, byteCount: 0)
        #expect(early.cursor == cursor(7))
        feed.leave(early)
        feed.leave(late)
        #expect(feed.filterCount == 0)
    }

    @Test("what was made for a filter that is gone does not serve the filter that comes after it")
    func forgottenFilter() throws {
        let feed = makeFeed(entries: 0)
        for sequence in 1...4 { feed.append(entry(UInt64(sequence), severity: sequence < 3 ? .low : .critical)) }
        let severe = Filter(minSeverity: .critical, threatTypes: [], customerNames: [])
        let firstJoined = feed.join(after: cursor(0), filter: severe, form: .webSocket)
        let first = try #require(firstJoined)
        #expect(texts(feed.batch(for: first)) == ["3", "4"])
        feed.leave(first)
        let mild = Filter(minSeverity: .low, threatTypes: [], customerNames: [])
        let secondJoined = feed.join(after: cursor(0), filter: mild, form: .webSocket)
        let second = try #require(secondJoined)
        #expect(texts(feed.batch(for: second)) == ["1", "2", "3", "4"])
    }

    @Test("a changed filter holds from the client's position on")
    func changesFilter() throws {
        let feed = makeFeed(entries: 0)
        for sequence in 1...4 { feed.append(entry(UInt64(sequence), severity: sequence < 3 ? .low : .critical)) }
        let clientJoined = feed.join(after: cursor(0), filter: .everything, form: .webSocket)
        var client = try #require(clientJoined)
        feed.setFilter(Filter(minSeverity: .critical, threatTypes: [], customerNames: []), for: &client)
        #expect(texts(feed.batch(for: client)) == ["3", "4"])
        feed.setFilter(.everything, for: &client)
        #expect(texts(feed.batch(for: client)) == ["1", "2", "3", "4"])
    }

    @Test("history is the newest that match, newest first, and says whether the log may hold more")
    func newest() {
        let feed = makeFeed(entries: 10)
        #expect(feed.newest(3, matching: .everything).entries.map(\.cursor.sequence) == [10, 9, 8])
        #expect(feed.newest(3, matching: .everything).isComplete)
        #expect(feed.newest(20, matching: .everything).isComplete, "the ring reaches to the start of the log")
        for sequence in 11...40 { feed.append(entry(UInt64(sequence))) }
        #expect(feed.newest(100, matching: .everything).entries.count == 40)
        let cut = makeFeed(entries: 40, entriesMax: 5)
        #expect(!cut.newest(20, matching: .everything).isComplete)
        cut.append(reset(generation: 2, sequence: 41))
        #expect(cut.newest(2, matching: .everything).entries.map(\.cursor.sequence) == [40, 39])
    }

    @Test("an entry that is not in the log reaches clients of every filter")
    func resetReachesAll() throws {
        let feed = makeFeed(entries: 2)
        let filter = Filter(minSeverity: .critical, threatTypes: [], customerNames: [])
        let clientJoined = feed.join(after: cursor(2), filter: filter, form: .webSocket)
        let client = try #require(clientJoined)
        feed.append(reset(generation: 2, sequence: 3))
        #expect(texts(feed.batch(for: client)) == ["reset"])
    }

    @Test("an entry that has left the ring is held for as many others as asked for, and gets to nobody")
    func departed() {
        final class Watched { weak var entry: FeedEntry? }
        let watched = (1...6).map { _ in Watched() }
        let feed = Feed(bounds: .init(entriesMax: 2, bytesMax: 1 << 20, departedMax: 3), startingAfter: cursor(0))
        for (sequence, watch) in zip(UInt64(1)..., watched) {
            let entry = entry(sequence)
            watch.entry = entry
            feed.append(entry)
        }
        #expect(watched.map { $0.entry?.cursor.sequence } == [nil, 2, 3, 4, 5, 6])
        #expect(feed.entryCount == 2 && feed.byteCount == 2)
        #expect(feed.join(after: cursor(3), filter: .everything, form: .webSocket) == nil)
    }

    @Test("entries that have left are held for a sixteenth of the ring's bytes at most")
    func departedBytes() {
        weak var first: FeedEntry?
        let feed = Feed(bounds: .init(entriesMax: 1, bytesMax: 1_600, departedMax: 100), startingAfter: cursor(0))
        for sequence in UInt64(1)...3 {
            let entry = entry(sequence, text: String(repeating: "x", count: 60))
            if sequence == 1 { first = entry }
            feed.append(entry)
            #expect((first == nil) == (sequence == 3))
        }
    }

    @Test("another wire form is made once, however many clients need it")
    func formsAreMadeOnce() throws {
        let feed = makeFeed(entries: 0)
        let made = MadeForms()
        feed.append(
            FeedEntry(
                cursor: cursor(1), webSocket: [1],
                otherForm: { form, _, _, _ in
                    made.count(form)
                    return [2]
                }))
        for _ in 0..<3 {
            let clientJoined = feed.join(after: cursor(0), filter: .everything, form: .eventStream)
            let client = try #require(clientJoined)
            #expect(feed.batch(for: client).bytes.count == 1)
        }
        #expect(made.counted == [.eventStream])
    }
}
