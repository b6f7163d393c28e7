import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import ThreatFeed
import TocsinClient

/// Thousands of dashboards that come back in the same second.
@Suite(.processes) struct Storms {
    private static let clients = 5_000

    init() {
        SystemFigures.raiseDescriptorLimit()
    }

    /// Calls of a Redis command so far.
    private func calls(_ command: String, _ redis: LocalRedis) throws -> Int {
        let figures = try #require(try redis.command("INFO", "commandstats").text)
        let prefix = "cmdstat_\(command):calls="
        let line = try #require(figures.split(whereSeparator: \.isNewline).first { $0.hasPrefix(prefix) })
        return try #require(Int(line.dropFirst(prefix.count).prefix { $0.isNumber }))
    }

    private func isCritical(_ number: Int) -> Bool { number % 200 == 0 }

    private func isFiltered(_ client: Int) -> Bool { client % 250 != 0 }

    /// Fills the log; some threats are critical.
    private func fill(_ url: ServerURL, count: Int) throws -> [Cursor] {
        let client = Harness.client(url)
        var cursors: [Cursor] = []
        for start in stride(from: 0, to: count, by: 500) {
            let items = (start..<start + 500).map { number in
                #"{"id":"s\#(number)","threat_type":"a","severity":"\#(isCritical(number) ? "CRITICAL" : "LOW")"}"#
            }
            let answer = try client.post("/api/threats/batch", Array("[\(items.joined(separator: ","))]".utf8))
            cursors += try #require(answer.json?.elements).map { try cursor(of: $0) }
        }
        return cursors
    }

    @Test("5,000 reconnects in a second are let in bit by bit, read the log together, and others are served meanwhile")
    func reconnects() throws {
        let cluster = try Harness.cluster(
            replicas: 1, arguments: ["--ring-entries", "64", "--streams-per-second-max", "1000"])
        let url = cluster.urls[0]
        let cursors = try fill(url, count: 2_000)
        // Most wear a filter, so that this process has the time to read what it is sent.
        let afters = (0..<Self.clients).map { ($0 * 7_919) % 1_800 }
        let targets = afters.indices.map { index in
            "/ws?after=\(cursors[afters[index]])" + (isFiltered(index) ? "&min_severity=CRITICAL" : "")
        }
        let readsBefore = try calls("evalsha", cluster.redis)
        let heap = try HeapGrowth(of: url)
        let uptimeBefore = try Harness.metric("tocsin_uptime_seconds", url)
        let start = MonotonicTime.now
        let crowd = try StormCrowd(url, targets: targets, lastID: "end")
        // Others are served meanwhile.
        let other = Harness.client(url)
        var slowest = Duration.zero
        var nextProbe = start
        let areIn = try crowd.run {
            if MonotonicTime.now > nextProbe {
                nextProbe = .now + .milliseconds(200)
                let asked = MonotonicTime.now
                let status = try other.get("/health").status
                #expect(status == 200)
                slowest = max(slowest, .now - asked)
            }
            return crowd.members.allSatisfy(\.hasFirstFrame)
        }
        try #require(areIn, "\(crowd.members.count(where: \.hasFirstFrame)) clients have a first frame")
        let took = MonotonicTime.now - start
        let end = #"{"id":"end","threat_type":"a","severity":"CRITICAL"}"#
        #expect(try cursor(of: try Harness.trigger(url, end)).sequence == UInt64(cursors.count + 1))
        #expect(try crowd.run { crowd.members.allSatisfy(\.isDone) })
        let reads = try calls("evalsha", cluster.redis) - readsBefore
        let uptime = try Harness.metric("tocsin_uptime_seconds", url) - uptimeBefore + 1
        print("storm: \(Self.clients) clients in \(took), \(reads) scripts called, /health at most \(slowest)")
        // Beside the clients' reads, the replica asks for the head each second of its own, and publishes once.
        #expect(reads <= uptime * 2 + 60)
        try heap.expect("a storm of \(Self.clients) clients", atMost: Self.clients * (8 << 10))
        for (index, member) in crowd.members.enumerated() {
            let owed = (afters[index] + 1..<cursors.count).filter { !isFiltered(index) || isCritical($0) }
            #expect(member.isResumed && member.ids == owed.map { "s\($0)" } + ["end"], "client \(index)")
        }
        withExtendedLifetime(cluster) {}
    }
}
