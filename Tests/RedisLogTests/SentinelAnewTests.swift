import PosixIO
import Testing

@testable import RedisLog

@Suite("Sentinels that are set up anew, or gone")
struct SentinelAnewTests {
    /// A master, its replica and what watches them.
    private final class Deployment {
        let loop: TestLoop
        let ports: [UInt16]
        let servers: [RedisServer]
        let sentinelPorts: [UInt16]
        var sentinels: [TestSentinel]
        let probe: FollowerProbe
        private(set) var news: [SentinelNews] = []

        init(sentinels count: Int, epoch: Int) throws {
            loop = try TestLoop()
            ports = try (0..<2).map { _ in try ReservedPort.take() }
            sentinelPorts = try (0..<count).map { _ in try ReservedPort.take() }
            servers = [
                try RedisServer(["--port", String(ports[0]), "--repl-diskless-sync-delay", "0"]),
                try RedisServer(["--port", String(ports[1]), "--replicaof", "127.0.0.1", String(ports[0])]),
            ]
            let master = ports[0]
            sentinels = try sentinelPorts.map { try TestSentinel(port: $0, master: master, epoch: epoch) }
            let hosts = sentinels.map(\.host)
            probe = loop.follower(
                RedisEndpoint(location: .sentinel(hosts, master: "threats")), limits: SentinelTests.quick)
            probe.follower.onSentinelNews = { [weak self] in self?.news.append($0) }
            try loop.run("ready") { probe.isReady }
        }

        func endSentinels() {
            for sentinel in sentinels { sentinel.crash() }
            sentinels = []
        }

        /// Sentinels that know nothing of those before.
        func setUpAnew(_ places: Range<Int>, master: Int) throws {
            for place in places {
                sentinels.append(try TestSentinel(port: sentinelPorts[place], master: ports[master]))
            }
        }

        /// Cuts the connections of all clients of that kind, once.
        func cut(_ kind: String, at server: Int) throws {
            let conversation = try RedisConversation(servers[server].endpoint, loop)
            _ = try conversation.command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            conversation.link.stop()
        }

        /// Makes the replica a master without telling any Sentinel.
        func promoteReplica() throws {
            let conversation = try RedisConversation(servers[1].endpoint, loop)
            _ = try conversation.command("REPLICAOF", "NO", "ONE")
            conversation.link.stop()
        }

        var isAtSecond: Bool {
            get throws {
                guard probe.isReady, probe.follower.client.link.isUp else { return false }
                let port = try loop.command(probe.follower.client.link, "CONFIG", "GET", "port")
                return port.elements?.last?.text == String(ports[1])
            }
        }
    }

    @Test("set up anew with the same master: told, and both links come back after a cut", arguments: [1, 3])
    func sameMaster(count: Int) throws {
        let deployment = try Deployment(sentinels: count, epoch: 5)
        deployment.endSentinels()
        try deployment.setUpAnew(0..<count, master: 0)
        try deployment.loop.run("told") { deployment.news.contains(.epochFell(from: 5, to: 0)) }
        for kind in ["normal", "pubsub"] {
            try deployment.cut(kind, at: 0)
            try deployment.loop.run("noticed: \(kind)") { !deployment.probe.isReady }
            try deployment.loop.run("back: \(kind)") { deployment.probe.isReady }
        }
        let result = try deployment.loop.publish(deployment.probe.follower.client, record("a"))
        guard case .success = result else {
            Issue.record("\(result)")
            return
        }
        try deployment.loop.run("heard") { deployment.probe.ids == ["a"] }
        let moves = deployment.news.filter { if case .moved = $0 { true } else { false } }
        #expect(moves.count == 1)
    }

    @Test("set up anew with another master: one is not believed, most are, and its role is asked", arguments: [1, 3])
    func otherMaster(count: Int) throws {
        let deployment = try Deployment(sentinels: count, epoch: 5)
        deployment.endSentinels()
        // A replica is not the master, whoever says so.
        try deployment.setUpAnew(0..<count, master: 1)
        try deployment.loop.run("doubted") {
            deployment.news.contains { news in
                if case .silent(let reason) = news { reason.contains("read-only replica") } else { false }
            }
        }
        #expect(deployment.probe.isReady)
        try deployment.promoteReplica()
        try deployment.loop.run("at the new master") { (try? deployment.isAtSecond) ?? false }
        #expect(deployment.news.contains(.epochFell(from: 5, to: 0)))
    }

    @Test("all Sentinels are gone: told, and the master that was known is used until one answers again")
    func gone() throws {
        let deployment = try Deployment(sentinels: 3, epoch: 5)
        deployment.endSentinels()
        try deployment.loop.run("told") {
            deployment.news.contains { if case .silent = $0 { true } else { false } }
        }
        for kind in ["pubsub", "normal"] {
            try deployment.cut(kind, at: 0)
            try deployment.loop.run("noticed: \(kind)") { !deployment.probe.isReady }
            try deployment.loop.run("back: \(kind)") { deployment.probe.isReady }
        }
        #expect(!deployment.news.contains(.answering))
        // Now they know better, and count from where they were.
        try deployment.promoteReplica()
        let sentinel = try TestSentinel(port: deployment.sentinelPorts[2], master: deployment.ports[1], epoch: 6)
        try deployment.loop.run("at the new master") { (try? deployment.isAtSecond) ?? false }
        #expect(deployment.news.contains(.answering))
        withExtendedLifetime(sentinel) {}
    }

    @Test("the last known master is no use once it is a replica, and the reason names it and the Sentinels")
    func lastKnownDemoted() throws {
        let deployment = try Deployment(sentinels: 1, epoch: 5)
        deployment.endSentinels()
        try deployment.promoteReplica()
        let conversation = try RedisConversation(deployment.servers[0].endpoint, deployment.loop)
        _ = try conversation.command("REPLICAOF", "127.0.0.1", String(deployment.ports[1]))
        let sentinel = deployment.sentinelPorts[0]
        let link = deployment.probe.follower.client.link
        try deployment.loop.run("refused") {
            link.downReason.contains("Redis 127.0.0.1:\(deployment.ports[0]) is a read-only replica")
                && link.downReason.contains("Sentinel 127.0.0.1:\(sentinel): ")
        }
        #expect(!link.isUp)
    }
}
