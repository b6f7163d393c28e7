import Glibc
import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

/// Where a deployment expects its Redis: leads to one server or another, as a host name does or an address that is used
/// again.
private final class Address {
    private let path: String

    init(_ server: RedisServer) {
        path = server.socketPath.replacing("/redis.sock", with: "-address")
        lead(to: server)
    }

    deinit { unlink(path) }

    var endpoint: RedisEndpoint { RedisEndpoint(location: .unix(path: path)) }

    func lead(to server: RedisServer) {
        unlink(path)
        symlink(server.socketPath, path)
    }
}

/// A log of some deployment, alone in a server of its own.
private struct Deployment {
    let server: RedisServer
    let link: RedisLink
    private let loop: TestLoop
    private static let keys = LogKeys()

    /// - Parameter threats: What its log has.
    init(_ loop: TestLoop, name: String, threats: [String]) throws {
        self.loop = loop
        server = try RedisServer()
        let client = try loop.client(server.endpoint, membership: LogMembership(deployment: name))
        for id in threats { _ = try loop.publish(client, record(id)).get() }
        client.stop()
        link = loop.link(server.endpoint)
        let link = link
        try loop.run("connected") { link.isUp }
    }

    /// Everything that it holds.
    func contents() throws -> [RedisReply] {
        try [Self.keys.log, Self.keys.ids, Self.keys.counts, Self.keys.meta].map { try loop.command(link, "DUMP", $0) }
    }

    /// Ends all connections but that of `link`.
    func disconnectAll() throws {
        _ = try loop.command(link, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        _ = try loop.command(link, "CLIENT", "KILL", "TYPE", "pubsub")
    }

    func ids() throws -> Set<String> {
        let entries = try EntryDecoding.entries(try loop.command(link, "XRANGE", Self.keys.log, "-", "+"))
        return Set(entries.map(\.record.id))
    }

    func meta(_ field: String) throws -> String? { try loop.command(link, "HGET", Self.keys.meta, field).text }
}

@Suite("Logs of other deployments")
struct MembershipTests {
    /// What the own deployment and the other are called; empty for none.
    struct Names: Sendable, CustomTestStringConvertible {
        let own: String
        let other: String
        var testDescription: String { "'\(own)' comes to '\(other)'" }
    }

    private let keys = LogKeys()

    private func publish(_ loop: TestLoop, _ client: LogClient, _ id: String) throws -> Cursor {
        guard case .success(.accepted(let cursor)) = try loop.publish(client, record(id)) else {
            throw TimedOut(description: "\(id) is not accepted")
        }
        return cursor
    }

    /// A follower of a deployment, ready and with these threats in its ring.
    private func follower(
        _ loop: TestLoop, _ endpoint: RedisEndpoint, name: String, _ threats: [String] = []
    ) throws -> FollowerProbe {
        let probe = loop.follower(
            endpoint, limits: TestLoop.returning, membership: LogMembership(deployment: name))
        try loop.run("ready") { probe.isReady }
        for id in threats { _ = try publish(loop, probe.follower.client, id) }
        try loop.run("delivered") { Set(probe.ids).isSuperset(of: threats) }
        return probe
    }

    @Test(
        "a replica whose address leads to another deployment's log leaves it alone, says so, and comes back by itself",
        arguments: [
            Names(own: "", other: ""), Names(own: "red", other: "blue"), Names(own: "red", other: ""),
            Names(own: "", other: "blue"),
        ])
    func ledAstray(_ names: Names) throws {
        let loop = try TestLoop()
        let own = try Deployment(loop, name: names.own, threats: ["own0"])
        let other = try Deployment(loop, name: names.other, threats: ["other0", "other1"])
        let address = Address(own.server)
        let probe = try follower(loop, address.endpoint, name: names.own, ["own1", "own2"])
        let before = try other.contents()

        address.lead(to: other.server)
        try own.disconnectAll()
        try loop.run("noticed") { probe.follower.health.foreignLog != nil }
        let health = probe.follower.health
        #expect(!health.redisUp)
        #expect(health.reason.contains("the log in Redis is"))
        if !names.own.isEmpty, !names.other.isEmpty {
            #expect(health.reason.contains("blue") && health.reason.contains("red"))
        }
        guard case .failure(.unavailable(let reason)) = try loop.publish(probe.follower.client, record("own3")) else {
            Issue.record("accepted in another deployment's log")
            return
        }
        #expect(reason.contains("the log in Redis is"))
        // It goes on looking, and goes on to find the other's.
        var refusals = 0
        let told = probe.follower.client.onForeign
        probe.follower.client.onForeign = {
            refusals += 1
            told?()
        }
        try loop.run("looked again") { refusals >= 3 }
        #expect(try other.contents() == before)

        address.lead(to: own.server)
        try loop.run("back") { probe.isReady }
        #expect(probe.follower.health.foreignLog == nil)
        let next = try publish(loop, probe.follower.client, "own4")
        try loop.run("delivered") { probe.follower.head == next }
        #expect(Set(probe.ids) == ["own0", "own1", "own2", "own4"])
        #expect(probe.resets.isEmpty)
    }

