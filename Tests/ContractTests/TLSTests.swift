import ClusterSupport
import Codecs
import Glibc
import PosixIO
import TestSupport
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// A replica that speaks TLS.
@Suite(.processes) struct TLS {
    private static let request = Array("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)

    @Test("POST, GET, SSE and WebSocket work over both versions", arguments: [TLSVersion.tls12, .tls13])
    func serves(version: TLSVersion) throws {
        let tls = try TLSReplica()
        let url = try tls.url(newest: version)
        let peer = try TLSPeer(url, try tls.context(newest: version))
        #expect(peer.session.version == (version == .tls12 ? "TLSv1.2" : "TLSv1.3"))
        let socket = try WebSocketClient(url, target: "/ws?history=0", deadline: Harness.connectionLife)
        #expect(try socket.nextJSON()?["type"]?.stringValue == "initial_batch")
        let stream = try EventStream(url, path: "/api/threats/stream?history=0", deadline: Harness.connectionLife)
        #expect(try stream.next()?.type == "initial_batch")
        let stored = try Harness.trigger(url, #"{"id":"tls-1","threat_type":"malware"}"#)
        #expect(try socket.nextJSON()?["data"] == stored)
        let event = try #require(try stream.next())
        #expect(try JSONValue(parsing: Array(event.data.utf8))["data"] == stored)
        #expect(try Harness.client(url).get("/api/threats/tls-1").json == stored)
        try socket.send(.ping, Array("x".utf8))
        #expect(try socket.next() == .pong(Array("x".utf8)))
        let dashboard = try Harness.client(url).get("/", headers: [("Accept", "text/html")])
        #expect(dashboard.status == 200 && dashboard.text.contains("<html"))
    }

    @Test("the readiness line names the https URL")
    func readinessLine() throws {
        let tls = try TLSReplica()
        let line = "https://\(tls.url.host):\(tls.url.port)/"
        let isSaid = Harness.wait { tls.replica.child.output.contains(line) }
        #expect(isSaid, "\(tls.replica.child.output)")
    }

    @Test("RFC 7301: http/1.1 is agreed on; a client that speaks only h2 gets an alert; no ALPN is fine")
    func applicationProtocol() throws {
        let tls = try TLSReplica()
        let both = try TLSPeer(tls.url, try tls.context(offering: ["h2", "http/1.1"]))
        #expect(both.session.applicationProtocol == "http/1.1")
        #expect(throws: TLSError.self) { try TLSPeer(tls.url, try tls.context(offering: ["h2"])) }
        let none = try TLSPeer(tls.url, try tls.context())
        try none.send(Self.request)
        #expect(try none.receive(until: "healthy").hasPrefix("HTTP/1.1 200"))
    }

    @Test("SIGHUP: new connections get the new certificate, open ones stay; a broken file changes nothing")
    func reload() throws {
        let tls = try TLSReplica()
        let socket = try WebSocketClient(tls.url, target: "/ws?history=0", deadline: Harness.connectionLife)
        _ = try socket.nextJSON()
        let next = try TestAuthority("Next")
        let renewedURL = try tls.url(trusting: next)
        #expect(throws: ClientError.self) { try Harness.client(renewedURL).get("/health") }

        try tls.authority.replace(tls.certificate, with: try next.issue())
        tls.replica.child.send(signal: SIGHUP)
        #expect(Harness.wait { (try? Harness.client(renewedURL).get("/health").status) == 200 })
        #expect(throws: ClientError.self) { try Harness.client(tls.url).get("/health") }
        let stored = try Harness.trigger(renewedURL, #"{"id":"after","threat_type":"malware"}"#)
        #expect(try socket.nextJSON()?["data"] == stored)

        try TestAuthority.write(Array("nonsense".utf8), to: tls.certificate.chainPath)
        tls.replica.child.send(signal: SIGHUP)
        #expect(
            Harness.wait {
                tls.replica.child.output.contains("the former certificate stays in use")
                    && tls.replica.child.output.contains(tls.certificate.chainPath)
            })
        #expect(try Harness.client(renewedURL).get("/health").status == 200)
        try socket.send(.ping, [])
        #expect(try socket.next() == .pong([]))
    }

    @Test("a ticket resumes a session", arguments: [TLSVersion.tls12, .tls13])
    func resumption(version: TLSVersion) throws {
        let tls = try TLSReplica()
        let context = try tls.context(newest: version)
        let first = try TLSPeer(tls.url, context)
        #expect(!first.session.isResumed)
        try first.send(Self.request)
        _ = try first.receive(until: "healthy")
        let resumption = try #require(first.session.resumption)
        let second = try TLSPeer(tls.url, context, resuming: resumption)
        #expect(second.session.isResumed)
        try second.send(Self.request)
        #expect(try second.receive(until: "healthy").hasPrefix("HTTP/1.1 200"))
    }

    @Test("a client that says nothing, or half a ClientHello, is closed at the deadline for the handshake")
    func silentClient() throws {
        // No other deadline would end it in the time of this test.
        let tls = try TLSReplica(
            arguments: ["--tls-handshake-seconds", "1", "--request-seconds", "600", "--idle-seconds", "600"])
        for (number, hello) in ([[], [22, 3, 1, 2, 0, 1, 0, 1]] as [[UInt8]]).enumerated() {
            let start = MonotonicTime.now
            let silent = try RawExchange(tls.url)
            try silent.send(hello)
            #expect(silent.receiveToEnd())
            // A busy machine makes it later only.
            let time = MonotonicTime.now - start
            #expect(time >= .milliseconds(800), "\(time)")
            #expect(silent.ending == .closed && silent.received.isEmpty)
            #expect(try Harness.metric("tocsin_tls_handshake_failures_total", tls.url) == number + 1)
        }
        #expect(try Harness.client(tls.url).get("/health").status == 200)
    }

    @Test("HTTP without TLS gets a 400 that says so; garbage ends the connection; the next client is served")
    func plaintext() throws {
        let tls = try TLSReplica()
        let answer = try Harness.client(ServerURL(host: tls.url.host, port: tls.url.port)).get("/health")
        #expect(answer.status == 400)
        #expect(answer.text.contains("https://"), "\(answer.text)")
        let plain = HalfClosingClient(ServerURL(host: tls.url.host, port: tls.url.port))
        for bytes in [[UInt8](repeating: 0, count: 400), Array("\r\n\r\n\r\n\r\n".utf8), [22, 3, 1, 0, 1, 99]] {
            let said = String(decoding: try plain.exchange(bytes), as: UTF8.self)
            #expect(!said.contains("HTTP/1.1 200"))
            #expect(try Harness.client(tls.url).get("/health").status == 200)
        }
    }

    @Test(
        "RFC 8446 §6.1: a client that ends its half with its request gets its answer, and an end that is TLS's own",
        arguments: [TLSVersion.tls12, .tls13], [false, true])
    func halfClose(version: TLSVersion, closesSocket: Bool) throws {
        let tls = try TLSReplica()
        let peer = try TLSPeer(tls.url, try tls.context(newest: version))
        try Self.request.withUnsafeBytes { try peer.session.encrypt($0) }
        try peer.finishSending(closesSocket: closesSocket)
        let answer = try peer.receiveToEnd()
        #expect(answer.hasPrefix("HTTP/1.1 200") && answer.hasSuffix("}"), "\(answer)")
    }

    @Test(
        "RFC 8446 §6.1: a client that ends its half after its answer gets an end that is TLS's own",
        arguments: [TLSVersion.tls12, .tls13])
    func endAfterAnswer(version: TLSVersion) throws {
        let tls = try TLSReplica()
        let peer = try TLSPeer(tls.url, try tls.context(newest: version))
        try peer.send(Self.request)
        _ = try peer.receive(until: "uptime_seconds")
        try peer.finishSending(closesSocket: false)
        #expect(throws: Never.self) { try peer.receiveToEnd() }
    }

    @Test("RFC 8446 §6.1: requests that come together with the end are all answered, in order")
    func pipelinedEnd() throws {
        let tls = try TLSReplica(arguments: ["--pipelined-requests-max", "4"])
        let peer = try TLSPeer(tls.url, try tls.context())
        let list = Array("GET /api/threats HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        let requests = list + (0..<20).flatMap { _ in Self.request }
        try requests.withUnsafeBytes { try peer.session.encrypt($0) }
        try peer.finishSending(closesSocket: false)
        let answers = try peer.receiveToEnd()
        #expect(answers.split(separator: "HTTP/1.1 200 OK\r\n").count == 21, "\(answers)")
    }

    @Test("after a broken record nothing is read, least of all as plaintext")
    func brokenRecord() throws {
        let tls = try TLSReplica(arguments: ["--initial-batch-bytes-max", "8MiB"])
        let filler = String(repeating: "x", count: 60_000)
        let publisher = Harness.client(tls.url)
        let threat = Array(#"{"threat_type":"malware","metadata":{"filler":"\#(filler)"}}"#.utf8)
        for _ in 0..<100 { #expect(try publisher.post("/api/threats/trigger", threat).status == 201) }
        // While its first frame waits for room in the socket.
        let peer = try TLSPeer(tls.url, try tls.context(), receiveBufferBytes: 4_096)
        let handshake = ClientHandshake(
            host: "localhost", target: "/ws?history=100", key: Base64.encode(RandomBytes.next(16)))
        try peer.send(handshake.request())
        // The same amount twice: its socket takes no more.
        var held = 0
        let isWaiting = try Harness.wait {
            let page = try publisher.get("/metrics").text
            let line = page.split(separator: "\n").first { $0.hasPrefix("tocsin_buffered_bytes ") }
            let before = held
            held = line.flatMap { Int($0.dropFirst(22)) } ?? 0
            return held > 1 << 20 && held == before
        }
        try #require(isWaiting)
        let text = Array(#"{"type":"filter"}"#.utf8)
        let frame = [0x81, 0x80 | UInt8(text.count), 0, 0, 0, 0] + text
        try peer.sendInClear([0x17, 0x03, 0x03, 0x00, 0x04, 1, 2, 3, 4])
        // Read apart from the record, or the record would take it along: after a turn that took the record in.
        let turns = try Harness.metric("tocsin_loop_turns_total", tls.url)
        #expect(try Harness.wait { try Harness.metric("tocsin_loop_turns_total", tls.url) > turns })
        try peer.sendInClear(frame)
        #expect(try publisher.get("/health").status == 200)
        let isGone = try Harness.wait {
            try publisher.get("/metrics").text.contains("tocsin_clients{transport=\"websocket\"} 0\n")
        }
        #expect(isGone)
        // Until here the socket is open: closing one with unread data would reset it.
        withExtendedLifetime(peer) {}
    }

    @Test("a request in single bytes of plaintext and of ciphertext is one request")
    func tricklingClient() throws {
        let tls = try TLSReplica()
        let peer = try TLSPeer(tls.url, try tls.context())
        for byte in Self.request { try peer.send([byte]) }
        #expect(try peer.receive(until: "healthy").hasPrefix("HTTP/1.1 200"))
    }

    @Test("a batch of 1 MiB is taken, and its threats come back whole")
    func largeBatch() throws {
        let tls = try TLSReplica()
        let filler = String(repeating: "é", count: 480)
        let lines = (0..<1_000).map { #"{"id":"b\#($0)","threat_type":"malware","x":"\#(filler)"}"# }
        let body = Array((lines.joined(separator: "\n") + "\n").utf8)
        #expect(body.count > 1_000_000 && body.count <= 1 << 20)
        let client = Harness.client(tls.url)
        var answer = try client.post("/api/threats/batch", body, contentType: "application/x-ndjson")
        // Redis may be slow on a loaded machine; ids make a retry harmless.
        for _ in 0..<5 * Harness.patience where answer.text.contains(#""status":503"#) {
            answer = try client.post("/api/threats/batch", body, contentType: "application/x-ndjson")
        }
        #expect(answer.status == 200)
        #expect(answer.json?.elements?.count == 1_000)
        let refused = answer.json?.elements?.first { ![200, 201].contains($0["status"]?.integerValue) }
        #expect(refused == nil)
        let page = try #require(try client.get("/api/threats?limit=100").json?.elements)
        #expect(page.count == 100 && page.allSatisfy { $0["x"]?.stringValue == filler })
    }

    @Test("a client that reads late gets everything in order")
    func slowReader() throws {
        let tls = try TLSReplica()
        // Less room than there is to send, so that the replica must keep ciphertext for it.
        let peer = try TLSPeer(tls.url, try tls.context(), receiveBufferBytes: 64 << 10)
        let handshake = ClientHandshake(
            host: "localhost", target: "/ws?history=0", key: Base64.encode(RandomBytes.next(16)))
        try peer.send(handshake.request())
        let filler = String(repeating: "x", count: 40_000)
        let publisher = Harness.client(tls.url)
        for number in 0..<80 {
            let threat = #"{"id":"s\#(number)","threat_type":"malware","x":"\#(filler)"}"#
            #expect(try publisher.post("/api/threats/trigger", Array(threat.utf8)).status == 201)
        }
        var received: [UInt8] = []
        while received.count < 80 * 40_000 { received += try #require(try peer.receive()) }
        let upgrade = try #require(try UpgradeResponse.decode(received))
        let frames = Array(received[upgrade.1...])
        var decoder = MessageDecoder(role: .client, limits: WebSocketLimits(messageBytesMax: 8 << 20))
        decoder.append(frames.span)
        var ids: [String] = []
        while let event = try decoder.next() {
            // A client that was silent for long is pinged in between.
            guard case .text(let text) = event else { continue }
            let head = String(decoding: text.prefix(200), as: UTF8.self)
            guard head.contains("new_threat"), let id = head.firstRange(of: #""id":"s"#) else { continue }
            ids.append(String(head[id.upperBound...].prefix { $0 != "\"" }))
        }
        #expect(ids.count >= 79 && ids == (0..<ids.count).map(String.init), "\(ids)")
    }

    @Test("many clients and publishers over TLS: every threat reaches every client once, in one order")
    func delivers() throws {
        let tls = try TLSReplica()
        let fleet = try Harness.fleet([tls.url], clients: 30, reconnectPeriod: .milliseconds(700))
        defer { fleet.stop() }
        let pool = try PublisherPool(
            PublisherPool.Options(
                urls: [tls.url], publishers: 4, threats: 800, rate: Harness.paced(400), idPrefix: "tls"))
        let report = pool.finish()
        #expect(report.failures.isEmpty && report.acknowledgements.count == 800)
        let last = try #require(report.acknowledgements.map(\.cursor).max())
        #expect(Harness.wait(fleet, for: last))
        let verdict = FeedVerdict(records: fleet.allRecords(), acknowledged: Harness.owed(report))
        #expect(verdict.findings.isEmpty, "\(verdict.findings)")
    }
}
