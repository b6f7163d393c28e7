import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import ThreatFeed
import TocsinClient

/// Redis loses a part of the log and keeps the rest.
@Suite(.processes) struct DamagedLogs {
    private static let keys = ["log", "ids", "counts", "meta"].map { "tocsin:{default}:\($0)" }

    @Test("an evicting Redis takes one key after the other under load: told each time, nothing lost or doubled")
    func keysEvicted() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        for (round, key) in Self.keys.enumerated() {
            try cluster.redis.command("DEL", key)
            #expect(run.awaitResets(round + 1), "\(key)")
            run.expectRecovery()
            try run.awaitAcknowledgements(50)
            #expect(Self.wait { try Self.analytics(of: cluster.urls[1]) > 0 }, "analytics do not say 0")
        }
        try run.finish()
        for replica in cluster.replicas { try Self.expectTold(1, by: replica) }
        withExtendedLifetime(cluster) {}
    }

    @Test("entries taken out by hand, front, middle and all: told, and what the rings hold comes back")
    func entriesDeleted() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        let log = Self.keys[0]
        let middle = """
            local entries = redis.call('XRANGE', KEYS[1], '-', '+')
            return redis.call('XDEL', KEYS[1], entries[math.floor(#entries / 2)][1])
            """
        let damages = [["XTRIM", log, "MAXLEN", "40"], ["EVAL", middle, "1", log], ["XTRIM", log, "MAXLEN", "0"]]
        for (round, command) in damages.enumerated() {
            let answer = try cluster.redis.connect().command(command)
            if case .error(let text) = answer { Issue.record("\(command[0]): \(text)") }
            #expect(run.awaitResets(round + 1), "\(command[0])")
            run.expectRecovery()
            try run.awaitAcknowledgements(50)
            #expect(Self.wait { try Self.analytics(of: cluster.urls[1]) > 0 }, "analytics do not say 0")
        }
        // Who comes back from before a hole is told so.
        try run.finish(allowsFailedResumes: true)
        withExtendedLifetime(cluster) {}
    }

    @Test("a Redis that may throw keys away is named in the log and a metric, and threats are accepted")
    func mayEvict() throws {
        let cluster = try FailureBench.cluster(redis: ["--maxmemory", "500mb", "--maxmemory-policy", "allkeys-lru"])
        let url = cluster.urls[0]
        #expect(Self.wait { try FailureBench.metric("tocsin_redis_may_evict", of: url) == 1 })
        _ = try Harness.trigger(url, #"{"threat_type":"malware"}"#)
        let output = try Self.output(of: cluster.replicas[0])
        #expect(output.contains("Redis may throw threats away"))
        #expect(output.contains("allkeys-lru") && output.contains("noeviction"))
        try cluster.redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        #expect(Self.wait { try FailureBench.metric("tocsin_redis_may_evict", of: url) == 0 })
        withExtendedLifetime(cluster) {}
    }

    @Test("a log that is copied into another database hears and keeps nothing of the original's")
    func copiedDatabase() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        let connection = try cluster.redis.connect()
        try connection.command("MULTI")
        for key in Self.keys { try connection.command("COPY", key, key, "DB", "1") }
        try connection.command("EXEC")
        let directory = try TemporaryDirectory()
        let copy = try LocalReplica(
            launcher: try Harness.program(), name: "copy", redisURL: "unix://\(cluster.redis.socketPath)?db=1",
            directory: directory.path)
        try copy.waitUntilReady()
        try run.awaitAcknowledgements(100)
        let own = try Harness.trigger(copy.url, #"{"id":"of-the-copy","threat_type":"malware"}"#)
        let total = try Self.analytics(of: copy.url)
        try run.awaitAcknowledgements(100)
        // The copy grows by what it was given, and by nothing else.
        let next = try Harness.trigger(copy.url, #"{"id":"of-the-copy-too","threat_type":"malware"}"#)
        let (first, second) = (try cursor(of: own), try cursor(of: next))
        #expect(second.generation == first.generation && second.sequence == first.sequence + 1)
        #expect(try Self.analytics(of: copy.url) == total + 1)
        let records = try run.finish()
        #expect(records.allSatisfy { $0.resets.isEmpty })
        #expect(records.allSatisfy { record in !record.deliveries.contains { $0.threatID.hasPrefix("of-the-copy") } })
        withExtendedLifetime((cluster, directory)) {}
    }

    /// Threats that are retained, as a replica counts them.
    private static func analytics(of url: ServerURL) throws -> Int {
        let answer = try HTTPClient(url, deadline: FailureBench.answerDeadline).get("/api/analytics")
        guard answer.status == 200 else { return 0 }
        return answer.json?["retained_threats"]?.integerValue ?? 0
    }

    private static func expectTold(_ count: Double, by replica: LocalReplica) throws {
        let isTold = wait { try FailureBench.metric("tocsin_log_damages_total", of: replica.url) ?? 0 >= count }
        #expect(isTold, "\(replica.name)")
        #expect(try output(of: replica).contains("Redis lost a part of the log"))
    }

    private static func output(of replica: LocalReplica) throws -> String {
        let bytes = try #require(FileDescriptor.contents(ofFile: replica.outputPath))
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func wait(for condition: () throws -> Bool) -> Bool {
        Harness.wait(atMost: FailureBench.deadline, every: .milliseconds(50)) { (try? condition()) ?? false }
    }
}
