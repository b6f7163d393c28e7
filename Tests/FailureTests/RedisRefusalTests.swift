import ClusterSupport
import FaultInjection
import Glibc
import PosixIO
import Testing
import TocsinClient

/// Redis answers, but not as it should.
@Suite(.processes) struct RedisRefusals {
    @Test("out of memory with noeviction: posts get 503, reads and the feed go on, then posts succeed")
    func outOfMemory() throws {
        let cluster = try FailureBench.cluster(redis: ["--maxmemory-policy", "noeviction"])
        let run = try FailureRun(cluster.urls)
        try cluster.redis.command("CONFIG", "SET", "maxmemory", "1")
        for url in cluster.urls {
            try run.awaitRefusal(by: url)
            #expect(try HTTPClient(url).get("/api/threats?limit=5").status == 200)
        }
        try Self.expectNotReady(cluster)
        try cluster.redis.command("CONFIG", "SET", "maxmemory", "0")
        run.expectRecovery()
        let records = try run.finish()
        #expect(records.allSatisfy { $0.resets.isEmpty })
        #expect(records.prefix(run.residents).allSatisfy { $0.connections == 1 })
        withExtendedLifetime(cluster) {}
    }

    @Test("READONLY at run time and back: posts get 503 meanwhile, nothing is lost")
    func readOnly() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        // A master that is not there: reads are served from the data that stands.
        let nobody = try FreePort.find()
        try cluster.redis.command("REPLICAOF", "127.0.0.1", String(nobody))
        for url in cluster.urls { try run.awaitRefusal(by: url) }
        try Self.expectNotReady(cluster)
        try cluster.redis.command("REPLICAOF", "NO", "ONE")
        run.expectRecovery()
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("LOADING after a restart: posts get 503 until the log is there, then nothing is missing")
    func loading() throws {
        // Events are served after each 1,024 commands of the file (aof.c), a quarter of a second. There are so many that
        // it does not end by itself before it has been looked at.
        let cluster = try FailureBench.cluster(
            redis: ["--key-load-delay", "200", "--auto-aof-rewrite-percentage", "0"])
        let filler = "for i = 1, 300000 do redis.call('SET', 'filler' .. i, i) end"
        try cluster.redis.command("EVAL", filler, "0", within: FailureBench.deadline)
        let run = try FailureRun(cluster.urls)
        cluster.redis.kill()
        try cluster.redis.launch()
        #expect(Harness.wait(atMost: FailureBench.deadline) { Self.isLoading(cluster.redis) })
        try run.awaitRefusal(by: cluster.urls[0])
        #expect(Self.isLoading(cluster.redis))
        try cluster.redis.command("CONFIG", "SET", "key-load-delay", "0", within: FailureBench.deadline)
        #expect(Harness.wait(atMost: FailureBench.deadline) { (try? cluster.redis.command("PING")) != nil })
        run.expectRecovery()
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("SCRIPT FLUSH under load: publishers do not notice")
    func scriptsForgotten() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        for _ in 0..<5 {
            try cluster.redis.command("SCRIPT", "FLUSH")
            try run.awaitAcknowledgements(20)
        }
        let records = try run.finish()
        #expect(run.pool.refusalCount == 0)
        #expect(records.allSatisfy { $0.resets.isEmpty })
        withExtendedLifetime(cluster) {}
    }

    @Test("CLIENT KILL of commands and subscriptions under load: connected again at once, no gap, no repetition")
    func clientsKilled() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        for kind in ["normal", "pubsub", "pubsub", "normal"] {
            try cluster.redis.command("CLIENT", "KILL", "TYPE", kind)
            run.expectRecovery()
            try run.awaitAcknowledgements(30)
        }
        let records = try run.finish()
        #expect(records.allSatisfy { $0.resets.isEmpty })
        #expect(records.prefix(run.residents).allSatisfy { $0.connections == 1 })
        withExtendedLifetime(cluster) {}
    }

    @Test("a subscription that Redis ends for its output buffer: what it missed is read from the log")
    func outputBufferOverflow() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        try cluster.redis.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 65536 0 0")
        let before = cluster.proxies.map(\.acceptedCount)
        let filler = String(repeating: "x", count: 900)
        for round in 0..<3 {
            let batch = (0..<100).map {
                #"{"id":"bulk-\#(round)-\#($0)","threat_type":"malware","summary":"\#(filler)"}"#
            }
            let text = "[" + batch.joined(separator: ",") + "]"
            #expect(try HTTPClient(cluster.urls[round]).post("/api/threats/batch", Array(text.utf8)).status == 200)
        }
        // Each replica had to connect again.
        #expect(
            Harness.wait(atMost: FailureBench.deadline) {
                zip(cluster.proxies, before).allSatisfy { $0.acceptedCount > $1 }
            })
        try cluster.redis.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 33554432 8388608 60")
        run.expectRecovery()
        let records = try run.finish()
        #expect(records.allSatisfy { $0.resets.isEmpty })
        #expect(records.allSatisfy { $0.deliveries.count { $0.threatID.hasPrefix("bulk-") } == 300 })
        withExtendedLifetime(cluster) {}
    }

    @Test("disk full with everysec: posts get 503, reads go on, then posts succeed and nothing is missing")
    func diskFullEverySecond() throws {
        let cluster = try FailureBench.cluster(
            durability: .everySecond, redis: ["--auto-aof-rewrite-percentage", "0"])
        let run = try FailureRun(cluster.urls)
        try DiskSpace.limit(cluster.redis, toBytesMore: 10_000)
        for url in cluster.urls { try run.awaitRefusal(by: url) }
        #expect(try HTTPClient(cluster.urls[0]).get("/api/threats?limit=5").status == 200)
        try Self.expectNotReady(cluster)
        try DiskSpace.limit(cluster.redis, toBytesMore: nil)
        // Redis tries its disk again once a second (aof.c).
        #expect(
            Harness.wait(atMost: FailureBench.deadline) {
                (try? cluster.redis.command("INFO", "persistence").text?.contains("aof_last_write_status:ok"))
                    == true
            })
        run.expectRecovery()
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("disk full with appendfsync always: Redis ends itself; started again with room, nothing is missing")
    func diskFullAlways() throws {
        let cluster = try FailureBench.cluster(redis: ["--auto-aof-rewrite-percentage", "0"])
        let run = try FailureRun(cluster.urls)
        try DiskSpace.limit(cluster.redis, toBytesMore: 10_000)
        #expect(cluster.redis.child.waitForEnd(atMost: FailureBench.deadline) != nil)
        for url in cluster.urls { try run.awaitRefusal(by: url) }
        try cluster.redis.start()
        run.expectRecovery()
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    private static func isLoading(_ redis: LocalRedis) -> Bool {
        guard let answer = try? redis.connect(deadline: FailureBench.answerDeadline).command("GET", "x"),
            case .error(let text) = answer
        else { return false }
        return text.hasPrefix("LOADING")
    }

    /// Balancers are told, and the process still runs.
    private static func expectNotReady(_ cluster: FaultyCluster) throws {
        for url in cluster.urls {
            let client = HTTPClient(url, deadline: FailureBench.answerDeadline)
            #expect(
                try Harness.wait(atMost: FailureBench.deadline, every: .milliseconds(50)) {
                    try client.get("/ready").status == 503
                })
            #expect(try client.get("/health").status == 200)
        }
    }
}
