import ClusterSupport
import Codecs
import Corpora
import HTTPProtocol
import PosixIO
import Testing
import TocsinClient
import WebSocketProtocol

/// RFC 6455 and 7692 of a real replica over real sockets.
@Suite(.processes) struct WebSocketConformance {
    @Test("RFC 6455 §5, §7.4, RFC 7692: every case of the corpus ends as the table says, TCP included")
    func corpus() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        for tried in WebSocketCase.all {
            try check(tried, url, isBehindHandshake: true)
            try check(tried, url, isBehindHandshake: false)
            #expect(try Harness.client(url).get("/health").status == 200, "after \(tried)")
        }
    }

    /// - Parameter isBehindHandshake: Whether the frames come in the same piece as the request.
    private func check(_ tried: WebSocketCase, _ url: ServerURL, isBehindHandshake: Bool) throws {
        let socket = try WebSocketExchange(
            url, deflate: tried.isDeflateNegotiated, followedBy: isBehindHandshake ? tried.bytes : [])
        if !isBehindHandshake {
            try #require(socket.awaitFirstFrame(), "\(tried)")
            try socket.send(tried.bytes)
        }
        switch tried.outcome {
        case .open:
            try socket.send(WireFrame.bytes(WireFrame.ping, "still here"))
            try #require(socket.awaitPong("still here"), "\(tried)")
        case .closed(let code):
            try #require(socket.awaitEnd(), "\(tried)")
            // One that is closed for something else was closed late: the next would be, too.
            try #require(try socket.closeCode() == .some(code), "\(tried)")
        }
        #expect(try socket.answerCount() == tried.messages.count, "\(tried)")
    }

    @Test("RFC 6455 §4.2, RFC 7692 §7.1: every handshake of the corpus is answered as the table says")
    func handshakes() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        for tried in WebSocketHandshakeCase.all {
            let exchange = try RawExchange(url)
            try exchange.send(tried.request(target: "/ws?history=0", host: url.authority))
            try #require(exchange.receive { Self.head(exchange) != nil }, "\(tried)")
            guard let head = Self.head(exchange) else { continue }
            #expect(head.status == tried.status, "\(tried)")
            if tried.status == 101, tried.values(of: "Sec-WebSocket-Key") == [WebSocketHandshakeCase.key] {
                #expect(head.values(of: "Sec-WebSocket-Accept") == [WebSocketHandshakeCase.accept], "\(tried)")
            }
            let extensions = head.values(of: "Sec-WebSocket-Extensions")
            #expect(extensions.isEmpty == !tried.isCompressed, "\(tried): \(extensions)")
            #expect(
                extensions.allSatisfy { $0.contains("client_no_context_takeover") }, "\(tried): \(extensions)")
            let isByItself = extensions.contains { $0.contains("server_no_context_takeover") }
            #expect(isByItself == (tried.isCompressed && !tried.keepsContext), "\(tried): \(extensions)")
            #expect(head.values(of: "Sec-WebSocket-Protocol").isEmpty, "\(tried)")
            #expect(head.values(of: "Sec-WebSocket-Version") == (tried.status == 426 ? ["13"] : []), "\(tried)")
            #expect(head.values(of: "Allow").isEmpty == (tried.status != 405), "\(tried)")
            #expect(try Harness.client(url).get("/health").status == 200, "after \(tried)")
        }
    }

    @Test("RFC 6455 §4.2.1, §10.2: what else a handshake may bring decides over it as over any request")
    func surroundings() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let here = "Origin: http://\(url.authority)\r\n"
        for (lines, rest, status) in [
            ("Content-Length: 0\r\n", "", 101), ("Content-Length: 5\r\n", "hello", 400),
            ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", 101),
            ("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n", 400),
            (here, "", 101), ("Origin: null\r\n", "", 403), ("Origin: https://elsewhere.test\r\n", "", 403),
            (here + "Origin: https://elsewhere.test\r\n", "", 403), (here + here, "", 403),
        ] {
            let exchange = try RawExchange(url)
            let request =
                "GET /ws HTTP/1.1\r\nHost: \(url.authority)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(WebSocketHandshakeCase.key)\r\n"
            try exchange.send(octets(request + lines + "\r\n" + rest))
            try #require(exchange.receive { Self.head(exchange) != nil }, "\(lines)")
            #expect(Self.head(exchange)?.status == status, "\(lines)")
            #expect(try Harness.client(url).get("/health").status == 200, "after \(lines)")
        }
    }

    private static func head(_ exchange: RawExchange) -> UpgradeResponse? {
        try? UpgradeResponse.decode(exchange.received)?.response
    }

    @Test("RFC 6455 §5: frames that arrive byte by byte are understood all the same")
    func byteByByte() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let socket = try WebSocketExchange(cluster.urls[0])
        try socket.send(
            WireFrame.bytes(WireFrame.text, "a", fin: false) + WireFrame.bytes(WireFrame.ping, "x")
                + WireFrame.bytes(WireFrame.continuation, "b") + WireFrame.closing(4000), .bytes)
        try #require(socket.awaitEnd())
        #expect(try socket.answerCount() == 1)
        #expect(try socket.events().contains(.pong(octets("x"))))
        #expect(try socket.closeCode() == .some(4000))
    }

    @Test(
        "RFC 6455 §7.4.1: a flood ends in 1008",
        arguments: [
            ("pings", WireFrame.bytes(WireFrame.ping, "x")), ("pongs", WireFrame.bytes(WireFrame.pong, "x")),
            ("empty texts", WireFrame.bytes(WireFrame.text)), ("messages", WireFrame.bytes(WireFrame.text, "{}")),
            ("binary messages", WireFrame.bytes(WireFrame.binary)),
        ])
    func flood(_ what: String, _ frame: [UInt8]) throws {
        let cluster = try Harness.cluster(replicas: 1)
        let socket = try WebSocketExchange(cluster.urls[0])
        try #require(socket.awaitFirstFrame())
        // Ten seconds' allowance, and one more.
        try socket.send((0..<500).flatMap { _ in frame } + WireFrame.bytes(WireFrame.ping, "one too many"))
        try #require(socket.awaitEnd(), "\(what)")
        #expect(try socket.closeCode() == .some(1008), "\(what)")
        #expect(try !socket.events().contains(.pong(octets("one too many"))), "\(what)")
        #expect(try Harness.client(cluster.urls[0]).get("/health").status == 200)
    }

    @Test("RFC 7692 §8: bombs of 64 MiB end in 1009, in a replica with room for half of one, and nothing stays of them")
    func bombs() throws {
        let bomb = Deflater(level: 9).deflate([UInt8](repeating: 0x61, count: 64 << 20).span)
        #expect(bomb.count < 66_000, "the bomb must pass the limit of compressed bytes")
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let frame = WireFrame.bytes(WireFrame.text, bomb, rsv: 4)
        // What is allocated once is there after the first.
        for _ in 0..<4 { try throwBomb(frame, url) }
        if Harness.seesHeap { try cluster.replicas[0].child.limitGrowth(to: 32 << 20) }
        let heap = try HeapGrowth(of: url)
        for _ in 0..<60 { try throwBomb(frame, url) }
        #expect(try Harness.client(url).get("/health").status == 200)
        // Not even one of them as it was sent.
        try heap.expect("60 bombs of 64 MiB one after the other", atMost: 64 << 10)
    }

    private func throwBomb(_ frame: [UInt8], _ url: ServerURL) throws {
        let socket = try WebSocketExchange(url, deflate: true)
        try #require(socket.awaitFirstFrame())
        try socket.send(frame)
        try #require(socket.awaitEnd())
        #expect(try socket.closeCode() == .some(1009))
    }

    @Test("Safari 15.0 to 15.3, which break with permessage-deflate, are not offered it; others are")
    func safari() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        for (version, isOffered) in [
            ("15.0", false), ("15.1", false), ("15.3", false), ("15.4", true), ("17.0", true),
        ] {
            let agent = "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/\(version) Safari/605.1.15"
            let exchange = try RawExchange(url)
            try exchange.send(
                octets(
                    "GET /ws HTTP/1.1\r\nHost: \(url.authority)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(WebSocketHandshakeCase.key)\r\n"
                        + "Sec-WebSocket-Extensions: permessage-deflate\r\nUser-Agent: \(agent)\r\n\r\n"))
            try #require(exchange.receive { Self.head(exchange) != nil })
            let head = try #require(Self.head(exchange))
            #expect(head.status == 101)
            #expect(head.values(of: "Sec-WebSocket-Extensions").isEmpty == !isOffered, "Safari \(version)")
        }
    }
}
