import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import ThreatFeed
import TocsinClient

/// Wall clocks that jump.
@Suite(.processes) struct Clocks {
    @Test("clocks that step by a day, forth and back, each replica its own way: nothing changes but time stamps")
    func stepsOfADay() throws {
        let directory = try TemporaryDirectory()
        let clocks = try (0..<3).map { try FakeClock(directory: directory.path, name: "clock-\($0)") }
        let environments = clocks.map(\.environment)
        let cluster = try FailureBench.cluster { environments[$0] }
        let run = try FailureRun(cluster.urls)
        let generation = try FailureBench.metric("tocsin_log_generation", of: cluster.urls[0])
        let day = 86_400
        for offsets in [[day, -day, 0], [-day, day, day], [0, 0, -day]] {
            for (clock, offset) in zip(clocks, offsets) { try clock.set(offsetSeconds: offset) }
            try Self.expectTimestamps(of: cluster, offsets)
            // Longer than any deadline of a client, a link or a probe.
            try run.awaitAcknowledgements(300)
        }
        let records = try run.finish()
        #expect(run.pool.refusalCount == 0)
        #expect(records.allSatisfy { $0.resets.isEmpty && $0.failedResumes == 0 })
        #expect(records.prefix(run.residents).allSatisfy { $0.connections == 1 })
        #expect(try FailureBench.metric("tocsin_log_generation", of: cluster.urls[0]) == generation)
        withExtendedLifetime((directory, cluster)) {}
    }

    @Test("a log lost while a replica's clock is a day behind: the generation rises all the same")
    func forkWithAClockBehind() throws {
        let directory = try TemporaryDirectory()
        let clocks = try (0..<3).map { try FakeClock(directory: directory.path, name: "clock-\($0)") }
        let environments = clocks.map(\.environment)
        let cluster = try FailureBench.cluster { environments[$0] }
        let run = try FailureRun(cluster.urls)
        for clock in clocks { try clock.set(offsetSeconds: -86_400) }
        try cluster.redis.command("FLUSHALL")
        #expect(run.awaitResets(1))
        run.expectRecovery()
        try run.finish()
        withExtendedLifetime((directory, cluster)) {}
    }

    /// Each replica stamps with its own clock, so the steps have reached it.
    private static func expectTimestamps(of cluster: FaultyCluster, _ offsets: [Int]) throws {
        for (url, offset) in zip(cluster.urls, offsets) {
            let id = "stamp-\(MonotonicTime.now.nanoseconds)"
            let stored = try Harness.trigger(url, #"{"id":"\#(id)","threat_type":"malware"}"#)
            let text = try #require(stored["received_at"]?.stringValue)
            let stamp = try #require(RFC3339.milliseconds(of: text))
            let distance = stamp - unixMilliseconds() - Int64(offset) * 1_000
            #expect(abs(distance) < 60_000, "\(text) at \(url), offset \(offset)")
        }
    }
}
