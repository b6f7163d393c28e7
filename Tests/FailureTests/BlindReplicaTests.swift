import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import TocsinClient

/// A replica that Redis answers and whose subscription is down: what it accepts its own dashboards would miss.
@Suite(.processes) struct BlindReplicas {
    enum Blindness: CaseIterable, CustomTestStringConvertible {
        /// Redis hears nothing of the subscription, and so nothing comes.
        case deaf
        /// The subscription hears nothing.
        case mute
        /// Nothing of it is passed on, which may be mended at any time.
        case hanging

        var testDescription: String { "\(self)" }

        func begin(at proxy: FaultProxy) {
            switch self {
            case .deaf: proxy.set(.drop, .toServer, of: .subscriptions)
            case .mute: proxy.set(.drop, .toClient, of: .subscriptions)
            case .hanging: proxy.set(.hang, of: .subscriptions)
            }
            proxy.cut(.subscriptions)
        }
    }

    @Test(
        "a subscription that stays down: not ready and told, posts of every form refused, the others go on; then all is there",
        arguments: Blindness.allCases)
    func refuses(_ blindness: Blindness) throws {
        let cluster = try FailureBench.cluster(arguments: ["--subscription-grace-seconds", "1"])
        let run = try FailureRun(cluster.urls)
        let blind = cluster.urls[0]
        blindness.begin(at: cluster.proxies[0])
        try run.awaitRefusal(by: blind)
        let client = HTTPClient(blind, deadline: FailureBench.answerDeadline)
        let ready = try client.get("/ready")
        #expect(ready.status == 503)
        #expect(ready.text.contains("subscription"), "\(ready.text)")
        let posts = [
            ("/api/threats/trigger", #"{"threat_type":"a"}"#), ("/api/threats/trigger", #"{"scenario":"bot_attack"}"#),
            ("/api/threats/batch", #"[{"threat_type":"a"},{"threat_type":"b"}]"#),
        ]
        for (path, body) in posts {
            let answer = try client.post(path, Array(body.utf8))
            let statuses = answer.json?.elements?.map { $0["status"]?.integerValue ?? 0 } ?? [answer.status]
            #expect(Set(statuses) == [503], "\(path) \(answer.status): \(answer.text)")
            #expect(answer.text.contains("subscription"), "\(answer.text)")
        }
        SentinelBench.expectTold(["subscription"], by: cluster.replicas[0])
        run.expectRecovery(of: Array(cluster.urls.dropFirst()))

        cluster.proxies[0].heal()
        run.expectRecovery()
        run.expectDelivery()
        let records = try run.finish()
        #expect(records.allSatisfy { $0.resets.isEmpty })
        withExtendedLifetime(cluster) {}
    }

    @Test("a subscription that is only lost and made anew: nothing is refused")
    func patient() throws {
        let cluster = try FailureBench.cluster(arguments: ["--subscription-grace-seconds", "3600"])
        let run = try FailureRun(cluster.urls)
        for proxy in cluster.proxies { proxy.cut(.subscriptions) }
        run.expectRecovery()
        run.expectDelivery()
        try run.finish()
        #expect(run.pool.refusalCount == 0)
        withExtendedLifetime(cluster) {}
    }
}
