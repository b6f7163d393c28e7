import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

@Suite("A log that lost a part goes on")
struct DamageRepairTests {
    private let keys = LogKeys()

    private func publish(_ loop: TestLoop, _ client: LogClient, _ id: String) throws -> Cursor {
        guard case .success(.accepted(let cursor)) = try loop.publish(client, record(id)) else {
            throw TimedOut(description: "\(id) is not accepted")
        }
        return cursor
    }

    private func resume(_ loop: TestLoop, _ client: LogClient, after cursor: Cursor) throws -> ResumeOutcome {
        let result: Result<ResumeOutcome, LogError> = try loop.value("resume after \(cursor)") {
            client.resume(after: cursor, limit: 100, completion: $0)
        }
        return try result.get()
    }

    @Test("nobody is led across a hole: what stands before it is read, then it is said that something is missing")
    func hole() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let cursors = try (0..<10).map { try publish(loop, client, "k\($0)") }
        client.observe(head: cursors[9])
        _ = try loop.command(client.link, "XDEL", keys.log, "\(cursors[4])", "\(cursors[5])")
        guard case .entries(let before, let head, let isAnchored) = try resume(loop, client, after: cursors[1]) else {
            Issue.record("what stands before the hole can be read")
            return
        }
        #expect(before.map(\.record.id) == ["k2", "k3"])
        #expect(!isAnchored, "of what was lost the client may have had some")
        #expect(head.cursor.generation > cursors[9].generation)
        for stand in 3...4 {
            guard case .trimmed(let head) = try resume(loop, client, after: cursors[stand]) else {
                Issue.record("\(cursors[stand]) is before the hole")
                return
            }
            #expect(head.resumableFrom == cursors[5])
        }
        guard case .entries(let after, _, _) = try resume(loop, client, after: cursors[5]) else {
            Issue.record("behind the hole nothing is missing")
            return
        }
        #expect(after.map(\.record.id) == ["k6", "k7", "k8", "k9"])
        // A replica that starts takes what stands behind it, and lists show all.
        let fresh = loop.follower(server.endpoint)
        try loop.run("ready") { fresh.isReady }
        #expect(fresh.ids == ["k6", "k7", "k8", "k9"])
        let page: Result<LogPage, LogError> = try loop.value("all") { client.newest(limit: 100, completion: $0) }
        #expect(try page.get().entries.count == 8)
    }

    @Test(
        "a long index is made again in steps; until it stands no retry becomes a second threat, and nothing is denied")
    func longIndex() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let count = 4_321
        for start in stride(from: 0, to: count, by: 500) {
            let records = (start..<min(start + 500, count)).map { record("k\($0)", customer: "C\($0 % 7)") }
            let results: [PublishResult] = try loop.value("batch") { client.publish(batch: records, completion: $0) }
            for result in results { _ = try result.get() }
        }
        let last = client.knownHead
        client.observe(head: last)
        _ = try loop.command(client.link, "PEXPIRE", keys.ids, "0")
        let recovered: Result<LogHead, LogError> = try loop.value("recover") {
            client.recover(observed: last, completion: $0)
        }
        #expect(try recovered.get().cursor.generation > last.generation)
        // A part of the index stands: what it lacks is no proof.
        let retry = record("k4000", customer: "C3")
        var outcome: PublishResult?
        client.publish(retry) { outcome = $0 }
        try loop.run("held back") { client.nextDeadline != nil && outcome == nil }
        let denied: Result<LogEntry?, LogError> = try loop.value("find") { client.find(id: "k4100", completion: $0) }
        #expect(throws: LogError.unavailable(reason: LogError.repairing.description)) { try denied.get() }
        let early: Result<LogAnalytics, LogError> = try loop.value("counts") { client.analytics(completion: $0) }
        #expect(throws: LogError.unavailable(reason: LogError.repairing.description)) { try early.get() }
        var steps = 0
        var isRebuilding = true
        while isRebuilding {
            _ = try loop.command(client.link, "HSET", keys.meta, "h", "1")
            let status: Result<LogStatus, LogError> = try loop.value("probe") { client.maintain(completion: $0) }
            isRebuilding = try status.get().isRebuilding
            // A version that does not know of `b` is held back by that.
            let heldUntil = EntryDecoding.number(try loop.command(client.link, "HGET", keys.meta, "h"))
            #expect(heldUntil.map { $0 > UInt64(unixMilliseconds() - 60_000) } == true)
            steps += 1
            try #require(steps < 10)
        }
        try loop.run("the retry is answered") { outcome != nil }
        switch outcome {
        case .success(.replayed(let entry)): #expect(entry.cursor.sequence == 4_001)
        case .success(.accepted), .success(.conflict), .none: Issue.record("\(outcome.debugDescription)")
        // The time for which it may wait was over first.
        case .failure(let error): #expect(error == .repairing)
        }
        guard case .success(.replayed) = try loop.publishEventually(client, retry) else {
            Issue.record("a retry is no second threat")
            return
        }
        try expectNothingLeftBehind(loop, client.link, retained: count)
        let status: Result<LogStatus, LogError> = try loop.value("probe") { client.maintain(completion: $0) }
        #expect(try status.get().damage == nil && status.get().acceptedTotal == UInt64(count))
    }

    @Test("the index is made anew also for a user who may not set times to live")
    func withoutPexpire() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        for index in 0..<10 { client.observe(head: try publish(loop, client, "k\(index)")) }
        _ = try loop.command(client.link, "ACL", "SETUSER", "default", "-pexpire")
        _ = try loop.command(client.link, "XTRIM", keys.log, "MAXLEN", "4")
        #expect(try publish(loop, client, "new").sequence == 11)
        let page: Result<LogPage, LogError> = try loop.value("all") { client.newest(limit: 100, completion: $0) }
        #expect(try page.get().entries.map(\.record.id) == ["new", "k9", "k8", "k7", "k6"])
        try expectNothingLeftBehind(loop, client.link, retained: 5)
    }

    @Test("what retention has let go of does not count as lost, and does not come back")
    func trimmedBefore() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let probe = loop.follower(server.endpoint, retention: LogRetention(entriesMax: 20))
        try loop.run("ready") { probe.isReady }
        let client = probe.follower.client
        var last = Cursor.zero
        for index in 0..<60 { last = try publish(loop, client, "k\(index)") }
        try loop.run("trimmed") {
            let status = probe.follower.status
            return status?.retained == 20 && status?.head.cursor == last && probe.entries.count == 60
        }
        #expect(probe.resets.isEmpty && probe.damages == [])
        _ = try loop.command(client.link, "DEL", keys.log)
        try loop.run("told") { probe.resets.first?.from == last }
        try loop.run("back") { probe.entries.count == 80 && probe.follower.status?.retained == 20 }
        #expect(probe.ids.suffix(20) == (40..<60).map { "k\($0)" })
        try expectNothingLeftBehind(loop, client.link, retained: 20)
        #expect(probe.follower.status?.acceptedTotal == 60)
    }

    @Test("all that was kept may go by its age: an empty stream is no loss", arguments: [false, true])
    func allTooOld(isDeleted: Bool) throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let retention = LogRetention(ageMax: .seconds(60))
        var now = unixMilliseconds()
        let client = try loop.client(server.endpoint, retention: retention, clock: { now })
        for index in 0..<5 { _ = try publish(loop, client, "k\(index)") }
        now += 120_000
        let first: Result<LogStatus, LogError> = try loop.value("probe") { client.maintain(completion: $0) }
        #expect(try first.get().trimmed == 5)
        // An empty stream may as well not exist.
        if isDeleted { _ = try loop.command(client.link, "DEL", keys.log) }
        let second: Result<LogStatus, LogError> = try loop.value("probe") { client.maintain(completion: $0) }
        #expect(try second.get().damage == nil)
        let before = client.knownHead
        let next = try publish(loop, client, "new")
        #expect(next == Cursor(generation: before.generation, sequence: before.sequence + 1))
    }

    @Test("a key of another type is named, and is neither taken away nor written to by halves", arguments: 0..<4)
    func wrongType(index: Int) throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        for index in 0..<3 { client.observe(head: try publish(loop, client, "k\(index)")) }
        let all = [keys.log, keys.ids, keys.counts, keys.meta]
        _ = try loop.command(client.link, "SET", all[index], "mine")
        let others = all.filter { $0 != all[index] }
        func state() throws -> [RedisReply] {
            try others.map { key in
                key == keys.log
                    ? try loop.command(client.link, "XRANGE", key, "-", "+")
                    : .array(
                        (try loop.command(client.link, "HGETALL", key).elements ?? []).sorted { "\($0)" < "\($1)" })
            }
        }
        let before = try state()
        #expect(throws: LogError.self) { try loop.publish(client, record("new", customer: "new")).get() }
        let batch: [PublishResult] = try loop.value("batch") {
            client.publish(batch: [record("n1", customer: "1"), record("n2")], completion: $0)
        }
        for result in batch { #expect(throws: LogError.self) { try result.get() } }
        #expect(try state() == before)
        let status: Result<LogStatus, LogError> = try loop.value("probe") { client.maintain(completion: $0) }
        guard case .failure(.unavailable(let reason)) = status else {
            Issue.record("\(status)")
            return
        }
        #expect(reason.contains(all[index]))
        #expect(try loop.command(client.link, "GET", all[index]).text == "mine")
        // With the stranger's key away, the log has lost what stood there.
        _ = try loop.command(client.link, "DEL", all[index])
        _ = try loop.publish(client, record("new")).get()
        try expectNothingLeftBehind(loop, client.link, retained: index == 0 ? 1 : 4)
    }

    @Test("a version that does not count trims up to a loss that is settled: that is no new one")
    func trimmedUpToHole() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let cursors = try (0..<10).map { try publish(loop, client, "k\($0)") }
        client.observe(head: cursors[9])
        _ = try loop.command(client.link, "XDEL", keys.log, "\(cursors[4])", "\(cursors[5])")
        _ = try resume(loop, client, after: cursors[0])
        // As version 0.1.0 does it.
        _ = try loop.command(client.link, "XTRIM", keys.log, "MAXLEN", "4")
        _ = try loop.command(client.link, "HSET", keys.meta, "t", "\(cursors[3])")
        for id in 0..<4 { _ = try loop.command(client.link, "HDEL", keys.ids, "k\(id)") }
        _ = try loop.command(client.link, "HINCRBY", keys.counts, "3 malware", "-4")
        let probed: Result<LogStatus, LogError> = try loop.value("probe") { client.maintain(completion: $0) }
        let status = try probed.get()
        #expect(status.damage == nil)
        #expect(try publish(loop, client, "new").generation == status.head.cursor.generation)
        try expectNothingLeftBehind(loop, client.link, retained: 5)
    }

    @Test("a log of a version without identity is joined without a loss and gets one")
    func withoutIdentity() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let probe = loop.follower(server.endpoint)
        try loop.run("ready") { probe.isReady }
        let cursors = try (0..<3).map { try publish(loop, client, "k\($0)") }
        try loop.run("delivered") { probe.entries.count == 3 }
        // As version 0.1.0 has it.
        _ = try loop.command(client.link, "HDEL", keys.meta, "o", "x", "v", "d", "e", "b")
        #expect(try publish(loop, client, "new") == Cursor(generation: cursors[0].generation, sequence: 4))
        _ = try loop.command(client.link, "HDEL", keys.meta, "o", "x", "v")
        try loop.run("given by a probe") {
            (try? loop.command(client.link, "HGET", keys.meta, "o").bytes.flatMap { LogIdentity($0[...]) }) != nil
        }
        // It trims without counting what goes.
        _ = try loop.command(client.link, "XTRIM", keys.log, "MAXLEN", "3")
        _ = try loop.command(client.link, "HSET", keys.meta, "t", "\(cursors[0])")
        _ = try loop.command(client.link, "HDEL", keys.ids, "k0")
        _ = try loop.command(client.link, "HINCRBY", keys.counts, "3 malware", "-1")
        #expect(try publish(loop, client, "last").sequence == 5)
        try loop.run("seen") { probe.follower.status?.head.cursor.sequence == 5 && probe.entries.count == 5 }
        #expect(probe.resets.isEmpty && probe.damages == [])
        // Also after all that, a loss is noticed.
        _ = try loop.command(client.link, "DEL", keys.ids)
        try loop.run("told") { !probe.damages.isEmpty && !probe.resets.isEmpty }
    }
}
