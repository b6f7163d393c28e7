import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import TocsinClient

/// Replicas that find their Redis through sentinels, and those that wait for its replicas.
@Suite(.processes) struct Replication {
    @Test("a master that is killed under load: failover, reset, acknowledged threats come back from the rings")
    func masterKilled() throws {
        let bench = try SentinelBench()
        let run = try FailureRun(bench.urls)
        let old = try #require(bench.deployment.master)
        old.kill()
        #expect(Self.awaitOther(than: old, bench))
        try Self.expectRecovery(run, bench)
        #expect(run.awaitResets(1))
        try run.awaitAcknowledgements(100)
        // The old master comes back believing to be one; nobody may write to it.
        try old.start()
        #expect(Self.awaitDemotion(of: old))
        try Self.expectRecovery(run, bench)
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test("a master that hangs and comes back after its replica was promoted: nobody goes on writing to it")
    func masterStopped() throws {
        let bench = try SentinelBench()
        let run = try FailureRun(bench.urls)
        let old = try #require(bench.deployment.master)
        old.pause()
        #expect(Self.awaitOther(than: old, bench))
        try Self.expectRecovery(run, bench)
        old.resume()
        #expect(Self.awaitDemotion(of: old))
        try Self.expectRecovery(run, bench)
        #expect(run.awaitResets(1))
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test(
        "a master that pauses shorter than anybody's patience and is replaced meanwhile: left within five seconds")
    func masterPausedBriefly() throws {
        let bench = try SentinelBench()
        let run = try FailureRun(bench.urls)
        let old = try #require(bench.deployment.master)
        old.pause()
        _ = try bench.deployment.sentinels[0].command("SENTINEL", "FAILOVER", SentinelDeployment.name)
        #expect(Self.awaitOther(than: old, bench))
        old.resume()
        let resumed = MonotonicTime.now
        // It takes itself for the master until a sentinel tells it better, which takes eight seconds and more.
        while MonotonicTime.now - resumed < .seconds(5) { Pause.sleep(.milliseconds(50)) }
        let last = try Self.lastEntry(of: old)
        try run.awaitAcknowledgements(100)
        let since = try Self.lastEntry(of: old)
        // Once it is a replica it repeats what the new one does.
        let isReplica = try old.command("ROLE").elements.first?.text == "slave"
        #expect(isReplica || since == last)
        #expect(run.awaitResets(1))
        #expect(Self.awaitDemotion(of: old))
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test("SENTINEL FAILOVER under load: the master steps down, posts succeed again within five seconds")
    func failoverOnDemand() throws {
        let bench = try SentinelBench()
        let run = try FailureRun(bench.urls)
        let old = try #require(bench.deployment.master)
        let answer = try bench.deployment.sentinels[0].command("SENTINEL", "FAILOVER", SentinelDeployment.name)
        #expect(answer == .simple("OK"))
        #expect(Self.awaitOther(than: old, bench))
        try Self.expectRecovery(run, bench)
        #expect(run.awaitResets(1))
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test("--redis-min-replicas 1: without the replica posts get 503, with it again they succeed")
    func replicaMissing() throws {
        let bench = try SentinelBench(arguments: ["--redis-min-replicas", "1"])
        let run = try FailureRun(bench.urls)
        let replica = try #require(bench.deployment.servers.first { $0 !== bench.deployment.master })
        replica.pause()
        for url in bench.urls { try run.awaitRefusal(by: url) }
        let before = run.pool.acknowledgedCount
        Pause.sleep(.seconds(1))
        #expect(run.pool.acknowledgedCount == before)
        replica.resume()
        try Self.expectRecovery(run, bench)
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test("--redis-min-replicas 1 and a failover: what was acknowledged is in the new master")
    func nothingLostWithReplicas() throws {
        let bench = try SentinelBench(arguments: ["--redis-min-replicas", "1"])
        let run = try FailureRun(bench.urls)
        let old = try #require(bench.deployment.master)
        old.kill()
        #expect(Self.awaitOther(than: old, bench))
        // Nothing is acknowledged until there are two again.
        let promoted = try #require(bench.deployment.master)
        try old.start(as: .replica(of: try #require(promoted.port)))
        #expect(Harness.wait(atMost: .seconds(20)) { (try? promoted.command("WAIT", "1", "500")) == .integer(1) })
        try Self.expectRecovery(run, bench)
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    /// Replicas accept within five seconds, unless the Sentinels move the master once more meanwhile: a disk that is
    /// slow for a second makes them do that.
    private static func expectRecovery(_ run: FailureRun, _ bench: SentinelBench) throws {
        let epoch = try bench.deployment.epoch()
        let time = run.expectRecovery(since: .now, within: .seconds(20))
        let hasMovedAgain = try bench.deployment.epoch() != epoch
        #expect(time < .seconds(5) * Harness.patience || hasMovedAgain, "in epoch \(epoch)")
    }

    private static func lastEntry(of redis: LocalRedis) throws -> RedisValue {
        try redis.command("HMGET", "tocsin:{default}:meta", "g", "s")
    }

    /// A sentinel makes a server that wrongly takes itself for the master a replica, eight seconds later or more.
    private static func awaitDemotion(of old: LocalRedis) -> Bool {
        Harness.wait(atMost: .seconds(40), every: .milliseconds(100)) {
            (try? old.command("ROLE", within: .seconds(1)))?.elements.first?.text == "slave"
        }
    }

    private static func awaitOther(than old: LocalRedis, _ bench: SentinelBench) -> Bool {
        Harness.wait(atMost: .seconds(20), every: .milliseconds(50)) {
            guard let master = bench.deployment.master, master !== old else { return false }
            return (try? master.command("ROLE", within: .seconds(1)))?.elements.first?.text == "master"
        }
    }
}

/// Three replicas of ours, a master, its replica and three sentinels.
private final class SentinelBench {
    let deployment: SentinelDeployment
    let replicas: [LocalReplica]
    private let directory: TemporaryDirectory

    init(arguments: [String] = []) throws {
        guard ChildProcess.find("redis-server") != nil else { throw HarnessError(LocalRedis.installHint) }
        let directory = try TemporaryDirectory()
        self.directory = directory
        let deployment = try SentinelDeployment(directory: directory.path)
        self.deployment = deployment
        let program = try Harness.program()
        replicas = try (0..<3).map { index in
            try LocalReplica(
                launcher: program, name: "replica-\(index)", redisURL: deployment.url, directory: directory.path,
                arguments: arguments)
        }
        for replica in replicas { try replica.waitUntilReady() }
    }

    var urls: [ServerURL] { replicas.map(\.url) }
}
