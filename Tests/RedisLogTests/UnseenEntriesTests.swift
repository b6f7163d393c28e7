import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

@Suite("Acknowledged entries that the ring has not got")
struct UnseenEntriesTests {
    private func entry(_ generation: UInt64, _ sequence: UInt64) -> LogEntry {
        LogEntry(
            cursor: Cursor(generation: generation, sequence: sequence), record: record("u\(generation)-\(sequence)"))
    }

    @Test("what was delivered goes; what another generation passed over goes once it was repaired and the ring has it")
    func goes() {
        var unseen = UnseenEntries()
        for sequence in 1...4 as ClosedRange<UInt64> { unseen.append(entry(1, sequence)) }
        unseen.delivered(through: Cursor(generation: 1, sequence: 2))
        #expect(unseen.entries.map(\.cursor.sequence) == [3, 4])
        #expect(!unseen.isRepairOwed)
        unseen.delivered(through: Cursor(generation: 2, sequence: 3))
        #expect(unseen.entries.count == 2)
        #expect(unseen.isRepairOwed)
        unseen.append(entry(2, 5))
        let repaired = Cursor(generation: 2, sequence: 7)
        unseen.repaired([entry(1, 3), entry(1, 4)], head: repaired)
        #expect(!unseen.isRepairOwed)
        unseen.delivered(through: Cursor(generation: 2, sequence: 4))
        #expect(unseen.entries.count == 3)
        unseen.append(entry(2, 8))
        unseen.delivered(through: repaired)
        #expect(unseen.entries.map(\.cursor) == [Cursor(generation: 2, sequence: 8)])
    }

    @Test("what was repaired in a log that is lost before the ring has it is to be repaired again")
    func repairLost() {
        var unseen = UnseenEntries()
        for sequence in 1...2 as ClosedRange<UInt64> { unseen.append(entry(1, sequence)) }
        unseen.append(entry(2, 3))
        unseen.delivered(through: Cursor(generation: 2, sequence: 2))
        unseen.repaired([entry(1, 1), entry(1, 2), entry(2, 3)], head: Cursor(generation: 2, sequence: 5))
        #expect(unseen.entries.count == 3)
        unseen.delivered(through: Cursor(generation: 3, sequence: 9))
        #expect(unseen.entries.count == 3)
        #expect(unseen.isRepairOwed)
    }

    @Test("what a replaced server acknowledged beyond the ring's generation is to be repaired, too")
    func goesBack() {
        var unseen = UnseenEntries()
        unseen.delivered(through: Cursor(generation: 2, sequence: 5))
        unseen.append(entry(3, 6))
        #expect(unseen.isRepairOwed)
        unseen.delivered(through: Cursor(generation: 3, sequence: 5))
        #expect(!unseen.isRepairOwed)
    }

    @Test("it is bounded, and the oldest go first")
    func bounded() {
        var unseen = UnseenEntries()
        for sequence in 1...5_000 as ClosedRange<UInt64> { unseen.append(entry(1, sequence)) }
        #expect(unseen.entries.count == 4_096)
        #expect(unseen.entries.first?.cursor.sequence == 905)
    }

    @Test("what was acknowledged while no ring received it comes back after Redis lost it")
    func comesBack() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        _ = try loop.publish(client, record("a"))
        _ = try loop.publish(client, record("b"))
        let other = try loop.client(server.endpoint, clock: { unixMilliseconds() + 1 })
        _ = try loop.command(other.link, "FLUSHALL")
        guard case .success(.accepted(let cursor)) = try loop.publish(other, record("c")) else {
            Issue.record("an empty log takes what comes")
            return
        }
        // The ring tells of the move, as an event loop does.
        client.observe(head: cursor)
        try loop.run("all are in the log") {
            let found: Result<LogPage, LogError>? = try? loop.value("page") { other.newest(limit: 10, completion: $0) }
            return (try? found?.get())?.entries.map(\.record.id).sorted() == ["a", "b", "c"]
        }
        // Appended again, they are on their way to the ring once more.
        try loop.run("acknowledged again") { !client.unseen.isRepairOwed }
        #expect(!client.unseen.entries.isEmpty)
        client.observe(head: client.knownHead)
        #expect(client.unseen.entries.isEmpty)
    }
}
