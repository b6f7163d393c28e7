import Glibc
import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

@Suite("Following the log in Redis")
struct FollowerTests {
    @Test("history first, then live entries, all in one order")
    func follows() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let _: [PublishResult] = try loop.value("batch") {
            client.publish(batch: (0..<30).map { record("h\($0)") }, completion: $0)
        }
        let follower = loop.follower(server.endpoint)
        try loop.run("ready") { follower.isReady }
        for index in 0..<30 { client.publish(record("l\(index)")) { _ in } }
        try loop.run("all delivered") { follower.entries.count == 60 }
        #expect(follower.entries.map(\.cursor.sequence) == Array(1...60))
        #expect(follower.resets.isEmpty)
    }

    @Test(
        "answers that wait in the sockets of a process that did not run are read before anybody is found to be silent")
    func readsBeforeJudging() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let probe = loop.follower(server.endpoint)
        try loop.run("ready") { probe.isReady }
        let follower = probe.follower
        let observing = try TestLoop()
        let observer = observing.link(server.endpoint, mode: .subscriber)
        let asking = observing.link(server.endpoint)
        var heard: [String] = []
        observer.onPush = { push in if push[0].text == "message", let text = push[2].text { heard.append(text) } }
        observer.onUp = { observer.sendUnanswered(RedisCommand("SUBSCRIBE", LogKeys().feed)) }
        try observing.run("observing") { asking.isUp && observer.isUp }
        try loop.run("a probe is heard there, too") {
            observing.turn()
            return !heard.isEmpty
        }
        try loop.run("nothing awaited") { follower.session.nextDeadline.map { $0 < .now + .seconds(10) } == true }
        _ = try observing.command(asking, "PING")
        let before = heard.count
        let later = MonotonicTime.now + .seconds(1)
        follower.tick(now: later)
        follower.flush(now: later)
        try observing.run("published") { heard.count > before }
        // Whatever the server had to send before this answer, it has sent.
        _ = try observing.command(asking, "PING")
        follower.tick(now: later + .seconds(3_600))
        #expect(follower.subscription.isUp && follower.client.link.isUp)
        #expect(follower.session.isProven)
    }

    @Test("SIGKILL and restart with the append-only file: every accepted record follows, once and in order")
    func restarts() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint, limits: TestLoop.returning)
        let follower = loop.follower(server.endpoint, limits: TestLoop.returning)
        try loop.run("ready") { follower.isReady }
        var accepted: Set<String> = []
        var sent = 0
        func publishSome() {
            for _ in 0..<20 {
                let id = "k\(sent)"
                sent += 1
                client.publish(record(id)) { result in
                    if case .success(.accepted) = result { accepted.insert(id) }
                }
            }
        }
        for _ in 0..<3 {
            publishSome()
            let before = accepted.count
            try loop.run("some accepted") { accepted.count > before }
            publishSome()
            loop.turn()
            server.crash()
            try loop.run("noticed") { !client.isUp }
            try server.start()
            try loop.run("back") { client.isUp && follower.isReady }
        }
        guard case .success(.accepted(let last)) = try loop.publish(client, record("last")) else {
            Issue.record("not accepted")
            return
        }
        try loop.run("caught up") { follower.follower.head == last }
        #expect(accepted.isSubset(of: Set(follower.ids)))
        #expect(follower.entries.map(\.cursor.sequence) == Array(1...last.sequence))
        #expect(follower.resets.isEmpty)
        #expect(follower.healths.contains { !$0.redisUp })
    }

    @Test("FLUSHALL: the log goes on in a higher generation with what replicas still hold", arguments: [true, false])
    func forksWhenEmptied(byPublish: Bool) throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let one = loop.follower(server.endpoint)
        let two = loop.follower(server.endpoint)
        try loop.run("ready") { one.isReady && two.isReady }
        let client = one.follower.client
        let _: [PublishResult] = try loop.value("batch") {
            client.publish(batch: (0..<10).map { record("f\($0)") }, completion: $0)
        }
        try loop.run("delivered") { one.entries.count == 10 && two.entries.count == 10 }
        let old = one.follower.head
        _ = try loop.command(client.link, "FLUSHALL")
        if byPublish {
            // The publish forks, and waits until what replicas held stands before it.
            guard case .success(.accepted(let cursor)) = try loop.publish(client, record("new")) else {
                Issue.record("not accepted after the fork")
                return
            }
            #expect(cursor.sequence == old.sequence + 11)
            #expect(cursor.generation > old.generation)
            #expect(cursor.sequence > old.sequence)
        }
        let count = byPublish ? 21 : 20
        try loop.run("appended again") { one.entries.count >= count && two.entries.count >= count }
        for follower in [one, two] {
            #expect(follower.resets.count == 1)
            #expect(follower.resets.first?.from == old)
            #expect(follower.entries.dropFirst(10).map(\.cursor.sequence) == Array(11...UInt64(count)))
            #expect(Set(follower.ids.dropFirst(10)).isSuperset(of: (0..<10).map { "f\($0)" }))
            #expect(follower.entries.map(\.cursor) == follower.entries.map(\.cursor).sorted())
        }
        try expectNothingLeftBehind(loop, client.link, retained: count - 10)
        let resumed: Result<ResumeOutcome, LogError> = try loop.value("resume") {
            client.resume(after: Cursor(generation: old.generation, sequence: 4), limit: 100, completion: $0)
        }
        guard case .success(.entries(let entries, _, _)) = resumed else {
            Issue.record("\(resumed)")
            return
        }
        #expect(Set(entries.map(\.record.id)).isSuperset(of: (4..<10).map { "f\($0)" }))
    }

    @Test("a log that begins anew under a replica that knows more is a reset, and held entries come back")
    func beginsAnew() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let follower = loop.follower(server.endpoint)
        try loop.run("ready") { follower.isReady }
        _ = try loop.publish(follower.follower.client, record("a"))
        try loop.run("delivered") { follower.entries.count == 1 }
        let fresh = try loop.client(server.endpoint, clock: { unixMilliseconds() + 60_000 })
        _ = try loop.command(fresh.link, "FLUSHALL")
        fresh.publish(record("b")) { _ in }
        try loop.run("both in the new log") { Set(follower.ids.dropFirst()) == ["a", "b"] }
        #expect(!follower.resets.isEmpty)
        #expect(follower.entries.map(\.cursor) == follower.entries.map(\.cursor).sorted())
    }

    @Test("a fork is compare-and-set: a head that moved is not forked")
    func forkIsCompareAndSet() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        _ = try loop.publish(client, record("a"))
        let head = client.knownHead
        let result: Result<LogHead, LogError> = try loop.value("recover") {
            client.recover(observed: .zero, completion: $0)
        }
        #expect(try result.get().cursor == head)
    }
}
