import ClusterSupport
import PosixIO
import Testing
import TocsinClient

/// What attackers can make a replica hold. Each test prints what it measured, for docs/threat-model.md.
@Suite(.processes) struct Floods {
    /// What a replica takes at once for connections to come (`ConnectionSlab` has 1,024 slots in a piece), and for the
    /// page of metrics.
    private static let slackBytes = 1 << 20

    init() {
        SystemFigures.raiseDescriptorLimit()
    }

    private func replica(_ arguments: [String] = []) throws -> LocalReplica {
        let cluster = try Harness.cluster(
            replicas: 1, arguments: ["--request-seconds", "600", "--idle-seconds", "600"] + arguments)
        clusters.append(cluster)
        return cluster.replicas[0]
    }

    private let clusters = Clusters()

    /// Keeps a cluster for as long as its test runs.
    private final class Clusters {
        private var all: [LocalCluster] = []

        func append(_ cluster: LocalCluster) { all.append(cluster) }
    }

    private func metric(_ name: String, _ replica: LocalReplica) throws -> Int { try Harness.metric(name, replica.url) }

    private func request(_ head: String, _ fields: [String] = []) -> [UInt8] {
        Array(([head + " HTTP/1.1", "Host: h"] + fields + ["", ""]).joined(separator: "\r\n").utf8)
    }