    @Test("a replica with a name never joins a log of another, though it has just started")
    func startedAstray() throws {
        let loop = try TestLoop()
        let other = try Deployment(loop, name: "blue", threats: ["other"])
        let before = try other.contents()
        let probe = loop.follower(other.server.endpoint, membership: LogMembership(deployment: "red"))
        try loop.run("refused") { probe.follower.health.foreignLog != nil }
        #expect(!probe.isReady && probe.entries.isEmpty)
        #expect(try other.contents() == before)
        // Who has no name takes what there is, as does who has the same.
        for name in ["", "blue"] {
            let member = try follower(loop, other.server.endpoint, name: name)
            try loop.run("read") { member.ids == ["other"] }
        }
    }

    @Test("a log without a name gets that of the first replica with one, and then is of that deployment only")
    func named() throws {
        let loop = try TestLoop()
        let log = try Deployment(loop, name: "", threats: ["early"])
        let unnamed = try follower(loop, log.server.endpoint, name: "")
        let named = try follower(loop, log.server.endpoint, name: "red")
        #expect(try log.meta("deployment") == "red")
        #expect(named.ids == ["early"])
        let refused = loop.follower(log.server.endpoint, membership: LogMembership(deployment: "blue"))
        try loop.run("refused") { refused.follower.health.foreignLog != nil }
        let next = try publish(loop, unnamed.follower.client, "late")
        try loop.run("delivered") { named.follower.head == next && unnamed.follower.head == next }
        #expect(unnamed.resets.isEmpty && named.resets.isEmpty)
    }

    @Test("a log that begins bears the name of its deployment from its first threat on")
    func begunWithName() throws {
        let loop = try TestLoop()
        let log = try Deployment(loop, name: "red", threats: ["first"])
        #expect(try log.meta("deployment") == "red")
        let unnamed = try Deployment(loop, name: "", threats: ["first"])
        #expect(try unnamed.meta("deployment") == nil)
    }

    @Test("a log that was deleted is restored under its identity and its name", arguments: ["", "red"])
    func restored(name: String) throws {
        let loop = try TestLoop()
        let log = try Deployment(loop, name: name, threats: ["k0"])
        let probe = try follower(loop, log.server.endpoint, name: name, ["k1"])
        let identity = try log.meta("o")
        _ = try loop.command(log.link, "FLUSHALL")
        try loop.run("restored") { probe.resets.count == 1 && probe.ids.count == 4 }
        #expect(try log.meta("o") == identity)
        #expect(try log.ids() == ["k0", "k1"])
        try loop.run("named") { (try? log.meta("deployment") ?? "") == name }
    }

    @Test("a colleague of the same name began anew in an empty Redis: the logs become one")
    func begunAnewByColleague() throws {
        let loop = try TestLoop()
        let lost = try Deployment(loop, name: "red", threats: ["old0"])
        let address = Address(lost.server)
        let probe = try follower(loop, address.endpoint, name: "red", ["old1"])
        let begun = try Deployment(loop, name: "red", threats: ["new0"])
        address.lead(to: begun.server)
        try lost.disconnectAll()
        try loop.run("one log") { (try? begun.ids()) == ["old0", "old1", "new0"] }
        try loop.run("delivered") { Set(probe.ids) == ["old0", "old1", "new0"] && probe.isReady }
        #expect(probe.follower.health.foreignLog == nil)
    }

    @Test(
        "without a name a log begun anew in another server is not joined by who knew the old one, but after a restart")
    func restartedWithoutName() throws {
        let loop = try TestLoop()
        let lost = try Deployment(loop, name: "", threats: ["old"])
        let address = Address(lost.server)
        let probe = try follower(loop, address.endpoint, name: "")
        let begun = try Deployment(loop, name: "", threats: ["new"])
        address.lead(to: begun.server)
        try lost.disconnectAll()
        try loop.run("refused") { probe.follower.health.foreignLog != nil }
        #expect(probe.follower.health.reason.contains("--deployment"))
        let restarted = try follower(loop, address.endpoint, name: "")
        #expect(restarted.ids == ["new"])
        #expect(probe.ids == ["old"])
    }

    @Test("a private Redis is nobody else's: what stands there is joined, whatever it is called")
    func privateRedis() throws {
        let loop = try TestLoop()
        let first = try Deployment(loop, name: "", threats: ["old"])
        let address = Address(first.server)
        let endpoint = RedisEndpoint(location: address.endpoint.location, isPrivate: true)
        let probe = try follower(loop, endpoint, name: "")
        let second = try Deployment(loop, name: "", threats: ["new"])
        address.lead(to: second.server)
        try first.disconnectAll()
        try loop.run("one log") { (try? second.ids()) == ["old", "new"] }
        #expect(probe.follower.health.foreignLog == nil)
    }

