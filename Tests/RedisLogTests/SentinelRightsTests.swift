import PosixIO
import Testing

@testable import RedisLog

@Suite("Users of Sentinels")
struct SentinelRightsTests {
    /// As docs/operations.md has them.
    private static let needed = "resetkeys resetchannels -@all +sentinel|get-master-addr-by-name"
    private static let wanted = needed + " +sentinel|master"
    private static let nobody = ["user default off", "user default on nopass resetkeys resetchannels -@all"]

    private struct Bench {
        let loop: TestLoop
        let ports: [UInt16]
        let servers: [RedisServer]
        let sentinel: TestSentinel

        init(settings: [String]) throws {
            loop = try TestLoop()
            ports = try (0..<2).map { _ in try ReservedPort.take() }
            servers = [
                try RedisServer(["--port", String(ports[0]), "--repl-diskless-sync-delay", "0"]),
                try RedisServer(["--port", String(ports[1]), "--replicaof", "127.0.0.1", String(ports[0])]),
            ]
            let master = loop.link(servers[0].endpoint, limits: SentinelTests.quick)
            try loop.run("replicated") { master.isUp && master.connectedReplicas == 1 }
            sentinel = try TestSentinel(master: ports[0], settings: settings)
            try sentinel.waitUntilListening(loop)
        }

        func endpoint(_ settings: SentinelSettings) throws -> RedisEndpoint {
            try RedisEndpoint(url: "redis-sentinel://127.0.0.1:\(sentinel.port)/threats", sentinels: settings)
        }

        func reason(_ settings: SentinelSettings, containing text: String) throws -> String {
            let link = loop.link(try endpoint(settings), limits: SentinelTests.quick)
            defer { link.stop() }
            try loop.run(text) { link.downReason.contains(text) }
            return link.downReason
        }
    }

    @Test(
        "the rights of the docs are enough to start and to follow a failover",
        arguments: [needed, wanted], nobody)
    func rights(rules: String, defaultUser: String) throws {
        let bench = try Bench(settings: ["user tocsin on >secret \(rules)", defaultUser])
        let probe = bench.loop.follower(
            try bench.endpoint(SentinelSettings(user: "tocsin", password: "secret")), limits: SentinelTests.quick)
        var news: [SentinelNews] = []
        probe.follower.onSentinelNews = { news.append($0) }
        try bench.loop.run("ready") { probe.isReady }
        try bench.sentinel.failOver(bench.loop)
        let port = bench.ports[1]
        try bench.loop.run("ready at the new master") {
            probe.isReady
                && news.contains { if case .moved(let move) = $0 { move.address.hasSuffix(":\(port)") } else { false } }
        }
        let answer = try bench.loop.command(probe.follower.client.link, "CONFIG", "GET", "port")
        #expect(answer.elements?.last?.text == String(port))
        #expect(news.contains(.withoutEpoch) == (rules == Self.needed))
        #expect(!news.contains { if case .silent = $0 { true } else { false } })
    }

    @Test("user and password of the URL are shown to a Sentinel that lets nobody else in", arguments: nobody)
    func inheritedLogin(defaultUser: String) throws {
        let bench = try Bench(settings: ["user tocsin on >secret \(Self.wanted)", defaultUser])
        let conversation = try RedisConversation(bench.servers[0].endpoint, bench.loop)
        _ = try conversation.command("ACL", "SETUSER", "tocsin", "on", ">secret", "~*", "&*", "+@all")
        let link = bench.loop.link(
            try RedisEndpoint(url: "redis-sentinel://tocsin:secret@127.0.0.1:\(bench.sentinel.port)/threats"),
            limits: SentinelTests.quick)
        try bench.loop.run("up") { link.isUp }
    }

    @Test("a Sentinel that does not know user and password of the URL is asked without, if that is enough")
    func uselessLogin() throws {
        let bench = try Bench(settings: ["user default on nopass \(Self.needed)"])
        let conversation = try RedisConversation(bench.servers[0].endpoint, bench.loop)
        _ = try conversation.command("ACL", "SETUSER", "tocsin", "on", ">secret", "~*", "&*", "+@all")
        let probe = bench.loop.follower(
            try RedisEndpoint(url: "redis-sentinel://tocsin:secret@127.0.0.1:\(bench.sentinel.port)/threats"),
            limits: SentinelTests.quick)
        var news: [SentinelNews] = []
        probe.follower.onSentinelNews = { news.append($0) }
        try bench.loop.run("ready, and told") { probe.isReady && news.contains(.withoutEpoch) }
    }

