import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import ThreatFeed
import TocsinClient

/// Failures of replicas and of Redis at the same time.
@Suite(.processes) struct CombinedFailures {
    @Test("a replica that is stopped while Redis loses the log: its clients are told when it goes on")
    func stoppedDuringLoss() throws {
        let cluster = try FailureBench.cluster(durability: .none)
        let run = try FailureRun(cluster.urls)
        let others = Array(cluster.urls.dropFirst())
        cluster.replicas[0].pause()
        cluster.redis.kill()
        try cluster.redis.start()
        run.expectRecovery(of: others)
        try run.awaitLostAttempts(6)
        cluster.replicas[0].resume()
        run.expectRecovery()
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("a replica stopped and continued under load: its clients go on without a gap")
    func stoppedAndContinued() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        cluster.replicas[1].pause()
        try run.awaitLostAttempts(6)
        cluster.replicas[1].resume()
        run.expectRecovery()
        let records = try run.finish()
        #expect(records.allSatisfy { $0.resets.isEmpty })
        withExtendedLifetime(cluster) {}
    }

    @Test("a replica that starts with an empty ring in an empty Redis: the others bring back what they hold")
    func restartedIntoNothing() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        for proxy in cluster.proxies.dropFirst() { proxy.set(.hang) }
        cluster.replicas[0].kill()
        try cluster.redis.command("FLUSHALL")
        try cluster.replicas[0].start()
        try cluster.replicas[0].waitUntilReady()
        // Knows of no former log, so begins one.
        run.expectRecovery(of: [cluster.urls[0]])
        for proxy in cluster.proxies { proxy.heal() }
        run.expectRecovery()
        try run.awaitAcknowledgements(100)
        // Until the others are back nobody knows of the former log: its clients cannot resume, and are told.
        try run.finish(allowsFailedResumes: true)
        withExtendedLifetime(cluster) {}
    }

    /// Starts the third replica, which accepts threats while the others stand still; then those go on.
    private func lastComesFirst(_ cluster: FaultyCluster, _ run: FailureRun) throws {
        try cluster.replicas[2].start()
        try cluster.replicas[2].waitUntilReady()
        run.expectRecovery(of: [cluster.urls[2]])
        for replica in cluster.replicas.prefix(2) { replica.resume() }
        run.expectRecovery()
        #expect(run.awaitResets(1))
        try run.awaitAcknowledgements(100)
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("a replica that starts anew publishes first to a Redis that lost everything: clients resume all the same")
    func beginsAnew() throws {
        let cluster = try FailureBench.cluster()
        let known = Array(cluster.urls.prefix(2))
        let run = try FailureRun(known)
        cluster.replicas[2].kill()
        for replica in cluster.replicas.prefix(2) { replica.pause() }
        try cluster.redis.command("FLUSHALL")
        try lastComesFirst(cluster, run)
    }

    @Test(
        "a replica that starts anew publishes first to an older copy of the data: no cursor stands for two threats")
    func restoredCopy() throws {
        let cluster = try FailureBench.cluster(durability: .always)
        let run = try FailureRun(Array(cluster.urls.prefix(2)))
        cluster.replicas[2].kill()
        cluster.redis.kill()
        for replica in cluster.replicas.prefix(2) { replica.pause() }
        try DiskSpace.cutAppendOnlyFile(of: cluster.redis, bytes: 40_000)
        try cluster.redis.start()
        try lastComesFirst(cluster, run)
    }

    @Test("a replica killed in the moment Redis loses its log: what the others hold comes back, clients resume")
    func killedDuringLoss() throws {
        let cluster = try FailureBench.cluster(durability: .none)
        let run = try FailureRun(cluster.urls)
        cluster.redis.kill()
        cluster.replicas[2].kill()
        try cluster.redis.start()
        run.expectRecovery(of: Array(cluster.urls.prefix(2)))
        try cluster.replicas[2].start()
        try cluster.replicas[2].waitUntilReady()
        try run.awaitAcknowledgements(100)
        // An acknowledgement that only the killed replica knew of may be gone with it.
        try run.finish(toleratesLoss: true)
        withExtendedLifetime(cluster) {}
    }

    @Test("a client that was away while the log was lost resumes at another replica: reset, then all that follows")
    func resumedAfterLoss() throws {
        let cluster = try FailureBench.cluster()
        for index in 0..<5 {
            try Harness.trigger(cluster.urls[0], #"{"id":"before-\#(index)","threat_type":"malware"}"#)
        }
        let fleet = try Harness.fleet([cluster.urls[0]], clients: 1)
        defer { fleet.stop() }
        let seen = try cursor(of: try Harness.trigger(cluster.urls[0], #"{"id":"seen","threat_type":"malware"}"#))
        #expect(Harness.wait(fleet, for: seen, atMost: FailureBench.deadline))
        // Away: the replica it is at hangs.
        cluster.replicas[0].pause()
        try cluster.redis.command("FLUSHALL")
        #expect(
            Harness.wait(atMost: FailureBench.deadline) {
                (try? FailureBench.metric("tocsin_log_generation", of: cluster.urls[1])).flatMap { $0 }
                    .map { UInt64($0) > seen.generation } ?? false
            })
        let client = HTTPClient(cluster.urls[1], deadline: FailureBench.answerDeadline)
        #expect(
            Harness.wait(atMost: FailureBench.deadline) {
                // 200 where an answer was lost that said 201.
                (try? client.post("/api/threats/trigger", Array(#"{"id":"after","threat_type":"bot"}"#.utf8)))
                    .map { $0.status == 201 || $0.status == 200 } ?? false
            })
        fleet.drop(0, next: cluster.urls[1])
        #expect(
            fleet.wait(atMost: FailureBench.deadline) { $0[0].deliveries.contains { $0.threatID == "after" } })
        let record = fleet.record(0)
        #expect(record.resets.count == 1)
        #expect(record.failedResumes == 0)
        // After the reset every threat of the lost log comes again, once, before the new one.
        let again = record.deliveries.filter { $0.cursor.generation > seen.generation }.map(\.threatID)
        #expect(again == (0..<5).map { "before-\($0)" } + ["seen", "after"])
        cluster.replicas[0].resume()
    }
}
