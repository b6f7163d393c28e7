import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import TocsinClient

/// Sentinels without memory: their epochs begin again, and what they say counts all the same.
@Suite(.processes) struct SentinelRenewals {
    @Test(
        "three fresh Sentinels and the same master: told at once, links that are lost come back, failovers are followed"
    )
    func sameMaster() throws {
        let bench = try Self.bench()
        let run = try bench.load()
        let master = try #require(bench.deployment.master)
        bench.markLogs()
        try bench.deployment.setUpSentinelsAnew(master: try #require(master.port))
        bench.expectTold("epoch")
        for kind in ["pubsub", "normal"] {
            try bench.cut(kind)
            run.expectRecovery()
            run.expectDelivery()
        }
        #expect(run.fleet.inspect { $0.allSatisfy { $0.resets.isEmpty } }, "nothing was lost")
        // The first failover of the new Sentinels is of epoch 1.
        try bench.deployment.awaitSettled()
        let old = try bench.failOverByHand()
        try SentinelBench.expectLeft(old, run)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test("three fresh Sentinels that agree on another master: followed, from one that goes on taking itself for it")
    func otherMaster() throws {
        let bench = try Self.bench()
        let run = try bench.load()
        let old = bench.deployment.servers[0]
        let promoted = bench.deployment.servers[1]
        for sentinel in bench.deployment.sentinels { sentinel.kill() }
        try promoted.command("REPLICAOF", "NO", "ONE")
        bench.markLogs()
        try bench.deployment.setUpSentinelsAnew(master: try #require(promoted.port))
        bench.expectTold("epoch")
        try SentinelBench.expectLeft(old, run)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test("one fresh Sentinel of three that names another server: nobody goes there, nor stays away from the master")
    func minority() throws {
        let bench = try Self.bench()
        let directory = try TemporaryDirectory()
        let stranger = try LocalRedis(
            directory: directory.path, options: SentinelDeployment.serverOptions(port: try FreePort.find()))
        let run = try bench.load()
        let misled = bench.deployment.sentinels[0]
        misled.kill()
        // The others are not let in, or they would tell it better.
        try misled.startAnew(
            masterPort: try #require(stranger.port), lines: ["user default on nopass ~* &* +@all -publish"])
        try Self.awaitQuestions(10, to: misled)
        for kind in ["pubsub", "normal"] {
            try bench.cut(kind)
            run.expectRecovery()
            run.expectDelivery()
        }
        try Self.awaitQuestions(10, to: misled)
        #expect(misled.masterPort(of: SentinelDeployment.name) == stranger.port)
        #expect(try stranger.command("DBSIZE") == .integer(0))
        let records = try run.finish()
        #expect(records.allSatisfy { $0.resets.isEmpty })
        withExtendedLifetime((bench, directory)) {}
    }

    @Test(
        "Sentinels set up anew one after the other, as a rolling restart does: nothing happens, failovers are followed")
    func oneAfterTheOther() throws {
        let bench = try Self.bench()
        let run = try bench.load()
        let port = try #require(bench.deployment.master?.port)
        for sentinel in bench.deployment.sentinels {
            sentinel.kill()
            try sentinel.startAnew(masterPort: port)
            try Self.awaitQuestions(3, to: sentinel)
            try bench.cut("normal")
            run.expectRecovery()
        }
        run.expectDelivery()
        // Each remembers the Sentinels of before, who are no more.
        for sentinel in bench.deployment.sentinels { try sentinel.command("SENTINEL", "RESET", "*") }
        try bench.deployment.awaitSettled()
        let old = try bench.failOverByHand()
        try SentinelBench.expectLeft(old, run)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    /// Sentinels that have seen seven failovers.
    private static func bench() throws -> SentinelBench {
        var watchers = SentinelDeployment.Watchers.patient
        watchers.epoch = 7
        return try SentinelBench(watchers: watchers)
    }

    private static func awaitQuestions(_ count: Int, to sentinel: LocalSentinel) throws {
        try #require(
            sentinel.awaitConnections(count, atMost: FailureBench.deadline), "\(sentinel.child.outputTail)")
    }
}
