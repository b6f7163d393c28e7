import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

@Suite("Adoption of the log by a server that started anew")
struct AdoptionTests {
    private func publish(_ loop: TestLoop, _ client: LogClient, _ id: String) throws -> Cursor {
        switch try loop.publish(client, record(id)) {
        case .success(.accepted(let cursor)): return cursor
        case .success(.replayed(let entry)): return entry.cursor
        case let other: throw TimedOut(description: "not accepted: \(other)")
        }
    }

    /// Takes the second and last entry out of the log, as if it had never been.
    private func setBack(
        to head: Cursor, losing id: String, at cursor: Cursor, _ loop: TestLoop, _ client: LogClient
    ) throws {
        _ = try loop.command(client.link, "XDEL", "tocsin:{default}:log", "\(cursor)")
        _ = try loop.command(client.link, "HDEL", "tocsin:{default}:ids", id)
        _ = try loop.command(client.link, "HSET", "tocsin:{default}:meta", "s", String(head.sequence), "n", "1")
    }

    @Test("a server that synced before every answer goes on in the same generation")
    func durable() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let before = try publish(loop, client, "a")
        server.crash()
        try server.start()
        try loop.run("down, then up") { !client.isUp }
        try loop.run("up") { client.isUp }
        let after = try publish(loop, client, "b")
        #expect(after == Cursor(generation: before.generation, sequence: before.sequence + 1))
    }

    @Test("a replica that starts anew with a server of its own goes on in the same generation")
    func privateServer() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let endpoint = RedisEndpoint(location: server.endpoint.location, isPrivate: true)
        let before = try publish(loop, try loop.client(endpoint), "a")
        server.crash()
        try server.start()
        let after = try publish(loop, try loop.client(endpoint), "b")
        #expect(after == Cursor(generation: before.generation, sequence: before.sequence + 1))
    }

    @Test("a follower that starts anew has gone through the generations that it reads")
    func readGenerations() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let first = try publish(loop, client, "a")
        client.observe(head: Cursor(generation: first.generation, sequence: first.sequence + 5))
        let second = try publish(loop, client, "b")
        try #require(second.generation > first.generation)
        let fresh = loop.follower(server.endpoint)
        try loop.run("ready") { fresh.isReady }
        #expect(fresh.follower.client.lineage == [first, second])
    }

    @Test("one move of the server is one generation, though links know it from before and from after")
    func oneMove() throws {
        let server = try RedisServer(["--appendfsync", "no"])
        let loop = try TestLoop()
        let early = try loop.client(server.endpoint)
        let first = try publish(loop, early, "a")
        // Another server might have taken over in between; no link has noticed.
        _ = try loop.command(early.link, "REPLICAOF", "127.0.0.1", "1")
        _ = try loop.command(early.link, "REPLICAOF", "NO", "ONE")
        let late = try loop.client(server.endpoint)
        #expect(late.link.server?.incarnation != early.link.server?.incarnation)
        let moved = try publish(loop, late, "b")
        #expect(moved.generation > first.generation)
        for (index, client) in [early, late, early].enumerated() {
            #expect(try publish(loop, client, "c\(index)").generation == moved.generation)
        }
    }

    @Test("a master that forgets its promotion is the same process: the generation stays")
    func forgottenPromotion() throws {
        let server = try RedisServer(["--appendfsync", "no"])
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let first = try publish(loop, client, "a")
        let process = try #require(client.link.server?.incarnation)
        // As it was adopted before `repl-backlog-ttl` was over.
        _ = try loop.command(client.link, "HSET", "tocsin:{default}:meta", "i", process + "/123")
        #expect(try publish(loop, client, "b").generation == first.generation)
        _ = try loop.command(client.link, "HSET", "tocsin:{default}:meta", "i", process + "0/123")
        #expect(try publish(loop, client, "c").generation > first.generation)
    }

    @Test("a publisher that does not know of the lost end never appends to the old branch")
    func unawarePublisher() throws {
        let server = try RedisServer(["--appendfsync", "no"])
        let loop = try TestLoop()
        let knowing = loop.follower(server.endpoint)
        try loop.run("ready") { knowing.isReady }
        let first = try publish(loop, knowing.follower.client, "a")
        let lost = try publish(loop, knowing.follower.client, "b")
        try loop.run("delivered") { knowing.entries.count == 2 }
        // As after a failover: the last entry is gone, and a replica that never saw it comes first.
        try setBack(to: first, losing: "b", at: lost, loop, knowing.follower.client)
        knowing.follower.stop()
        server.crash()
        try server.start()
        let unaware = try loop.client(server.endpoint)
        let new = try publish(loop, unaware, "c")
        #expect(new.generation > lost.generation)
        knowing.follower.start(now: .now)
        try loop.run("everything is there again") { Set(knowing.ids.dropFirst(2)).isSuperset(of: ["b", "c"]) }
        #expect(knowing.resets.first?.from == lost)
        #expect(knowing.entries.map(\.cursor) == knowing.entries.map(\.cursor).sorted())
        let resumed: Result<ResumeOutcome, LogError> = try loop.value("resume") {
            unaware.resume(after: lost, limit: 10, completion: $0)
        }
        guard case .entries(let entries, _, let anchored) = try resumed.get() else {
            Issue.record("\(resumed)")
            return
        }
        #expect(!anchored)
        #expect(Set(entries.map(\.record.id)) == ["b", "c"])
    }

    @Test("an older copy of the data is not taken for whole by a replica that did not follow the log before")
    func restoredBackup() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let knowing = loop.follower(server.endpoint)
        try loop.run("ready") { knowing.isReady }
        let client = knowing.follower.client
        let first = try publish(loop, client, "a")
        let lost = try publish(loop, client, "b")
        try loop.run("delivered") { knowing.entries.count == 2 }
        try setBack(to: first, losing: "b", at: lost, loop, client)
        knowing.follower.stop()
        server.crash()
        try server.start()
        let fresh = try loop.client(server.endpoint)
        let new = try publish(loop, fresh, "c")
        #expect(new.generation > lost.generation)
        knowing.follower.start(now: .now)
        try loop.run("everything is there again") { Set(knowing.ids.dropFirst(2)).isSuperset(of: ["b", "c"]) }
        #expect(knowing.resets.first?.from == lost)
    }

    @Test(
        "a log that was lost whole and begun by a replica that knew nothing goes on from where it was",
        arguments: [0, 86_400_000])
    func begunByAnother(aheadMilliseconds: Int) throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let early = try loop.client(server.endpoint)
        let origin = try publish(loop, early, "origin")
        // As from a Redis whose clock was ahead of the present one's.
        let generation = String(origin.generation + UInt64(aheadMilliseconds))
        _ = try loop.command(early.link, "HSET", "tocsin:{default}:meta", "g", generation, "k", generation)
        let knowing = loop.follower(server.endpoint)
        try loop.run("ready") { knowing.isReady }
        let client = knowing.follower.client
        let before = try (0..<5).map { try publish(loop, client, "a\($0)") }
        let last = try #require(before.last)
        try loop.run("delivered") { knowing.ids.contains("a4") }
        knowing.follower.stop()
        _ = try loop.command(early.link, "FLUSHALL")
        let fresh = try loop.client(server.endpoint)
        let begun = try ["x", "y"].map { try publish(loop, fresh, $0) }
        #expect(begun.map(\.sequence) == [1, 2])
        let unsettled: Result<ResumeOutcome, LogError> = try loop.value("resume") {
            fresh.resume(after: before[1], limit: 10, completion: $0)
        }
        switch try unsettled.get() {
        case .unknownGeneration, .ahead: break
        case .entries, .trimmed: Issue.record("\(unsettled)")
        }
        knowing.follower.start(now: .now)
        try loop.run("settled") { knowing.ids.last == "a4" && knowing.ids.contains("y") }
        #expect(knowing.resets.last?.from == last)
        #expect(knowing.resets.last?.to.sequence == last.sequence)
        #expect(knowing.entries.map(\.cursor) == knowing.entries.map(\.cursor).sorted())
        let resumed: Result<ResumeOutcome, LogError> = try loop.value("resume") {
            fresh.resume(after: before[1], limit: 20, completion: $0)
        }
        guard case .entries(let entries, _, anchored: false) = try resumed.get() else {
            Issue.record("\(resumed)")
            return
        }
        #expect(Set(entries.map(\.record.id)).isSuperset(of: ["x", "y", "a2", "a3", "a4"]))
        // Who knew only the new beginning goes on, too.
        let moved = try publish(loop, fresh, "z")
        #expect(moved > entries[entries.count - 1].cursor)
    }

    @Test("a publisher that comes first to a log begun without it has it moved, and cursors go on")
    func publishesToForeignLog() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let old = try loop.client(server.endpoint)
        let before = try (0..<3).map { try publish(loop, old, "a\($0)") }
        _ = try loop.command(old.link, "FLUSHALL")
        let fresh = try loop.client(server.endpoint)
        let begun = try publish(loop, fresh, "x")
        let next = try publish(loop, old, "b")
        #expect(next.generation > begun.generation)
        #expect(next.sequence > before[2].sequence)
        let page: Result<LogPage, LogError> = try loop.value("all") { old.newest(limit: 10, completion: $0) }
        let entries = try page.get().entries
        #expect(Set(entries.map(\.record.id)).isSuperset(of: ["x", "b"]))
        #expect(Set(entries.map(\.cursor.generation)) == [next.generation])
    }

    @Test("a branch that was left is known to the log once a replica that went through it has come back")
    func leftBranch() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let one = try loop.client(server.endpoint)
        let two = try loop.client(server.endpoint)
        let common = try publish(loop, one, "common")
        two.observe(head: common)
        // As after a fork by a master that was replaced.
        let left = Cursor(generation: common.generation + 1, sequence: common.sequence + 1)
        two.observe(head: left)
        one.observe(head: Cursor(generation: common.generation + 2, sequence: common.sequence))
        let moved = try publish(loop, one, "moved")
        try #require(moved.generation > left.generation)
        func outcome() throws -> ResumeOutcome {
            let result: Result<ResumeOutcome, LogError> = try loop.value("resume") {
                one.resume(after: left, limit: 10, completion: $0)
            }
            return try result.get()
        }
        guard case .unknownGeneration(let head) = try outcome() else {
            Issue.record("nobody has told the log yet")
            return
        }
        let recovered: Result<LogHead, LogError> = try loop.value("recover") {
            two.recover(observed: head.cursor, completion: $0)
        }
        #expect(try recovered.get().cursor == moved)
        guard case .entries(let entries, _, _) = try outcome() else {
            Issue.record("the log knows the branch")
            return
        }
        #expect(entries.map(\.record.id) == ["moved"])
    }

    @Test("after a restart without proof a follower moves to a new generation and tells so, with nothing lost")
    func movesWithoutProof() throws {
        let server = try RedisServer(["--appendfsync", "everysec"])
        let loop = try TestLoop()
        let follower = loop.follower(server.endpoint)
        try loop.run("ready") { follower.isReady }
        let before = try publish(loop, follower.follower.client, "a")
        try loop.run("delivered") { follower.entries.count == 1 }
        server.crash()
        try server.start()
        try loop.run("told") { !follower.resets.isEmpty }
        let reset = try #require(follower.resets.first)
        #expect(reset.from == before)
        #expect(reset.to.generation > before.generation)
        #expect(reset.to.sequence == before.sequence)
        let after = try publish(loop, follower.follower.client, "b")
        #expect(after == Cursor(generation: reset.to.generation, sequence: before.sequence + 1))
        try loop.run("delivered") { follower.ids == ["a", "b"] }
        #expect(follower.resets.count == 1)
    }

    @Test("a replica of another branch moves what its clients never saw behind the fork")
    func movesUnseen() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let one = try loop.client(server.endpoint)
        let two = try loop.client(server.endpoint)
        let common = try publish(loop, one, "common")
        two.observe(head: common)
        one.observe(head: Cursor(generation: common.generation, sequence: common.sequence + 3))
        let unseen = try publish(loop, one, "unseen")
        try #require(unseen.generation > common.generation)
        // As from a master that was cut off and has been replaced.
        let stale = Cursor(generation: unseen.generation + 1_000_000, sequence: 9)
        two.observe(head: stale)
        let new = try publish(loop, two, "new")
        #expect(new.generation > stale.generation)
        let outcome: Result<ResumeOutcome, LogError> = try loop.value("resume") {
            two.resume(after: stale, limit: 10, completion: $0)
        }
        guard case .entries(let entries, _, anchored: false) = try outcome.get() else {
            Issue.record("\(outcome)")
            return
        }
        #expect(entries.map(\.record.id) == ["unseen", "new"])
        let page: Result<LogPage, LogError> = try loop.value("all") { two.newest(limit: 10, completion: $0) }
        #expect(try page.get().entries.map(\.record.id) == ["new", "unseen", "common"])
        #expect(try publish(loop, one, "unseen") == entries[0].cursor)
    }

    @Test("a cursor of a generation that never was is told apart from one of a lost branch")
    func unknownGeneration() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let first = try publish(loop, client, "a")
        client.observe(head: Cursor(generation: first.generation + 1_000, sequence: first.sequence + 5))
        let second = try publish(loop, client, "b")
        try #require(second.generation > first.generation)
        let unknown = Cursor(generation: first.generation + 1, sequence: 1)
        try #require(unknown.generation < second.generation)
        let outcome: Result<ResumeOutcome, LogError> = try loop.value("resume") {
            client.resume(after: unknown, limit: 10, completion: $0)
        }
        guard case .unknownGeneration(let head) = try outcome.get() else {
            Issue.record("\(outcome)")
            return
        }
        #expect(head.cursor == second)
    }
}
