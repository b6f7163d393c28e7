import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// Clients that let the replica keep context, beside others on the same feed.
@Suite(.processes) struct DeflateContext {
    /// One that keeps context, one that does not, and one without compression: what they get must be the same.
    private struct Clients {
        var sockets: [WebSocketClient] = []

        init(_ url: ServerURL, target: String) throws {
            for offer in [.withServerContext, .withoutContext, nil] as [PermessageDeflate.Offer?] {
                sockets.append(
                    try WebSocketClient(url, target: target, compression: offer, deadline: Harness.connectionLife))
            }
            #expect(sockets.map { $0.compression?.serverKeepsContext } == [true, false, nil])
        }

        /// The next text of all.
        func next() throws -> JSONValue {
            let texts = try sockets.map { socket in
                guard case .text(let text)? = try socket.next() else { throw HarnessError("no text came") }
                return text
            }
            #expect(texts[0] == texts[2], "in context")
            #expect(texts[1] == texts[2], "by itself")
            return try JSONValue(parsing: texts[2])
        }

        func send(text: String) throws {
            for socket in sockets { try socket.send(text: text) }
        }
    }

    private static let summary = "seen on the edge segment, two retries within a minute, the payload is listed"

    private func post(
        _ url: ServerURL, _ id: String, severity: String = "LOW", padding: Int = 0
    ) throws -> Cursor {
        let filler = (0..<padding).map { "host-\($0).example.test" }.joined(separator: " ")
        let members = #""threat_type":"malware","severity":"\#(severity)","summary":"\#(Self.summary)""#
        return try cursor(
            of: try Harness.trigger(url, #"{"id":"\#(id)",\#(members),"metadata":{"filler":"\#(filler)"}}"#))
    }

    @Test("they get the same texts: mid-stream, with filters, small and large threats, answers between, a reset")
    func sameTexts() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--heartbeat-seconds", "600"])
        let url = cluster.urls[0]
        for number in 0..<3 { _ = try post(url, "before-\(number)") }
        // An answer may come before the threat has come to where clients join.
        let areThere = try Harness.wait {
            try Harness.client(url).get("/metrics").text.contains("\ntocsin_log_head_sequence 3\n")
        }
        try #require(areThere)
        let clients = try Clients(url, target: "/ws?history=2")
        #expect(try clients.next()["data"]?.elements?.count == 2)
        for (number, padding) in [0, 0, 1_800, 0, 1_800, 1, 0].enumerated() {
            _ = try post(url, "live-\(number)", padding: padding)
            #expect(try clients.next()["data"]?["id"]?.stringValue == "live-\(number)")
            try clients.send(text: #"{"type":"ping"}"#)
            #expect(try clients.next()["type"]?.stringValue == "pong")
        }
        try clients.send(text: #"{"type":"filter","min_severity":"HIGH"}"#)
        #expect(try clients.next()["type"]?.stringValue == "filtered")
        for number in 0..<6 {
            _ = try post(url, "filtered-\(number)", severity: number % 2 == 0 ? "LOW" : "HIGH")
        }
        for number in [1, 3, 5] {
            #expect(try clients.next()["data"]?["id"]?.stringValue == "filtered-\(number)")
        }
        try clients.send(text: #"{"type":"filter"}"#)
        #expect(try clients.next()["type"]?.stringValue == "filtered")
        _ = try post(url, "unfiltered")
        #expect(try clients.next()["data"]?["id"]?.stringValue == "unfiltered")
        try cluster.redis.command("FLUSHALL")
        _ = try post(url, "after", severity: "CRITICAL")
        #expect(try clients.next()["type"]?.stringValue == "reset")
        while try clients.next()["data"]?["id"]?.stringValue != "after" {}
    }

    @Test("they get the same texts when they resume from the log and go over into the ring, by batches, over TLS")
    func resume() throws {
        let tls = try TLSReplica(arguments: ["--ring-entries", "16"])
        let first = try post(tls.url, "first")
        let items = (0..<400).map { #"{"id":"item-\#($0)","threat_type":"malware","summary":"\#(Self.summary)"}"# }
        _ = try Harness.client(tls.url).post("/api/threats/batch", Array("[\(items.joined(separator: ","))]".utf8))
        let clients = try Clients(tls.url, target: "/ws?after=\(first)")
        #expect(try clients.next()["type"]?.stringValue == "resumed")
        for number in 0..<400 {
            #expect(try clients.next()["data"]?["id"]?.stringValue == "item-\(number)")
        }
        for number in 0..<3 {
            _ = try post(tls.url, "live-\(number)")
            #expect(try clients.next()["data"]?["id"]?.stringValue == "live-\(number)")
        }
    }

    @Test("RFC 7692 §6: where compression was agreed on every message is compressed, short ones and first frames too")
    func everyMessage() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--heartbeat-seconds", "1"])
        let url = cluster.urls[0]
        for keepsContext in [true, false] {
            let exchange = try WebSocketExchange(url, deflate: true, keepsContext: keepsContext)
            try #require(exchange.awaitFirstFrame())
            try exchange.send(
                FrameEncoder.frame(
                    opcode: .text, payload: Array(#"{"type":"ping"}"#.utf8).span, maskingKey: MaskingKey(1, 2, 3, 4)))
            try #require(exchange.awaitTexts(2))
            _ = try post(url, "compressed-\(keepsContext)")
            try #require(exchange.awaitTexts(3))
            // A heartbeat at least.
            try #require(exchange.awaitTexts(4))
            let headers = try exchange.headers().filter { $0.opcode == .text }
            #expect(headers.allSatisfy { $0.isCompressed } && headers.count >= 4)
        }
    }

    @Test("a frame of a threat like the one before takes a fraction of what it takes by itself")
    func size() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let byteCounts = try [true, false].map { keepsContext in
            let exchange = try WebSocketExchange(url, deflate: true, keepsContext: keepsContext)
            try #require(exchange.awaitFirstFrame())
            let before = exchange.byteCount
            for number in 0..<10 { _ = try post(url, "size-\(keepsContext)-\(number)") }
            try #require(exchange.awaitTexts(11))
            return exchange.byteCount - before
        }
        #expect(byteCounts[0] * 2 < byteCounts[1], "\(byteCounts)")
    }
}
