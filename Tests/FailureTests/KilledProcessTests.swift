import ClusterSupport
import Glibc
import HTTPProtocol
import PosixIO
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// Processes that are killed under load.
@Suite(.processes) struct KilledProcesses {
    @Test("clients that move every second lose nothing while a replica is killed under 500 posts/s and comes back")
    func replicaKilledUnderLoad() throws {
        let cluster = try Harness.cluster(replicas: 3)
        let fleet = try Harness.fleet(cluster.urls, clients: 9, roams: true, reconnectPeriod: .seconds(1))
        defer { fleet.stop() }
        let pool = try PublisherPool(
            .init(
                urls: cluster.urls, publishers: 8, rate: Harness.paced(500), idPrefix: "chaos",
                limits: FailureBench.publisherLimits))
        let victim = cluster.replicas[1]
        #expect(Harness.wait(atMost: FailureBench.deadline) { pool.acknowledgedCount >= 500 })
        victim.kill()
        let before = pool.acknowledgedCount
        #expect(Harness.wait(atMost: FailureBench.deadline) { pool.acknowledgedCount >= before + 200 })
        try victim.start()
        try victim.waitUntilReady()
        let connections = fleet.inspect { $0.reduce(0) { $0 + $1.connections } }
        #expect(
            fleet.wait(atMost: FailureBench.deadline) { $0.reduce(0) { $0 + $1.connections } >= connections + 18 })
        pool.stop()
        let report = pool.finish()
        #expect(report.failures == [])
        let last = try #require(report.acknowledgements.map(\.cursor).max())
        #expect(Harness.wait(fleet, for: last, atMost: FailureBench.deadline))
        let records = fleet.allRecords()
        let verdict = FeedVerdict(records: records, acknowledged: Harness.owed(report))
        #expect(verdict.isKept, "\(verdict.findings)")
        #expect(records.allSatisfy { $0.connections >= 3 })
    }

    @Test("Redis killed under load: clients stay, posts get 503, then succeed, nothing is lost")
    func redisKilledUnderLoad() throws {
        let cluster = try Harness.cluster(replicas: 3)
        let fleet = try Harness.fleet(cluster.urls, clients: 6)
        defer { fleet.stop() }
        let pool = try PublisherPool(
            .init(
                urls: cluster.urls, publishers: 6, rate: Harness.paced(200), idPrefix: "outage",
                limits: FailureBench.publisherLimits))
        #expect(Harness.wait(atMost: FailureBench.deadline) { pool.acknowledgedCount >= 200 })
        cluster.redis.kill()
        let probes = cluster.urls.map { HTTPClient($0, deadline: FailureBench.answerDeadline) }
        var notReady: [Int] = [0, 0, 0]
        // Until each replica has said so, and has refused publishers besides.
        let isMet = try Harness.wait(atMost: FailureBench.deadline, every: .milliseconds(50)) {
            for (index, probe) in probes.enumerated() {
                #expect(try probe.get("/health").status == 200)
                let ready = try probe.get("/ready")
                guard ready.status == 503 else { continue }
                notReady[index] += 1
                #expect(ready.json?["status"]?.stringValue == "not_ready")
            }
            return try zip(cluster.urls, notReady).allSatisfy { url, count in
                let refusals = try FailureBench.metric(#"tocsin_http_responses_total{class="5xx"}"#, of: url) ?? 0
                return count > 0 && Int(refusals) > count + 5
            }
        }
        #expect(isMet)
        let refused = try probes[0].post(
            "/api/threats/trigger", Array(#"{"id":"outage-probe","threat_type":"malware"}"#.utf8))
        #expect(refused.status == 503)
        #expect(refused.retryAfter != nil)
        #expect(refused.headers.first("Content-Type") == "application/problem+json")
        try cluster.redis.start()
        #expect(
            try Harness.wait(atMost: FailureBench.deadline) {
                try probes.allSatisfy { try $0.get("/ready").status == 200 }
            })
        let before = pool.acknowledgedCount
        #expect(Harness.wait(atMost: FailureBench.deadline) { pool.acknowledgedCount >= before + 200 })
        pool.stop()
        let report = pool.finish()
        #expect(report.failures == [])
        #expect(report.refusals > 0)
        #expect(report.refusalsWithoutRetryAfter == 0)
        let last = try #require(report.acknowledgements.map(\.cursor).max())
        #expect(Harness.wait(fleet, for: last, atMost: FailureBench.deadline))
        let records = fleet.allRecords()
        #expect(records.allSatisfy { $0.connections == 1 && $0.unwantedEndings == 0 })
        let verdict = FeedVerdict(records: records, acknowledged: Harness.owed(report))
        #expect(verdict.isKept, "\(verdict.findings)")
    }

    @Test("SIGTERM drains: clients are closed with 1012, the exit code is 0")
    func drain() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--drain-seconds", "3"])
        let fleet = try Harness.fleet(cluster.urls, clients: 4)
        defer { fleet.stop() }
        cluster.replicas[0].child.send(signal: SIGTERM)
        #expect(fleet.wait(atMost: FailureBench.deadline) { $0.allSatisfy { $0.unwantedEndings > 0 } })
        #expect(cluster.replicas[0].child.waitForEnd(atMost: FailureBench.deadline) == .exited(code: 0))
        let endings = fleet.allRecords().map(\.firstEnding)
        for ending in endings {
            guard case .closed(let code, _)? = ending else {
                Issue.record("not closed in good order: \(String(describing: ending))")
                continue
            }
            #expect(code?.rawValue == 1012)
        }
    }

    @Test("without a Redis URL a replica runs a private Redis, survives its death and leaves nothing behind")
    func privateRedis() throws {
        let directory = try TemporaryDirectory()
        let replica = try LocalReplica(
            launcher: try Harness.program(), name: "alone", redisURL: nil, directory: directory.path)
        try replica.waitUntilReady()
        try Harness.trigger(replica.url, #"{"id":"before","threat_type":"malware"}"#)
        let redis = try #require(Self.redisServers(under: directory.path).first)
        _ = kill(redis, SIGKILL)
        #expect(
            Harness.wait(atMost: FailureBench.deadline) {
                Self.redisServers(under: directory.path).contains { $0 != redis }
            })
        try replica.waitUntilReady()
        try Harness.trigger(replica.url, #"{"id":"after","threat_type":"malware"}"#)
        #expect(
            try HTTPClient(replica.url, deadline: FailureBench.answerDeadline).get("/api/threats/before").status == 200)
        replica.child.send(signal: SIGTERM)
        #expect(replica.child.waitForEnd(atMost: FailureBench.deadline) == .exited(code: 0))
        #expect(Harness.wait(atMost: FailureBench.deadline) { Self.redisServers(under: directory.path).isEmpty })
        // What was acknowledged is there when the replica comes back.
        try replica.start()
        try replica.waitUntilReady()
        #expect(
            try HTTPClient(replica.url, deadline: FailureBench.answerDeadline).get("/api/threats/before").status == 200)
        #expect(
            try HTTPClient(replica.url, deadline: FailureBench.answerDeadline).get("/api/threats/after").status == 200)
        replica.kill()
        #expect(Harness.wait(atMost: FailureBench.deadline) { Self.redisServers(under: directory.path).isEmpty })
    }

    /// Process ids of the redis-servers whose working directory lies under a path (proc(5)).
    private static func redisServers(under path: String) -> [Int32] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var found: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let pid = Int32(name), let words = FileDescriptor.contents(ofFile: "/proc/\(pid)/comm"),
                words.starts(with: "redis-server".utf8)
            else { continue }
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlink("/proc/\(pid)/cwd", &buffer, buffer.count)
            let place = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if place.hasPrefix(path) { found.append(pid) }
        }
        return found
    }
}