    private func webSocketRequest(_ target: String) -> [UInt8] {
        let fields = [
            "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        return request("GET \(target)", fields)
    }

    private func webSocket(_ url: ServerURL) throws -> RawExchange {
        let connection = try RawExchange(url)
        try connection.send(webSocketRequest("/ws?history=0"))
        try #require(connection.receive { connection.text.contains("\"initial_batch\"") }, "\(connection.text)")
        return connection
    }

    /// Opens clients, measures what they cost, and shows that others are served meanwhile and the memory is free
    /// for others afterwards.
    private func measure(
        _ name: String, _ replica: LocalReplica, first: Int = 10, clients: Int, bytesPerClientMax: Int,
        settled: () throws -> Bool = { true }, open: () throws -> RawExchange
    ) throws {
        // The first of their kind also pay for what is made once.
        var held = try (0..<first).map { _ in try open() }
        _ = try Harness.client(replica.url).get("/health")
        let heap = try HeapGrowth(of: replica.url)
        for _ in 0..<clients { held.append(try open()) }
        try #require(try Harness.wait { try settled() }, "\(name): the replica has taken it all")
        try heap.expect("\(clients) clients, \(name)", atMost: clients * bytesPerClientMax + Self.slackBytes)
        #expect(try Harness.client(replica.url).get("/health").status == 200)
        held.removeAll()
        #expect(try Harness.wait { try metric("tocsin_buffered_bytes", replica) < 64 << 10 })
    }

    @Test("connections that say nothing cost less than 2 KiB each")
    func silent() throws {
        let replica = try replica()
        try measure(
            "silent connections", replica, clients: 2_000, bytesPerClientMax: 2 << 10,
            settled: { try metric("tocsin_connections", replica) >= 2_010 }, open: { try RawExchange(replica.url) })
    }

    @Test("unfinished heads are held up to 16 KiB each")
    func slowHeads() throws {
        let replica = try replica()
        let head = Array("GET / HTTP/1.1\r\nHost: h\r\nX: \(String(repeating: "x", count: 15_000))".utf8)
        try measure(
            "unfinished heads of 15 KB", replica, clients: 200, bytesPerClientMax: 34 << 10,
            settled: { try metric("tocsin_buffered_bytes", replica) >= 210 * 15_000 },
            open: {
                let connection = try RawExchange(replica.url)
                try connection.send(head)
                return connection
            })
    }

    @Test("unfinished bodies of all clients together stay within --buffered-bytes-max; who exceeds it gets 503")
    func slowBodies() throws {
        let replica = try replica(["--buffered-bytes-max", "2MiB"])
        let part = [UInt8](repeating: UInt8(ascii: " "), count: 250_000)
        let head = request(
            "POST /api/threats/batch", ["Content-Type: application/json", "Content-Length: 1048576"])
        let heap = try HeapGrowth(of: replica.url)
        var connections: [RawExchange] = []
        for _ in 0..<24 {
            let connection = try RawExchange(replica.url)
            try connection.send(head + part)
            connections.append(connection)
        }
        // Which of them find room is chance; those that do not are told.
        var refused: [RawExchange] = []
        let isDecided = Harness.wait {
            refused = connections.filter { connection in
                connection.receive(atMost: .zero) { connection.text.contains("\r\n\r\n") }
            }
            return refused.count >= 12
        }
        #expect(isDecided, "\(refused.count) refused")
        #expect(refused.allSatisfy { $0.text.hasPrefix("HTTP/1.1 503 ") && $0.text.contains("Retry-After: 1") })
        // An array grows by doubling, and the one read under way is not counted yet.
        try heap.expect(
            "24 clients, unfinished bodies of 250 KB, bounded at 2 MiB together",
            atMost: 2 * (2 << 20) + Self.slackBytes)
        #expect(try Harness.trigger(replica.url, #"{"threat_type":"malware"}"#)["threat_type"]?.stringValue != nil)
        // One answer is the last, whatever comes behind its request.
        let closing = try RawExchange(replica.url)
        try closing.send(request("GET /health", ["Connection: close"]) + [UInt8](repeating: 0x78, count: 6_000))
        closing.receiveToEnd()
        #expect(closing.answers().statuses == [200])
    }

    @Test("a body declared too large is refused before it is read, and costs nothing")
    func declaredBody() throws {
        let replica = try replica()
        let head = request(
            "POST /api/threats/trigger", ["Content-Type: application/json", "Content-Length: 9000000000"])
        try measure(
            "declared bodies of 9 GB", replica, clients: 500, bytesPerClientMax: 2 << 10,
            open: {
                let connection = try RawExchange(replica.url)
                try connection.send(head)
                connection.receive { connection.text.contains("\r\n\r\n") }
                #expect(connection.text.hasPrefix("HTTP/1.1 413 "))
                return connection
            })
    }

    @Test("a client that pipelines large answers and reads none holds one answer and --output-bytes-max")
    func unreadAnswers() throws {
        let replica = try replica()
        let filler = String(repeating: "x", count: 60_000)
        for _ in 0..<100 {
            try Harness.trigger(replica.url, #"{"threat_type":"malware","metadata":{"filler":"\#(filler)"}}"#)
        }
        let requests = (0..<64).flatMap { _ in request("GET /api/threats?limit=100") }
        // One answer of 6 MB, and the head of the next.
        try measure(
            "64 pipelined lists of 6 MB, unread", replica, first: 0, clients: 10, bytesPerClientMax: 16 << 20,
            // Some of the first answers lie in the sockets.
            settled: { try metric("tocsin_buffered_bytes", replica) >= 10 << 20 },
            open: {
                let connection = try RawExchange(replica.url)
                try connection.send(requests)
                return connection
            })
    }

    @Test("of many pipelined requests whose answers are not read the first is served, however long others are")
    func unreadAnswersStop() throws {
        let replica = try replica()
        let filler = String(repeating: "x", count: 60_000)
        for _ in 0..<100 {
            try Harness.trigger(replica.url, #"{"threat_type":"malware","metadata":{"filler":"\#(filler)"}}"#)
        }
        let unread = try RawExchange(replica.url)
        try unread.send((0..<64).flatMap { _ in request("GET /api/threats?limit=100") })
        let isServed = try Harness.wait { try metric("tocsin_buffered_bytes", replica) > 2 << 20 }
        try #require(isServed)
        let before = try metric("tocsin_http_requests_total", replica)
        // Whoever reads is served meanwhile, one list after the other; so would be whoever is not held back.
        let reader = Harness.client(replica.url)
        for _ in 0..<20 { #expect(try reader.get("/api/threats?limit=100").status == 200) }
        // The lists, the second look at the figures, and one list that may have begun.
        #expect(try metric("tocsin_http_requests_total", replica) - before <= 22)
        withExtendedLifetime(unread) {}
    }

    @Test("what waited for clients that read slowly is no longer counted once they have read it")
    func readLate() throws {
        let replica = try replica(["--initial-batch-bytes-max", "8MiB"])
        let filler = String(repeating: "x", count: 60_000)
        for _ in 0..<100 {
            try Harness.trigger(replica.url, #"{"threat_type":"malware","metadata":{"filler":"\#(filler)"}}"#)
        }
        let clients = try (0..<2).map { _ in
            let connection = try RawExchange(replica.url)
            try connection.send(webSocketRequest("/ws?history=100"))
            return connection
        }
        for client in clients {
            let isWhole = client.receive { client.received.count > 100 * 60_000 }
            #expect(isWhole)
        }
        #expect(
            try Harness.wait {
                try metric("tocsin_buffered_bytes", replica) < 64 << 10
            })
    }

    @Test("messages without end are held up to 64 KiB each")
    func slowMessages() throws {
        let replica = try replica()
        var frame: [UInt8] = [0x82, 0xFE, 0xFF, 0xFF, 0, 0, 0, 0]
        frame += [UInt8](repeating: 7, count: 60_000)
        try measure(
            "unfinished messages of 60 KB", replica, clients: 100, bytesPerClientMax: 132 << 10,
            settled: { try metric("tocsin_buffered_bytes", replica) >= 110 * 60_000 },
            open: {
                let connection = try webSocket(replica.url)
                try connection.send(frame)
                return connection
            })
    }

    @Test("a client that does not read the feed costs nothing; the ring is everybody's")
    func unreadFeed() throws {
        let replica = try replica(["--ring-bytes", "1MiB", "--ring-entries", "64"])
        let filler = String(repeating: "x", count: 9_000)
        let items = (0..<100).map { _ in #"{"threat_type":"malware","metadata":{"filler":"\#(filler)"}}"# }
        let batch = Array("[\(items.joined(separator: ","))]".utf8)
        let publisher = Harness.client(replica.url)
        for _ in 0..<5 { _ = try publisher.post("/api/threats/batch", batch) }
        let clients = try (0..<20).map { _ in try webSocket(replica.url) }
        let heap = try HeapGrowth(of: replica.url)
        var posts = 0
        while try metric("tocsin_clients_dropped_total{reason=\"lagged\"}", replica) < clients.count {
            try #require(posts < 100, "clients that do not read are dropped")
            #expect(try publisher.post("/api/threats/batch", batch).status == 200)
            posts += 1
        }
        try heap.expect(
            "20 clients that read nothing, \(posts * 100) threats of 9 KB", atMost: Self.slackBytes)
    }

    @Test("a client that does not take what it is sent is closed after --idle-seconds")
    func trickle() throws {
        let replica = try replica(["--idle-seconds", "1", "--initial-batch-bytes-max", "8MiB"])
        let filler = String(repeating: "x", count: 60_000)
        for _ in 0..<100 {
            try Harness.trigger(replica.url, #"{"threat_type":"malware","metadata":{"filler":"\#(filler)"}}"#)
        }
        let client = try RawExchange(replica.url)
        try client.send(webSocketRequest("/ws?history=100"))
        let isDropped = try Harness.wait {
            try metric("tocsin_clients_dropped_total{reason=\"unread\"}", replica) == 1
        }
        #expect(isDropped)
        #expect(
            try Harness.wait {
                try metric("tocsin_buffered_bytes", replica) < 64 << 10
            })
        withExtendedLifetime(client) {}
    }

    @Test("a message that does not arrive whole in time ends with 1008")
    func unfinishedMessage() throws {
        let replica = try replica(["--request-seconds", "1"])
        let connection = try webSocket(replica.url)
        try connection.send([0x81, 0xFE, 0x10, 0x00, 0, 0, 0, 0, 0x7B])
        let reason = Array("the message did not arrive whole in time".utf8)
        #expect(connection.receiveToEnd())
        #expect(
            connection.received.suffix(reason.count + 4) == [0x88, UInt8(reason.count + 2), 0x03, 0xF0] + reason)
    }

    @Test("twenty thousand connections one after the other leave nothing behind")
    func churn() throws {
        let replica = try replica()
        func connect(_ count: Int) throws {
            for _ in 0..<count {
                let connection = try RawExchange(replica.url)
                try connection.send(request("GET /nothing", ["Connection: close"]))
                connection.receiveToEnd()
            }
        }
        try connect(2_000)
        let heap = try HeapGrowth(of: replica.url)
        try connect(20_000)
        try heap.expect("20,000 connections one after the other", atMost: 64 << 10)
    }
}
