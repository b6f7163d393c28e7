import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import TocsinClient

/// Sentinels and masters that have names, some of whose addresses do not help.
@Suite(.processes) struct SentinelNames {
    /// What stands at the first address of a name.
    enum FirstAddress: CaseIterable, CustomTestStringConvertible {
        case silent, closing, resetting, refusing

        var testDescription: String { "\(self)" }

        func act(_ proxy: FaultProxy) {
            switch self {
            case .silent: proxy.set(.hang)
            case .closing: proxy.set(door: .closing)
            case .resetting: proxy.set(door: .resetting)
            case .refusing: proxy.set(door: .refusing)
            }
        }
    }

    @Test(
        "one name for all Sentinels whose first address does not help: the others are asked, by links and the watch",
        arguments: FirstAddress.allCases)
    func firstAddress(_ kind: FirstAddress) throws {
        let watchers = try Self.watchers()
        let port = try #require(watchers.sharedPort)
        let first = try FaultProxy(to: try .literal("127.0.0.2", port), host: "127.0.0.9", port: port)
        kind.act(first)
        let bench = try SentinelBench(
            watchers: watchers, names: [Self.name: .init(["127.0.0.9"] + watchers.hosts)],
            url: { _ in "redis-sentinel://\(Self.name):\(port)/\(SentinelDeployment.name)" })
        try Self.expectFollowing(bench)
        withExtendedLifetime((bench, first)) {}
    }

    @Test("one name for all Sentinels, of which the first hangs while replicas run: the others are asked")
    func firstStopped() throws {
        let watchers = try Self.watchers()
        let port = try #require(watchers.sharedPort)
        let bench = try SentinelBench(
            watchers: watchers, names: [Self.name: .init(watchers.hosts)],
            url: { _ in "redis-sentinel://\(Self.name):\(port)/\(SentinelDeployment.name)" })
        bench.deployment.sentinels[0].pause()
        try Self.expectFollowing(bench)
        let restarted = bench.replicas[0]
        restarted.kill()
        try restarted.start()
        try restarted.waitUntilReady()
        withExtendedLifetime(bench) {}
    }

    @Test("a name server that says nothing of one Sentinel: the others are asked meanwhile")
    func silentNameServer() throws {
        let bench = try SentinelBench(
            names: ["silent.test": .silence],
            url: { $0.url.replacing("redis-sentinel://", with: "redis-sentinel://silent.test:26379,") })
        try Self.expectFollowing(bench)
        withExtendedLifetime(bench) {}
    }

