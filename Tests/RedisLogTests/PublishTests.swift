import Glibc
import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

/// Checks that the index holds exactly what the stream holds.
func expectNothingLeftBehind(
    _ loop: TestLoop, _ link: RedisLink, retained: Int, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let keys = LogKeys()
    let length = try loop.command(link, "XLEN", keys.log).integer
    let ids = try loop.command(link, "HLEN", keys.ids).integer
    let counts = try loop.command(link, "HVALS", keys.counts).elements ?? []
    let sum = counts.compactMap { EntryDecoding.number($0) }.reduce(0, +)
    #expect(length == Int64(retained), sourceLocation: sourceLocation)
    #expect(ids == length, sourceLocation: sourceLocation)
    #expect(Int64(sum) == length, sourceLocation: sourceLocation)
    #expect(!counts.contains(.string(Array("0".utf8))), sourceLocation: sourceLocation)
}

@Suite("Publishing")
struct PublishTests {
    @Test("a record is accepted, found, counted and paged")
    func accepts() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        guard case .success(.accepted(let first)) = try loop.publish(client, record("a", customer: "Åbo Ltd")) else {
            Issue.record("not accepted")
            return
        }
        #expect(first.sequence == 1)
        let second = try loop.publish(client, record("b"))
        #expect(second == .success(.accepted(Cursor(generation: first.generation, sequence: 2))))
        let found: Result<LogEntry?, LogError> = try loop.value("find") { client.find(id: "a", completion: $0) }
        let missing: Result<LogEntry?, LogError> = try loop.value("find") { client.find(id: "z", completion: $0) }
        #expect(try found.get()?.cursor == first)
        #expect(try found.get()?.record.facets.customerName == "Åbo Ltd")
        #expect(missing == .success(nil))
        let analytics: Result<LogAnalytics, LogError> = try loop.value("analytics") { client.analytics(completion: $0) }
        #expect(try analytics.get().acceptedTotal == 2)
        #expect(try analytics.get().retained == 2)
        #expect(try analytics.get().counts.values.sorted() == [1, 1])
        let newest: Result<LogPage, LogError> = try loop.value("newest") { client.newest(limit: 10, completion: $0) }
        #expect(try newest.get().entries.map(\.record.id) == ["b", "a"])
        let older: Result<LogPage, LogError> = try loop.value("newest before") {
            client.newest(before: Cursor(generation: first.generation, sequence: 2), limit: 10, completion: $0)
        }
        #expect(try older.get().entries.map(\.record.id) == ["a"])
        let range: Result<[LogEntry], LogError> = try loop.value("range") {
            client.range(after: first, limit: 10, completion: $0)
        }
        #expect(try range.get().map(\.record.id) == ["b"])
    }

    @Test("the same id again is a replay if the content is the same, a conflict otherwise")
    func replays() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let original = record("a", content: "one")
        guard case .success(.accepted(let cursor)) = try loop.publish(client, original) else {
            Issue.record("not accepted")
            return
        }
        let retry = record("a", content: "one", receivedAt: 5)
        #expect(try loop.publish(client, retry) == .success(.replayed(LogEntry(cursor: cursor, record: original))))
        #expect(try loop.publish(client, record("a", content: "two")) == .success(.conflict(cursor)))
        try expectNothingLeftBehind(loop, client.link, retained: 1)
    }

    @Test("a duplicate within one call is seen as well, and results keep the order of the batch")
    func replaysWithinCall() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let one = record("a", content: "1")
        let results: [PublishResult] = try loop.value("batch") {
            client.publish(batch: [one, record("b"), one, record("a", content: "2")], completion: $0)
        }
        guard case .success(.accepted(let cursor)) = results.first else {
            Issue.record("not accepted")
            return
        }
        #expect(results[1] == .success(.accepted(Cursor(generation: cursor.generation, sequence: 2))))
        #expect(results[2] == .success(.replayed(LogEntry(cursor: cursor, record: one))))
        #expect(results[3] == .success(.conflict(cursor)))
        try expectNothingLeftBehind(loop, client.link, retained: 2)
    }

    @Test("an index whose entry is gone does not pass for a kept threat")
    func staleIndex() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let one = record("a")
        guard case .success(.accepted(let cursor)) = try loop.publish(client, one) else {
            Issue.record("not accepted")
            return
        }
        _ = try loop.command(client.link, "XDEL", LogKeys().log, cursor.description)
        let again = Cursor(generation: cursor.generation, sequence: 2)
        #expect(try loop.publish(client, one) == .success(.accepted(again)))
    }

    @Test("a batch of 1,000 is split into calls and numbered in order; an empty one completes at once")
    func splitsBatches() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let results: [PublishResult] = try loop.value("batch") {
            client.publish(batch: (0..<1_000).map { record("id\($0)") }, completion: $0)
        }
        let sequences = results.compactMap { result -> UInt64? in
            if case .success(.accepted(let cursor)) = result { cursor.sequence } else { nil }
        }
        #expect(sequences == Array(1...1_000))
        let none: [PublishResult] = try loop.value("empty") { client.publish(batch: [], completion: $0) }
        #expect(none.isEmpty)
        try expectNothingLeftBehind(loop, client.link, retained: 1_000)
    }

    @Test("one id raced by two clients is accepted once and replayed once")
    func races() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let clients = [try loop.client(server.endpoint), try loop.client(server.endpoint)]
        for round in 0..<20 {
            let raced = record("r\(round)")
            var results: [PublishResult] = []
            for client in clients { client.publish(raced) { results.append($0) } }
            try loop.run("both answered") { results.count == 2 }
            let accepted = results.filter { if case .success(.accepted) = $0 { true } else { false } }
            let replayed = results.filter { if case .success(.replayed) = $0 { true } else { false } }
            #expect(accepted.count == 1)
            #expect(replayed.count == 1)
        }
    }

    @Test("two prefixes in one Redis do not see each other")
    func separatesPrefixes() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let one = try loop.client(server.endpoint, keys: LogKeys(prefix: "one"))
        let two = try loop.client(server.endpoint, keys: LogKeys(prefix: "two"))
        let follower = loop.follower(server.endpoint, keys: LogKeys(prefix: "two"))
        try loop.run("follower ready") { follower.isReady }
        _ = try loop.publish(one, record("a"))
        let found: Result<LogEntry?, LogError> = try loop.value("find") { two.find(id: "a", completion: $0) }
        #expect(found == .success(nil))
        guard case .success(.accepted(let cursor)) = try loop.publish(two, record("a")) else {
            Issue.record("not accepted")
            return
        }
        try loop.run("delivered") { !follower.entries.isEmpty }
        #expect(follower.entries.map(\.cursor) == [cursor])
    }
}

