import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import TocsinClient

/// Replicas that find their Redis through sentinels, and those that wait for its replicas.
@Suite(.processes) struct Replication {
    @Test("a master that is killed under load: failover, reset, acknowledged threats come back from the rings")
    func masterKilled() throws {
        let bench = try SentinelBench(watchers: .init())
        let run = try FailureRun(bench.urls)
        let old = try #require(bench.deployment.master)
        old.kill()
        #expect(SentinelBench.awaitOther(than: old, bench))
        run.expectRecovery()
        #expect(run.awaitResets(1))
        try run.awaitAcknowledgements(100)
        // The old master comes back believing to be one; nobody may write to it.
        try old.start()
        #expect(SentinelBench.awaitDemotion(of: old))
        run.expectRecovery()
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test("a master that hangs and comes back after its replica was promoted: nobody goes on writing to it")
    func masterStopped() throws {
        let bench = try SentinelBench(watchers: .init())
        let run = try FailureRun(bench.urls)
        let old = try #require(bench.deployment.master)
        old.pause()
        #expect(SentinelBench.awaitOther(than: old, bench))
        run.expectRecovery()
        old.resume()
        #expect(SentinelBench.awaitDemotion(of: old))
        run.expectRecovery()
        #expect(run.awaitResets(1))
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test(
        "a master that pauses shorter than anybody's patience and is replaced meanwhile: left though nobody tells it")
    func masterPausedBriefly() throws {
        let bench = try SentinelBench(watchers: .init())
        let run = try FailureRun(bench.urls)
        let old = try #require(bench.deployment.master)
        // It goes on taking itself for the master: no sentinel may tell it better.
        try old.command("ACL", "SETUSER", "default", "-replicaof", "-slaveof")
        old.pause()
        try bench.deployment.sentinels[0].command("SENTINEL", "FAILOVER", SentinelDeployment.name)
        #expect(SentinelBench.awaitOther(than: old, bench))
        old.resume()
        // Every replica has gone on to the new generation, which is the new master's.
        #expect(run.awaitResets(1))
        run.expectRecovery()
        let last = try SentinelBench.lastEntry(of: old)
        try run.awaitAcknowledgements(100)
        #expect(try SentinelBench.lastEntry(of: old) == last)
        #expect(try old.command("ROLE").elements.first?.text == "master")
        try old.command("ACL", "SETUSER", "default", "+replicaof", "+slaveof")
        #expect(SentinelBench.awaitDemotion(of: old))
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test("SENTINEL FAILOVER under load: the master steps down, posts succeed again")
    func failoverOnDemand() throws {
        let bench = try SentinelBench(watchers: .init())
        let run = try FailureRun(bench.urls)
        let old = try #require(bench.deployment.master)
        let answer = try bench.deployment.sentinels[0].command("SENTINEL", "FAILOVER", SentinelDeployment.name)
        #expect(answer == .simple("OK"))
        #expect(SentinelBench.awaitOther(than: old, bench))
        run.expectRecovery()
        #expect(run.awaitResets(1))
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test("--redis-min-replicas 1: without the replica posts get 503, with it again they succeed")
    func replicaMissing() throws {
        let bench = try SentinelBench(arguments: ["--redis-min-replicas", "1"], watchers: .init())
        let run = try FailureRun(bench.urls)
        let replica = try #require(bench.deployment.servers.first { $0 !== bench.deployment.master })
        replica.pause()
        for url in bench.urls { try run.awaitRefusal(by: url) }
        let before = run.pool.acknowledgedCount
        try run.expectRefusals(3)
        #expect(run.pool.acknowledgedCount == before)
        replica.resume()
        run.expectRecovery()
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test("--redis-min-replicas 1 and a failover: what was acknowledged is in the new master")
    func nothingLostWithReplicas() throws {
        let bench = try SentinelBench(arguments: ["--redis-min-replicas", "1"], watchers: .init())
        let run = try FailureRun(bench.urls)
        let old = try #require(bench.deployment.master)
        old.kill()
        #expect(SentinelBench.awaitOther(than: old, bench))
        // Nothing is acknowledged until there are two again.
        let promoted = try #require(bench.deployment.master)
        try old.start(as: .replica(of: try #require(promoted.port)))
        #expect(
            Harness.wait(atMost: FailureBench.deadline) { (try? promoted.command("WAIT", "1", "500")) == .integer(1) })
        run.expectRecovery()
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(bench) {}
    }
}
