import ClusterSupport
import FaultInjection
import Glibc
import PosixIO
import Testing
import TocsinClient

/// Redis dies or hangs, with and without what it had acknowledged.
@Suite(.processes) struct RedisDeath {
    @Test("SIGKILL of Redis with appendfsync always: posts get 503, then succeed; nothing is lost or repeated")
    func alwaysDurable() throws {
        let cluster = try FailureBench.cluster(durability: .always)
        let run = try FailureRun(cluster.urls)
        cluster.redis.kill()
        for url in cluster.urls { try run.awaitRefusal(by: url) }
        try cluster.redis.start()
        run.expectRecovery(since: .now)
        try run.awaitAcknowledgements(100)
        let records = try run.finish()
        #expect(records.prefix(run.residents).allSatisfy { $0.connections == 1 })
        withExtendedLifetime(cluster) {}
    }

    @Test("SIGKILL of Redis whose append-only file loses its end: reset, and the replicas give back what they hold")
    func tailLost() throws {
        let cluster = try FailureBench.cluster(durability: .everySecond)
        let run = try FailureRun(cluster.urls)
        try run.awaitAcknowledgements(100)
        cluster.redis.kill()
        try DiskSpace.cutAppendOnlyFile(of: cluster.redis, bytes: 40_000)
        try cluster.redis.start()
        run.expectRecovery(since: .now)
        #expect(run.awaitResets(1))
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("SIGKILL of Redis with everysec, twice in a row, under load: at most announced losses")
    func everySecondTwice() throws {
        let cluster = try FailureBench.cluster(durability: .everySecond)
        let run = try FailureRun(cluster.urls)
        for _ in 0..<2 {
            cluster.redis.kill()
            try cluster.redis.start()
            run.expectRecovery(since: .now)
            try run.awaitAcknowledgements(50)
        }
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("SIGKILL of Redis without any file: the whole log is gone and comes back from the replicas' rings")
    func nothingDurable() throws {
        let cluster = try FailureBench.cluster(durability: .none)
        let run = try FailureRun(cluster.urls)
        cluster.redis.kill()
        try cluster.redis.start()
        run.expectRecovery(since: .now)
        #expect(run.awaitResets(1))
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("Redis dies again and again within a second, empty each time: every loss is announced and repaired")
    func emptyThrice() throws {
        let cluster = try FailureBench.cluster(durability: .none)
        let run = try FailureRun(cluster.urls)
        for _ in 0..<3 {
            cluster.redis.kill()
            try cluster.redis.start()
            // Not waited for: the next loss may come in the middle of the repair.
            Pause.sleep(.milliseconds(700))
        }
        run.expectRecovery(since: .now)
        #expect(run.awaitResets(1))
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("Redis stopped for ten seconds: noticed within five, posts get 503, and it goes on where it was")
    func stoppedForTenSeconds() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        cluster.redis.pause()
        let stopped = MonotonicTime.now
        let probes = cluster.urls.map { HTTPClient($0, deadline: .seconds(2)) }
        let noticed = Harness.wait(atMost: .seconds(8)) {
            probes.allSatisfy { (try? $0.get("/ready").status) == 503 }
        }
        #expect(noticed && MonotonicTime.now - stopped < .seconds(5))
        for url in cluster.urls { try run.awaitRefusal(by: url) }
        while MonotonicTime.now - stopped < .seconds(10) { Pause.sleep(.milliseconds(50)) }
        cluster.redis.resume()
        run.expectRecovery(since: .now)
        try run.awaitAcknowledgements(100)
        let records = try run.finish()
        #expect(records.prefix(run.residents).allSatisfy { $0.connections == 1 })
        withExtendedLifetime(cluster) {}
    }

    @Test("FLUSHALL under load: reset for everybody, held threats come back before new ones, none is missing")
    func flushAll() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        let before = try #require(try FailureBench.metric("tocsin_log_generation", of: cluster.urls[0]))
        for round in 1...2 {
            try cluster.redis.command("FLUSHALL")
            let moment = MonotonicTime.now
            #expect(run.awaitResets(round))
            run.expectRecovery(since: moment)
            try run.awaitAcknowledgements(100)
        }
        try run.finish()
        let after = try #require(try FailureBench.metric("tocsin_log_generation", of: cluster.urls[0]))
        #expect(after >= before + 2)
        withExtendedLifetime(cluster) {}
    }
}