    @Test("a name server that says nothing of any Sentinel, after it did: told by name, links come back")
    func nameServerLost() throws {
        let names = ["one.test", "two.test", "three.test"]
        let answers = Dictionary(uniqueKeysWithValues: names.map { ($0, FakeResolver.Answer(["127.0.0.1"])) })
        let bench = try SentinelBench(
            names: answers,
            url: { deployment in
                let hosts = zip(names, deployment.sentinels).map { "\($0):\($1.port)" }.joined(separator: ",")
                return "redis-sentinel://\(hosts)/\(SentinelDeployment.name)"
            })
        let run = try bench.load()
        bench.markLogs()
        try bench.resolver?.write(answers.mapValues { _ in .silence })
        for kind in ["pubsub", "normal"] {
            try bench.cut(kind)
            run.expectRecovery()
            run.expectDelivery()
        }
        bench.expectTold("sentinel", ".test")
        try bench.resolver?.write(answers)
        let old = try bench.failOverByHand()
        try SentinelBench.expectLeft(old, run)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test(
        "a replica whose only name is not found in time: it ends with 69 and says which name",
        arguments: ["redis://silent.test:6379", "redis-sentinel://silent.test:26379/tocsin"])
    func silentAtStart(_ url: String) throws {
        let directory = try TemporaryDirectory()
        let resolver = try FakeResolver(directory: directory.path)
        try resolver.write(["silent.test": .silence])
        let replica = try LocalReplica(
            launcher: try Harness.program(), name: "replica", redisURL: url, directory: directory.path,
            environment: resolver.environment)
        #expect(replica.child.waitForEnd(atMost: FailureBench.deadline) == .exited(code: 69))
        let end = replica.child.output.split(whereSeparator: \.isNewline).last ?? ""
        #expect(end.contains("silent.test") && end.contains("look"), "\(end)")
    }

    @Test("a Sentinel's name that moves to another address: looked up again at each question")
    func nameMoves() throws {
        let watchers = try Self.watchers()
        let port = try #require(watchers.sharedPort)
        let bench = try SentinelBench(
            watchers: watchers, names: [Self.name: .init([watchers.hosts[0]])],
            url: { _ in "redis-sentinel://\(Self.name):\(port)/\(SentinelDeployment.name)" })
        bench.deployment.sentinels[0].kill()
        try bench.resolver?.write([Self.name: .init([watchers.hosts[1]])])
        try Self.expectFollowing(bench)
        withExtendedLifetime(bench) {}
    }

    @Test("masters that Sentinels know by name, whose first address does not help: the next one is taken")
    func masterByName() throws {
        // A name to whom only addresses are none, and which every system finds: 127.0.0.1 (inet_aton(3)).
        let name = "127.1"
        var watchers = SentinelDeployment.Watchers.patient
        watchers.serverName = name
        let bench = try SentinelBench(watchers: watchers, names: [:])
        #expect(
            try bench.deployment.sentinels[0].command(
                "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SentinelDeployment.name
            ).elements.first?.text == name)
        let proxies = try bench.deployment.servers.compactMap(\.port).map { port in
            try FaultProxy(to: try .loopback(port), host: "127.0.0.9", port: port)
        }
        for (proxy, kind) in zip(proxies, [FirstAddress.silent, .closing]) { kind.act(proxy) }
        try bench.resolver?.write([name: .init(["127.0.0.9", "127.0.0.1"])])
        try Self.expectFollowing(bench)
        withExtendedLifetime((bench, proxies)) {}
    }

    @Test(
        "a plain Redis whose name has a first address that does not help: the next one is taken",
        arguments: FirstAddress.allCases)
    func plainRedis(_ kind: FirstAddress) throws {
        let directory = try TemporaryDirectory()
        let port = try FreePort.find()
        let redis = try LocalRedis(
            directory: directory.path, options: SentinelDeployment.serverOptions(port: port))
        let proxy = try FaultProxy(to: try .loopback(port), host: "127.0.0.9", port: port)
        kind.act(proxy)
        let resolver = try FakeResolver(directory: directory.path)
        try resolver.write(["redis.test": .init(["127.0.0.9", "127.0.0.1"])])
        let replica = try LocalReplica(
            launcher: try Harness.program(), name: "replica", redisURL: "redis://redis.test:\(port)",
            directory: directory.path, environment: resolver.environment)
        try replica.waitUntilReady()
        let run = try FailureRun([replica.url], residents: 2, wanderers: 0)
        for link in ["pubsub", "normal"] {
            try redis.command("CLIENT", "KILL", "TYPE", link)
            run.expectRecovery()
            run.expectDelivery()
        }
        try run.finish()
        withExtendedLifetime((redis, proxy, replica)) {}
    }

    private static let name = "sentinels.test"

    /// Three Sentinels that differ by their addresses only, as behind one name.
    private static func watchers() throws -> SentinelDeployment.Watchers {
        var watchers = SentinelDeployment.Watchers.patient
        watchers.hosts = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
        watchers.sharedPort = try FreePort.find()
        return watchers
    }

    /// Links that are lost come back, and a failover is followed.
    private static func expectFollowing(_ bench: SentinelBench) throws {
        let run = try bench.load()
        for kind in ["pubsub", "normal"] {
            try bench.cut(kind)
            run.expectRecovery()
            run.expectDelivery()
        }
        let old = try bench.failOverByHand()
        try SentinelBench.expectLeft(old, run)
        try run.finish()
    }
}