@Suite("Retention")
struct RetentionTests {
    @Test("entries over the count go with their index, and the cursor tells what is gone", arguments: [10, 100])
    func trimsByCount(max: Int) throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint, retention: LogRetention(entriesMax: max))
        for round in 0..<30 {
            let types = ["malware", "phishing", "t\(round)"]
            let batch = (0..<20).map { record("r\(round)-\($0)", type: types[$0 % 3]) }
            let _: [PublishResult] = try loop.value("batch") { client.publish(batch: batch, completion: $0) }
            let length = try loop.command(client.link, "XLEN", LogKeys().log).integer ?? 0
            #expect(length <= Int64(max + 16))
            try expectNothingLeftBehind(loop, client.link, retained: Int(length))
        }
        let status: Result<LogStatus, LogError> = try loop.value("maintain") { client.maintain(completion: $0) }
        #expect(try status.get().retained == max)
        #expect(try status.get().acceptedTotal == 600)
        let head = try status.get().head
        #expect(head.cursor.sequence == 600)
        #expect(head.resumableFrom.sequence == UInt64(600 - max))
        try expectNothingLeftBehind(loop, client.link, retained: max)
        let early: Result<ResumeOutcome, LogError> = try loop.value("resume") {
            client.resume(
                after: Cursor(generation: head.cursor.generation, sequence: UInt64(600 - max - 1)), limit: 5,
                completion: $0)
        }
        #expect(early == .success(.trimmed(head: head)))
        let exact: Result<ResumeOutcome, LogError> = try loop.value("resume") {
            client.resume(after: head.resumableFrom, limit: 1_000, completion: $0)
        }
        guard case .success(.entries(let entries, _, _)) = exact else {
            Issue.record("\(exact)")
            return
        }
        #expect(entries.map(\.cursor.sequence) == Array(UInt64(600 - max + 1)...600))
        let ahead: Result<ResumeOutcome, LogError> = try loop.value("resume") {
            client.resume(
                after: Cursor(generation: head.cursor.generation, sequence: 601), limit: 5, completion: $0)
        }
        #expect(ahead == .success(.ahead(head: head)))
    }

    @Test("a long log is trimmed every 64 entries, and holds at most a hundredth more than it should")
    func trimsLongLogs() throws {
        let max = 6_400
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint, retention: LogRetention(entriesMax: max))
        var isTrimmed = false
        for round in 0..<110 {
            let batch = (0..<63).map { record("r\(round)-\($0)") }
            let _: [PublishResult] = try loop.value("batch") { client.publish(batch: batch, completion: $0) }
            let length = Int(try loop.command(client.link, "XLEN", LogKeys().log).integer ?? 0)
            #expect(length <= max + max / 100)
            isTrimmed = isTrimmed || length < 63 * (round + 1)
        }
        #expect(isTrimmed)
        let length = Int(try loop.command(client.link, "XLEN", LogKeys().log).integer ?? 0)
        try expectNothingLeftBehind(loop, client.link, retained: length)
    }

    @Test("entries older than the age go with their index; a trimmed id may come again")
    func trimsByAge() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        var now: Int64 = 1_700_000_000_000
        let client = try loop.client(
            server.endpoint, retention: LogRetention(entriesMax: 1_000, ageMax: .seconds(60)), clock: { now })
        let old = (0..<300).map { record("old\($0)", receivedAt: now) }
        let _: [PublishResult] = try loop.value("batch") { client.publish(batch: old, completion: $0) }
        now += 59_000
        let young = (0..<5).map { record("young\($0)", receivedAt: now) }
        let _: [PublishResult] = try loop.value("batch") { client.publish(batch: young, completion: $0) }
        try expectNothingLeftBehind(loop, client.link, retained: 305)
        now += 2_000
        let first: Result<LogStatus, LogError> = try loop.value("maintain") { client.maintain(completion: $0) }
        #expect(try first.get().retained == 305 - 256)
        let second: Result<LogStatus, LogError> = try loop.value("maintain") { client.maintain(completion: $0) }
        #expect(try second.get().retained == 5)
        #expect(try second.get().head.resumableFrom.sequence == 300)
        try expectNothingLeftBehind(loop, client.link, retained: 5)
        guard case .success(.accepted(let cursor)) = try loop.publish(client, record("old7", receivedAt: now)) else {
            Issue.record("a trimmed id was remembered")
            return
        }
        #expect(cursor.sequence == 306)
        now += 120_000
        let _: Result<LogStatus, LogError> = try loop.value("maintain") { client.maintain(completion: $0) }
        try expectNothingLeftBehind(loop, client.link, retained: 0)
        #expect(try loop.command(client.link, "EXISTS", LogKeys().ids, LogKeys().counts) == .integer(0))
    }
}
