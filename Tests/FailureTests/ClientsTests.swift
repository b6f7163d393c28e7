import ClusterSupport
import Glibc
import PosixIO
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// Dashboards that are dead, or as good as dead: they end, and nobody else notices.
@Suite(.processes) struct Clients {
    init() {
        SystemFigures.raiseDescriptorLimit()
    }

    private func dropped(_ reason: String, _ url: ServerURL) throws -> Int {
        let page = try HTTPClient(url, deadline: .seconds(30)).get("/metrics").text
        let name = "tocsin_clients_dropped_total{reason=\"\(reason)\"} "
        let line = try #require(page.split(separator: "\n").first { $0.hasPrefix(name) })
        return try #require(Int(line.dropFirst(name.count)))
    }

    @Test("RFC 6455 §5.5.2: a client that says nothing is pinged; one that does not answer is closed with 4001")
    func halfOpen() throws {
        let cluster = try Harness.cluster(
            replicas: 1, arguments: ["--ping-seconds", "1", "--pong-seconds", "3"])
        let url = cluster.urls[0]
        let dead = try RawExchange.silentClient(of: url)
        let living = try WebSocketClient(url, target: "/ws?history=0", deadline: .seconds(60))
        let cursor = try #require(try living.nextJSON()?["cursor"]?.cursorValue)
        // It answers pings, and only for that it reads.
        var pings = 0
        while try dropped("unresponsive", url) == 0 || pings < 4 {
            try #require(pings < 60, "a client that does not answer is closed")
            guard let event = try living.next() else { throw HarnessError("a living client was closed") }
            guard case .ping(let payload) = event else { continue }
            pings += 1
            try living.send(.pong, payload)
        }
        // The other is still in the feed.
        try Harness.trigger(url, #"{"id":"alive","threat_type":"a"}"#)
        var received: String?
        while received == nil {
            guard let message = try living.nextJSON() else { throw HarnessError("a living client was closed") }
            if message["type"]?.stringValue == "new_threat" { received = message["data"]?["id"]?.stringValue }
        }
        #expect(received == "alive")
        // What it was sent last lies in its socket still.
        #expect(dead.receiveToEnd(atMost: .seconds(10)))
        let reason = Array("resume after \(cursor)".utf8)
        #expect(dead.received.suffix(reason.count + 4) == [0x88, UInt8(reason.count + 2), 0x0F, 0xA1] + reason)
    }

    @Test("any word of a client is as good as a pong")
    func talking() throws {
        let cluster = try Harness.cluster(
            replicas: 1, arguments: ["--ping-seconds", "1", "--pong-seconds", "3"])
        let client = try RawExchange.silentClient(of: cluster.urls[0])
        let ping = Array(#"{"type":"ping"}"#.utf8)
        let deadline = MonotonicTime.now + .seconds(5)
        while MonotonicTime.now < deadline {
            // Masked with zero.
            try client.send([0x81, 0x80 | UInt8(ping.count), 0, 0, 0, 0] + ping)
            #expect(!client.receive(atMost: .milliseconds(300)) { client.ending != .open })
        }
        #expect(try dropped("unresponsive", cluster.urls[0]) == 0)
    }

    @Test(
        "clients that read nothing, or one byte a second, are closed with 4001; the others get what they always get"
    )
    func slow() throws {
        let cluster = try Harness.cluster(
            replicas: 1, arguments: ["--ring-entries", "1024", "--ring-bytes", "2MiB", "--event-loops", "1"])
        let url = cluster.urls[0]
        // The filter spares this process what fills the sockets of the slow ones.
        let fleet = try Harness.fleet([url], clients: 20, query: FeedQuery(minSeverity: "HIGH"))
        defer { fleet.stop() }
        let before = try latencies(url, fleet, idPrefix: "before")
        let resident = try cluster.replicas[0].child.residentBytes()

        let never = try (0..<20).map { _ in try RawExchange.silentClient(of: url) }
        let trickling = try (0..<20).map { _ in try TricklingClient(url, RawExchange.feedUpgrade) }
        // Long threats fill their sockets; then the ring passes them.
        let filler = String(repeating: "x", count: 9_000)
        let items = (0..<100).map { _ in #"{"threat_type":"a","severity":"LOW","metadata":{"filler":"\#(filler)"}}"#
        }
        let batch = Array("[\(items.joined(separator: ","))]".utf8)
        let publisher = HTTPClient(url, deadline: .seconds(60))
        var posts = 0
        while try dropped("lagged", url) < never.count + trickling.count {
            try #require(posts < 200, "clients that do not read are closed")
            #expect(try publisher.post("/api/threats/batch", batch).status == 200)
            for client in trickling { client.readByte() }
            posts += 1
        }
        let during = try latencies(url, fleet, idPrefix: "during")
        let grown = try cluster.replicas[0].child.residentBytes() - resident
        print("slow clients: p99 of the others \(before) without, \(during) with; \(grown) bytes more resident")
        // The aim is a factor of 1.2; a shared machine allows no such assertion.
        #expect(during < before * 3 + .milliseconds(200))
        // The ring fills once; sockets are the kernel's.
        #expect(grown < (24 << 20) * Harness.memoryFactor)

        // They learn where to go on as soon as they read.
        for client in never {
            #expect(client.receiveToEnd(atMost: .seconds(60)))
        }
        let told = never.count { String(decoding: $0.received.suffix(60), as: UTF8.self).contains("resume after ") }
        #expect(told > 0)
        let records = fleet.allRecords()
        #expect(records.allSatisfy { $0.unwantedEndings == 0 })
        withExtendedLifetime((trickling, cluster)) {}
    }

    /// Posts threats one by one and measures how long each takes to its last client.
    /// - Returns: The 99th percentile over all deliveries.
    private func latencies(_ url: ServerURL, _ fleet: FeedFleet, idPrefix: String) throws -> Duration {
        let client = HTTPClient(url)
        var sent: [String: MonotonicTime] = [:]
        for number in 0..<200 {
            let id = "\(idPrefix)-\(number)"
            sent[id] = .now
            let answer = try client.post(
                "/api/threats/trigger", Array(#"{"id":"\#(id)","threat_type":"a","severity":"HIGH"}"#.utf8))
            // One at a time, so that what is measured is not how fast this process reads.
            try #require(Harness.wait(fleet, for: try cursor(of: try #require(answer.json))))
        }
        let times = fleet.inspect { records in
            records.flatMap { record in
                record.deliveries.compactMap { delivery in
                    sent[delivery.threatID].map { delivery.receivedAt - $0 }
                }
            }
        }.sorted()
        try #require(times.count == 200 * fleet.count)
        return times[times.count * 99 / 100]
    }

    @Test("a replica stopped for ten seconds: its clients go on without a gap, or are told where to resume")
    func stopped() throws {
        let cluster = try Harness.cluster(
            replicas: 2, arguments: ["--ping-seconds", "2", "--pong-seconds", "\(5 * Harness.patience)"])
        let fleet = try Harness.fleet(cluster.urls, clients: 12)
        defer { fleet.stop() }
        // Clients answer a ping when they have read what came before it, so the backlog must be one that they can read
        // within the deadline.
        let pool = try PublisherPool(
            .init(
                urls: [cluster.urls[1]], publishers: 4, rate: Harness.paced(100), idPrefix: "stop",
                requestDeadline: .seconds(2)))
        #expect(Harness.wait(atMost: .seconds(30)) { pool.acknowledgedCount >= 100 })
        let stopped = cluster.replicas[0].child
        stopped.send(signal: SIGSTOP)
        let moment = MonotonicTime.now
        let before = pool.acknowledgedCount
        #expect(
            Harness.wait(atMost: .seconds(60)) {
                MonotonicTime.now - moment > .seconds(10) && pool.acknowledgedCount > before + 300
            })
        stopped.send(signal: SIGCONT)
        let resumedAt = pool.acknowledgedCount
        #expect(Harness.wait(atMost: .seconds(30)) { pool.acknowledgedCount > resumedAt + 100 })
        pool.stop()
        let report = pool.finish()
        let last = try #require(report.acknowledgements.map(\.cursor).max())
        #expect(Harness.wait(fleet, for: last, atMost: .seconds(60)))
        let records = fleet.allRecords()
        let verdict = FeedVerdict(records: records, acknowledged: Harness.owed(report))
        #expect(verdict.isKept, "\(verdict.findings)")
        // What they said while the replica stood still was read before they could be found silent.
        for record in records {
            guard let ending = record.firstEnding else { continue }
            guard case .closed(let code, _) = ending else {
                Issue.record("cut off: \(ending)")
                continue
            }
            #expect(code == .tooSlow)
        }
        #expect(try dropped("unresponsive", cluster.urls[0]) == 0)
    }
}

/// A client that takes one byte when it is told to.
private final class TricklingClient {
    private let socket: FileDescriptor

    init(_ url: ServerURL, _ request: String) throws {
        let addresses = try SocketAddress.resolve(host: url.host, port: url.port)
        socket = try Socket.connect(to: try #require(addresses.first))
        let bytes = Array(request.utf8)
        let isSent = Harness.wait(atMost: .seconds(10)) {
            bytes.withUnsafeBytes { Socket.send(socket, $0) } == .bytes(bytes.count)
        }
        #expect(isSent)
    }

    func readByte() {
        var byte: UInt8 = 0
        _ = withUnsafeMutableBytes(of: &byte) { Socket.receive(socket, into: $0) }
    }
}
