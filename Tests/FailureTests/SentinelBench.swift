import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import TocsinClient

/// Replicas of ours, a master, its replica and three sentinels.
final class SentinelBench {
    let deployment: SentinelDeployment
    let replicas: [LocalReplica]
    /// The host names of the replicas of ours.
    let resolver: FakeResolver?
    private let directory: TemporaryDirectory
    /// How much each replica of ours had logged when the logs were marked, in bytes.
    private var marks: [Int]

    /// - Parameters:
    ///   - arguments: More of `tocsin serve`'s flags.
    ///   - redis: More of redis-server's.
    ///   - names: What the replicas of ours find under which name at first; `nil` for the names of the machine.
    ///   - url: How they are given Redis; as the deployment says by default.
    init(
        replicas count: Int = 3, arguments: [String] = [], redis: [String] = [],
        watchers: SentinelDeployment.Watchers = .patient,
        names: [String: FakeResolver.Answer]? = nil, url: ((SentinelDeployment) -> String)? = nil
    ) throws {
        guard ChildProcess.find("redis-server") != nil else { throw HarnessError(LocalRedis.installHint) }
        let directory = try TemporaryDirectory()
        self.directory = directory
        let deployment = try SentinelDeployment(directory: directory.path, arguments: redis, watchers: watchers)
        self.deployment = deployment
        let resolver = try names.map { names in
            let resolver = try FakeResolver(directory: directory.path)
            try resolver.write(names)
            return resolver
        }
        self.resolver = resolver
        marks = [Int](repeating: 0, count: count)
        let program = try Harness.program()
        replicas = try (0..<count).map { index in
            try LocalReplica(
                launcher: program, name: "replica-\(index)", redisURL: url?(deployment) ?? deployment.url,
                directory: directory.path, arguments: arguments, environment: resolver?.environment ?? [])
        }
        for replica in replicas { try replica.waitUntilReady() }
    }

    var urls: [ServerURL] { replicas.map(\.url) }

    /// Load and clients on all replicas of ours, few enough that such tests may run side by side.
    func load() throws -> FailureRun { try FailureRun(urls, residents: max(3, urls.count), wanderers: 2, rate: 60) }

    /// Lets Redis end connections of a kind (`normal`, `pubsub`), as CLIENT KILL calls them.
    func cut(_ kind: String, on server: LocalRedis? = nil) throws {
        try (server ?? deployment.servers[0]).command("CLIENT", "KILL", "TYPE", kind)
    }

    /// Makes a replica of Redis the master by the hand of an operator, and the sentinels name it.
    /// - Returns: The master of before, which goes on taking itself for one: no sentinel may tell it better.
    func failOverByHand() throws -> LocalRedis {
        let old = try #require(deployment.master)
        let sentinel = try #require(deployment.sentinels.last)
        try old.command("ACL", "SETUSER", "default", "-replicaof", "-slaveof")
        let isBegun = Harness.wait(atMost: FailureBench.deadline, every: .milliseconds(200)) {
            (try? sentinel.command("SENTINEL", "FAILOVER", SentinelDeployment.name)) == .simple("OK")
        }
        try #require(isBegun, "no failover: \(sentinel.child.outputTail)")
        try #require(Self.awaitOther(than: old, self))
        return old
    }

    /// From here on `expectTold` looks for what is logged later.
    func markLogs() {
        marks = replicas.map { $0.child.output.utf8.count }
    }

    /// Expects a line with all these words, in any case, in the log of each replica of ours.
    func expectTold(_ words: String...) {
        for (replica, mark) in zip(replicas, marks) { Self.expectTold(words, by: replica, after: mark) }
    }

    static func expectTold(_ words: [String], by replica: LocalReplica, after mark: Int = 0) {
        let isTold = Harness.wait(atMost: FailureBench.deadline, every: .milliseconds(100)) {
            let text = String(decoding: replica.child.output.utf8.dropFirst(mark), as: UTF8.self).lowercased()
            return text.split(whereSeparator: \.isNewline).contains { words.allSatisfy($0.contains) }
        }
        #expect(isTold, "\(replica.name) says nothing of \(words): \(replica.child.outputTail)")
    }

    /// Expects that every replica has left a replaced master, although it goes on taking writes.
    static func expectLeft(_ old: LocalRedis, _ run: FailureRun) throws {
        // They have gone on to the new generation, which is the new master's.
        #expect(run.awaitResets(1))
        run.expectRecovery()
        let last = try lastEntry(of: old)
        try run.awaitAcknowledgements(100)
        run.expectDelivery()
        #expect(try lastEntry(of: old) == last)
        #expect(try old.command("ROLE").elements.first?.text == "master")
    }

    static func lastEntry(of redis: LocalRedis) throws -> RedisValue {
        try redis.command("HMGET", "tocsin:{default}:meta", "g", "s")
    }

    /// A sentinel makes a server that wrongly takes itself for the master a replica, eight seconds later or more.
    static func awaitDemotion(of old: LocalRedis) -> Bool {
        Harness.wait(atMost: FailureBench.deadline, every: .milliseconds(100)) {
            (try? old.command("ROLE", within: FailureBench.answerDeadline))?.elements.first?.text == "slave"
        }
    }

    static func awaitOther(than old: LocalRedis, _ bench: SentinelBench) -> Bool {
        Harness.wait(atMost: FailureBench.deadline, every: .milliseconds(50)) {
            guard let master = bench.deployment.master, master !== old else { return false }
            return (try? master.command("ROLE", within: FailureBench.answerDeadline))?.elements.first?.text == "master"
        }
    }
}
