import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import TocsinClient

/// Nobody can say who the master is.
@Suite(.processes) struct SentinelAbsences {
    enum Absence: CaseIterable, CustomTestStringConvertible {
        case killed, stopped

        var testDescription: String { "\(self)" }
    }

    @Test(
        "all Sentinels are gone: told, and links that are lost come back to the master known last; then told back",
        arguments: Absence.allCases)
    func allGone(_ absence: Absence) throws {
        let bench = try SentinelBench()
        let run = try bench.load()
        bench.markLogs()
        for sentinel in bench.deployment.sentinels { absence == .killed ? sentinel.kill() : sentinel.pause() }
        bench.expectTold("sentinel")
        for kind in ["pubsub", "normal", "pubsub"] {
            try bench.cut(kind)
            run.expectRecovery()
            run.expectDelivery()
        }
        for url in bench.urls { try Self.expectReady(url) }

        bench.markLogs()
        for sentinel in bench.deployment.sentinels {
            if absence == .killed { try sentinel.start() } else { sentinel.resume() }
        }
        bench.expectTold("sentinel")
        try bench.deployment.awaitSettled()
        #expect(run.fleet.inspect { $0.allSatisfy { $0.resets.isEmpty } }, "nothing was lost")
        // The first word of those that are back counts.
        let old = try bench.failOverByHand()
        try SentinelBench.expectLeft(old, run)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test("the master known last is none any more: not used, until Sentinels name the new one")
    func demotedMeanwhile() throws {
        let bench = try SentinelBench()
        let run = try bench.load()
        let (old, promoted) = (bench.deployment.servers[0], bench.deployment.servers[1])
        for sentinel in bench.deployment.sentinels { sentinel.kill() }
        try promoted.command("REPLICAOF", "NO", "ONE")
        let port = try #require(promoted.port)
        try old.command("REPLICAOF", "127.0.0.1", String(port))
        bench.markLogs()
        for url in bench.urls { try run.awaitRefusal(by: url) }
        bench.expectTold("sentinel")
        let before = run.pool.acknowledgedCount
        try run.expectRefusals(3)
        #expect(run.pool.acknowledgedCount == before)
        try bench.deployment.setUpSentinelsAnew(master: port)
        run.expectRecovery()
        #expect(run.awaitResets(1))
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    private static func expectReady(_ url: ServerURL) throws {
        let client = HTTPClient(url, deadline: FailureBench.answerDeadline)
        var text = ""
        let isReady = try Harness.wait(atMost: FailureBench.deadline) {
            let answer = try client.get("/ready")
            text = answer.text
            return answer.status == 200
        }
        #expect(isReady, "\(url): \(text)")
    }
}