    @Test(
        "another deployment's data in place of the own, behind a connection that stays, is neither read nor written to",
        arguments: Read.allCases)
    func replacedInPlace(_ read: Read) throws {
        let loop = try TestLoop()
        let own = try Deployment(loop, name: "red", threats: ["own"])
        let other = try Deployment(loop, name: "blue", threats: ["other"])
        let client = try loop.client(own.server.endpoint, membership: LogMembership(deployment: "red"))
        let dumps = try other.contents()
        _ = try loop.command(own.link, "FLUSHALL")
        for (key, dump) in zip([keys.log, keys.ids, keys.counts, keys.meta], dumps) {
            let restore = RedisCommand(arguments: ["RESTORE", key, "0"].map { Array($0.utf8) } + [dump.bytes ?? []])
            let reply: Result<RedisReply, LinkError> = try loop.value("RESTORE") { done in
                own.link.send(restore) { done($0) }
            }
            #expect(try reply.get().text == "OK")
        }
        let failure = try failure(of: read, loop, client)
        #expect(failure.contains("blue"))
        #expect(!client.isUp)
        #expect(try other.contents() == own.contents())
    }

    /// Ways to ask a client for what its log has.
    enum Read: CaseIterable, Sendable {
        case resume, newest, range, find, analytics, publish
    }

    /// Why a log cannot be read, or written to.
    private func failure(of read: Read, _ loop: TestLoop, _ client: LogClient) throws -> String {
        let result: Result<String, LogError> = try loop.value("\(read)") { done in
            switch read {
            case .resume: client.resume(after: .zero, limit: 10) { result in done(result.map { "\($0)" }) }
            case .newest: client.newest(limit: 10) { result in done(result.map { "\($0)" }) }
            case .range: client.range(after: .zero, limit: 10) { result in done(result.map { "\($0)" }) }
            case .find: client.find(id: "other") { result in done(result.map { "\($0 as Any)" }) }
            case .analytics: client.analytics { result in done(result.map { "\($0)" }) }
            case .publish: client.publish(record("stray")) { result in done(result.map { "\($0)" }) }
            }
        }
        guard case .failure(.unavailable(let reason)) = result else {
            throw TimedOut(description: "read from another deployment's log: \(result)")
        }
        return reason
    }

    @Test(
        "a log of a version without identities is the own one if it has a generation that was seen there",
        arguments: [true, false])
    func withoutIdentity(isOwn: Bool) throws {
        let loop = try TestLoop()
        let own = try Deployment(loop, name: "", threats: ["own"])
        let other = try Deployment(loop, name: "", threats: ["other"])
        let address = Address(own.server)
        let probe = try follower(loop, address.endpoint, name: "")
        let next = isOwn ? own : other
        address.lead(to: next.server)
        _ = try loop.command(next.link, "HDEL", keys.meta, "o")
        try own.disconnectAll()
        if isOwn {
            try loop.run("named again") { (try? next.meta("o")) == probe.follower.client.identity.description }
            try loop.run("ready") { probe.isReady }
        } else {
            try loop.run("refused") { probe.follower.health.foreignLog != nil }
            #expect(try next.meta("o") == nil)
        }
        #expect(probe.ids == ["own"])
    }

    @Test("a copy in another database is its deployment's own, and no other's")
    func copied() throws {
        let loop = try TestLoop()
        let log = try Deployment(loop, name: "red", threats: ["k0"])
        for key in [keys.log, keys.ids, keys.counts, keys.meta] {
            _ = try loop.command(log.link, "COPY", key, key, "DB", "1")
        }
        let endpoint = RedisEndpoint(location: log.server.endpoint.location, database: 1)
        let refused = loop.follower(endpoint, membership: LogMembership(deployment: "blue"))
        try loop.run("refused") { refused.follower.health.foreignLog != nil }
        let own = try follower(loop, endpoint, name: "red", ["k1"])
        #expect(Set(own.ids) == ["k0", "k1"])
    }

    @Test("what one client of a process has found lets the others look")
    func foundByOne() throws {
        let loop = try TestLoop()
        let log = try Deployment(loop, name: "red", threats: ["own"])
        let membership = LogMembership(deployment: "red")
        let clients = try (0..<3).map { _ in try loop.client(log.server.endpoint, membership: membership) }
        _ = try loop.command(log.link, "HSET", keys.meta, "deployment", "blue")
        // It is the same log still, by its identity: only who asks for the name can tell.
        let status: Result<LogStatus, LogError> = try loop.value("probe") { clients[0].maintain(completion: $0) }
        #expect(throws: LogError.self) { try status.get() }
        try loop.run("all have looked") { clients.allSatisfy { $0.foreignReason != nil } }
        _ = try loop.command(log.link, "HSET", keys.meta, "deployment", "red")
        try loop.run("all are back") { clients.allSatisfy { $0.isUp && $0.foreignReason == nil } }
    }

    @Test("what one client of a process was told holds for all of them")
    func shared() throws {
        let loop = try TestLoop()
        let own = try Deployment(loop, name: "", threats: ["own"])
        let other = try Deployment(loop, name: "", threats: ["other"])
        let membership = LogMembership()
        _ = try loop.client(own.server.endpoint, membership: membership)
        let late = loop.follower(other.server.endpoint, membership: membership)
        try loop.run("refused") { late.follower.health.foreignLog != nil }
        #expect(late.entries.isEmpty)
    }
}
