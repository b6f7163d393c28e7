import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

/// Logs that Redis forgets when nobody uses them any more.
@Suite("Leases of logs")
struct LogLeaseTests {
    private let keys = LogKeys(tenant: "leased")

    private func retention(_ lease: Duration) -> LogRetention { LogRetention(lease: lease) }

    /// Milliseconds that each key has to live; -1 for ever, -2 for a key that does not exist.
    private func timesToLive(_ loop: TestLoop, _ link: RedisLink, _ keys: LogKeys) throws -> [Int64] {
        try [keys.log, keys.ids, keys.counts, keys.meta].map { try loop.command(link, "PTTL", $0).integer ?? 0 }
    }

    @Test("the first publish gives every key its time to live; those of a log without a lease live for ever")
    func publishRenews() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        try loop.run("link up") { link.isUp }
        let leased = try loop.client(server.endpoint, keys: keys, retention: retention(.seconds(600)))
        let kept = try loop.client(server.endpoint)
        for client in [leased, kept] { _ = try loop.publish(client, record("a", customer: "Acme")).get() }
        for time in try timesToLive(loop, link, keys) { #expect(time > 300_000 && time <= 600_000) }
        #expect(try timesToLive(loop, link, LogKeys()) == [-1, -1, -1, -1])
    }

    @Test("a follower renews the lease although nothing is published")
    func followerRenews() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        try loop.run("link up") { link.isUp }
        let client = try loop.client(server.endpoint, keys: keys, retention: retention(.seconds(600)))
        let probe = loop.follower(server.endpoint, keys: keys, retention: retention(.seconds(600)))
        try loop.run("ready") { probe.isReady }
        _ = try loop.publish(client, record("a")).get()
        for key in [keys.log, keys.ids, keys.counts, keys.meta] {
            _ = try loop.command(link, "PEXPIRE", key, "60000")
        }
        let deadline = MonotonicTime.now + TestLoop.patience
        while try !timesToLive(loop, link, keys).allSatisfy({ $0 > 60_000 }) {
            try #require(MonotonicTime.now < deadline, "all four keys are renewed")
        }
        withExtendedLifetime(probe) {}
    }

    @Test("a follower that may not renew the lease is not ready and says why, until it may")
    func leaseRefused() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        try loop.run("link up") { link.isUp }
        _ = try loop.command(link, "ACL", "SETUSER", "default", "-pexpire")
        let probe = loop.follower(server.endpoint, keys: keys, retention: retention(.seconds(600)))
        try loop.run("the reason") { probe.follower.health.reason.contains("pexpire") }
        #expect(!probe.isReady)
        let unleased = loop.follower(server.endpoint)
        try loop.run("a log without a lease needs none") { unleased.isReady }
        _ = try loop.command(link, "ACL", "SETUSER", "default", "+pexpire")
        try loop.run("ready") { probe.isReady }
    }

    @Test("a log whose lease has ended is gone whole; the next one under its name begins in a higher generation")
    func endsWhole() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        try loop.run("link up") { link.isUp }
        let first = try loop.client(server.endpoint, keys: keys, retention: retention(.milliseconds(200)))
        guard case .success(.accepted(let before)) = try loop.publish(first, record("a", customer: "Acme")) else {
            Issue.record("not accepted")
            return
        }
        first.link.stop()
        let deadline = MonotonicTime.now + TestLoop.patience
        while try timesToLive(loop, link, keys) != [-2, -2, -2, -2] {
            try #require(MonotonicTime.now < deadline, "no key is left")
        }
        let second = try loop.client(server.endpoint, keys: keys, retention: retention(.milliseconds(200)))
        guard case .success(.accepted(let after)) = try loop.publish(second, record("a", customer: "Acme")) else {
            Issue.record("the id is not remembered, so it is a new threat")
            return
        }
        #expect(after.generation > before.generation)
        #expect(after.sequence == 1)
    }

    @Test("a lease is renewed at most once in a second")
    func renewedOnceASecond() {
        var lease = LogLease()
        let start = MonotonicTime(nanoseconds: 5_000_000_000)
        let times: [Duration] = [.zero, .zero, .milliseconds(999), .seconds(1), .milliseconds(1_999), .seconds(60)]
        let isDue = times.map { lease.isDue(now: start + $0) }
        #expect(isDue == [true, false, false, true, false, true])
    }
}
