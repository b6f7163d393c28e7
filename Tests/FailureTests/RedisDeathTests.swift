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
        run.expectRecovery()
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
        run.expectRecovery()
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
            run.expectRecovery()
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
        run.expectRecovery()
        #expect(run.awaitResets(1))
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("Redis dies again and again as soon as it has a log, empty each time: every loss is announced and repaired")
    func emptyThrice() throws {
        let cluster = try FailureBench.cluster(durability: .none)
        let run = try FailureRun(cluster.urls)
        for _ in 0..<3 {
            cluster.redis.kill()
            try cluster.redis.start()
            // The next loss comes in the middle of the repair, or right after it.
            #expect(
                Harness.wait(atMost: FailureBench.deadline, every: .milliseconds(2)) {
                    (try? cluster.redis.command("EXISTS", "tocsin:{default}:meta")) == .integer(1)
                })
        }
        run.expectRecovery()
        #expect(run.awaitResets(1))
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("Redis stopped, longer than connecting to it may take: noticed, posts get 503, and it goes on where it was")
    func stopped() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        cluster.redis.pause()
        let probes = cluster.urls.map { HTTPClient($0, deadline: FailureBench.answerDeadline) }
        let noticed = Harness.wait(atMost: FailureBench.deadline) {
            probes.allSatisfy { (try? $0.get("/ready").status) == 503 }
        }
        #expect(noticed)
        let before = cluster.proxies.map(\.acceptedCount)
        for url in cluster.urls { try run.awaitRefusal(by: url) }
        // Each replica has two links: one of them at least was given up and tried again.
        #expect(
            Harness.wait(atMost: FailureBench.deadline) {
                zip(cluster.proxies, before).allSatisfy { $0.acceptedCount >= $1 + 3 }
            })
        cluster.redis.resume()
        run.expectRecovery()
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
            #expect(run.awaitResets(round))
            run.expectRecovery()
            try run.awaitAcknowledgements(100)
        }
        try run.finish()
        let after = try #require(try FailureBench.metric("tocsin_log_generation", of: cluster.urls[0]))
        #expect(after >= before + 2)
        withExtendedLifetime(cluster) {}
    }
}
