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
        let page = try HTTPClient(url, deadline: FailureBench.deadline).get("/metrics").text
        let name = "tocsin_clients_dropped_total{reason=\"\(reason)\"} "
        let line = try #require(page.split(separator: "\n").first { $0.hasPrefix(name) })
        return try #require(Int(line.dropFirst(name.count)))
    }

    @Test("RFC 6455 §5.5.2: a client that says nothing is pinged; one that does not answer is closed with 4001")
    func halfOpen() throws {
        let cluster = try Harness.cluster(
            replicas: 1, arguments: ["--ping-seconds", "1", "--pong-seconds", "8"])
        let url = cluster.urls[0]
        let dead = try RawExchange.silentClient(of: url)
        let living = try WebSocketClient(url, target: "/ws?history=0", deadline: FailureBench.deadline)
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
        #expect(dead.receiveToEnd(atMost: FailureBench.deadline))
        let reason = Array("resume after \(cursor)".utf8)
        #expect(dead.received.suffix(reason.count + 4) == [0x88, UInt8(reason.count + 2), 0x0F, 0xA1] + reason)
    }

    @Test("any word of a client is as good as a pong")
    func talking() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--ping-seconds", "1", "--pong-seconds", "60"])
        let client = try WebSocketClient(
            cluster.urls[0], target: "/ws?history=0", deadline: FailureBench.deadline)
        // While a pong is owed there is no other ping: each one says that the word for the last was enough.
        var pings = 0
        while pings < 3 {
            guard let event = try client.next() else { throw HarnessError("closed after \(pings) pings") }
            guard case .ping = event else { continue }
            pings += 1
            try client.send(text: #"{"type":"ping"}"#)
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
        let never = try (0..<20).map { _ in try RawExchange.silentClient(of: url) }
        let trickling = try (0..<20).map { _ in try TricklingClient(url, RawExchange.feedUpgrade) }
        // Long threats fill their sockets; then the ring passes them.
        let filler = String(repeating: "x", count: 9_000)
        let items = (0..<100).map { _ in #"{"threat_type":"a","severity":"LOW","metadata":{"filler":"\#(filler)"}}"#
        }
        let batch = Array("[\(items.joined(separator: ","))]".utf8)
        let publisher = HTTPClient(url, deadline: FailureBench.deadline)
        var posts = 0
        var wanted: [String] = []
        while try dropped("lagged", url) < never.count + trickling.count {
            try #require(posts < 200, "clients that do not read are closed")
            #expect(try publisher.post("/api/threats/batch", batch).status == 200)
            for client in trickling { client.readByte() }
            posts += 1
            // The others get what they want before anything else is posted.
            wanted.append("wanted-\(posts)")
            let stored = try Harness.trigger(
                url, #"{"id":"wanted-\#(posts)","threat_type":"a","severity":"HIGH"}"#)
            try #require(Harness.wait(fleet, for: try cursor(of: stored), atMost: FailureBench.deadline))
        }
        // The ring has its bound, and of those who are closed at most the rest of an entry is held, then the close.
        let ringBytes = try #require(try FailureBench.metric("tocsin_ring_bytes", of: url))
        let heldBytes = try #require(try FailureBench.metric("tocsin_buffered_bytes", of: url))
        #expect(ringBytes <= Double(2 << 20))
        #expect(heldBytes <= Double((never.count + trickling.count) * 16 << 10))

        // They learn where to go on as soon as they read.
        for client in never {
            #expect(client.receiveToEnd(atMost: FailureBench.deadline))
        }
        let told = never.count { String(decoding: $0.received.suffix(60), as: UTF8.self).contains("resume after ") }
        #expect(told > 0)
        let records = fleet.allRecords()
        #expect(records.allSatisfy { $0.unwantedEndings == 0 })
        #expect(records.allSatisfy { $0.deliveries.map(\.threatID) == wanted })
        withExtendedLifetime((trickling, cluster)) {}
    }

    @Test(
        "a replica stopped for longer than a pong may take: its clients go on without a gap, or are told where to resume"
    )
    func stopped() throws {
        let pongDeadline = Duration.seconds(10) * Harness.patience
        let cluster = try Harness.cluster(
            replicas: 2, arguments: ["--ping-seconds", "1", "--pong-seconds", "\(pongDeadline.components.seconds)"])
        let fleet = try Harness.fleet(cluster.urls, clients: 12)
        defer { fleet.stop() }
        // Clients answer a ping when they have read what came before it, so the backlog must be one that they can read
        // within the deadline, also where they have a tenth of a core.
        let pool = try PublisherPool(
            .init(
                urls: [cluster.urls[1]], publishers: 4, rate: Harness.paced(20), idPrefix: "stop",
                limits: FailureBench.publisherLimits))
        #expect(Harness.wait(atMost: FailureBench.deadline) { pool.acknowledgedCount >= 20 })
        let stopped = cluster.replicas[0].child
        stopped.send(signal: SIGSTOP)
        let before = pool.acknowledgedCount
        // What decides is the replica's own deadline for a pong: the stop has to outlast it.
        Pause.sleep(pongDeadline + .seconds(2))
        #expect(Harness.wait(atMost: FailureBench.deadline) { pool.acknowledgedCount > before + 100 })
        stopped.send(signal: SIGCONT)
        let resumedAt = pool.acknowledgedCount
        #expect(Harness.wait(atMost: FailureBench.deadline) { pool.acknowledgedCount > resumedAt + 20 })
        pool.stop()
        let report = pool.finish()
        let last = try #require(report.acknowledgements.map(\.cursor).max())
        #expect(Harness.wait(fleet, for: last, atMost: FailureBench.deadline))
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
        let isSent = Harness.wait(atMost: FailureBench.deadline) {
            bytes.withUnsafeBytes { Socket.send(socket, $0) } == .bytes(bytes.count)
        }
        #expect(isSent)
    }

    func readByte() {
        var byte: UInt8 = 0
        _ = withUnsafeMutableBytes(of: &byte) { Socket.receive(socket, into: $0) }
    }
}