    @Test("who may ask for the role only does not come up at a replica")
    func roleOnly() throws {
        let bench = try Bench(settings: [])
        let links = try bench.servers.indices.map { index in
            let conversation = try RedisConversation(bench.servers[index].endpoint, bench.loop)
            _ = try conversation.command(
                "ACL", "SETUSER", "few", "on", ">secret", "~*", "&*", "+@all", "-info")
            return bench.loop.link(
                try RedisEndpoint(url: "redis://few:secret@127.0.0.1:\(bench.ports[index])"),
                limits: SentinelTests.quick)
        }
        var timesUp = 0
        links[1].onUp = { timesUp += 1 }
        try bench.loop.run("master") { links[0].isUp }
        try bench.loop.run("replica") { links[1].downReason == "Redis is a read-only replica" }
        #expect(timesUp == 0)
    }

    @Test("a password for a Sentinel that has none is no failure")
    func needless() throws {
        let bench = try Bench(settings: [])
        let link = bench.loop.link(
            try bench.endpoint(SentinelSettings(password: "needless")), limits: SentinelTests.quick)
        try bench.loop.run("up") { link.isUp }
    }

    @Test("what a Sentinel refuses is told as its refusal, with the setting or the permission")
    func refusals() throws {
        let bench = try Bench(settings: ["user tocsin on >secret -@all +sentinel|master", "user default off"])
        let peer = "Sentinel 127.0.0.1:\(bench.sentinel.port)"
        let wrong = try bench.reason(SentinelSettings(user: "tocsin", password: "wrong"), containing: "refuses")
        #expect(wrong == "\(peer) refuses the user or password of --redis-sentinel-…")
        let none = try bench.reason(SentinelSettings(), containing: "asks")
        #expect(none == "\(peer) asks for a password (--redis-sentinel-password)")
        let few = try bench.reason(SentinelSettings(user: "tocsin", password: "secret"), containing: "permission")
        #expect(few.hasPrefix("\(peer): its user lacks a permission (ACL): "), "\(few)")
        #expect(few.contains("get-master-addr-by-name"), "\(few)")
    }

    @Test("what Redis refuses is told as its refusal, and not the Sentinel's")
    func redisRefuses() throws {
        let bench = try Bench(settings: [])
        let conversation = try RedisConversation(bench.servers[0].endpoint, bench.loop)
        _ = try conversation.command("CONFIG", "SET", "requirepass", "secret")
        let reason = try bench.reason(SentinelSettings(), containing: "password")
        #expect(reason == "Redis 127.0.0.1:\(bench.ports[0]) asks for a password")
    }

    @Test(
        "a Redis among the Sentinels, and a Sentinel at the address of a Redis, are told for what they are",
        arguments: ["", "/3"])
    func mistakenForEachOther(database: String) throws {
        let bench = try Bench(settings: [])
        let loop = bench.loop
        let redis = loop.link(
            try RedisEndpoint(url: "redis-sentinel://127.0.0.1:\(bench.ports[0])/threats"), limits: SentinelTests.quick)
        try loop.run("no Sentinel") { redis.downReason.contains("is no Sentinel") }
        let port = bench.sentinel.port
        let sentinel = loop.link(
            try RedisEndpoint(url: "redis://127.0.0.1:\(port)\(database)"), limits: SentinelTests.quick)
        try loop.run("a Sentinel") {
            sentinel.downReason
                == "127.0.0.1:\(port) is a Sentinel, which keeps no log: use redis-sentinel://127.0.0.1:\(port)/threats"
        }
    }

    @Test("a node of a cluster is told for what it is")
    func cluster() throws {
        let port = try ReservedPort.take()
        let server = try RedisServer(["--port", String(port), "--cluster-enabled", "yes"])
        let loop = try TestLoop()
        let link = loop.link(try RedisEndpoint(url: "redis://127.0.0.1:\(port)/1"), limits: SentinelTests.quick)
        try loop.run("told") { link.downReason.contains("a node of a cluster") }
        withExtendedLifetime(server) {}
    }
}
