import ClusterSupport
import PosixIO
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// The feed over WebSocket, frame by frame.
@Suite(.processes) struct WebSocketAPI {
    private func next(_ socket: WebSocketClient) throws -> JSONValue {
        try #require(try socket.nextJSON())
    }

    @Test("a fresh client gets the newest threats first, then each new one with its cursor")
    func freshClient() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        for number in 0..<5 { try Harness.trigger(url, #"{"id":"h\#(number)","threat_type":"malware"}"#) }
        let socket = try WebSocketClient(url, target: "/ws?history=3", deadline: Harness.connectionLife)
        let batch = try next(socket)
        #expect(batch["type"]?.stringValue == "initial_batch")
        #expect(batch["data"]?.elements?.map { $0["id"]?.stringValue } == ["h4", "h3", "h2"])
        #expect(batch["cursor"]?.cursorValue?.sequence == 5)
        #expect(batch["recovered"] == nil)
        let stored = try Harness.trigger(url, #"{"id":"live","threat_type":"malware"}"#)
        let live = try next(socket)
        #expect(live["type"]?.stringValue == "new_threat")
        #expect(live["cursor"] == stored["cursor"])
        #expect(live["data"] == stored)
        let none = try WebSocketClient(url, target: "/ws?history=0", deadline: Harness.connectionLife)
        #expect(try next(none)["data"]?.elements?.isEmpty == true)
        let defaulted = try WebSocketClient(url, deadline: Harness.connectionLife)
        #expect(try next(defaulted)["data"]?.elements?.count == 6)
    }

    @Test("a client that resumes gets what it missed, then live threats; where that is impossible it is told")
    func resume() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--retention-count", "50"])
        let url = cluster.urls[0]
        let first = try cursor(of: try Harness.trigger(url, #"{"id":"m0","threat_type":"malware"}"#))
        for number in 1..<4 { try Harness.trigger(url, #"{"id":"m\#(number)","threat_type":"malware"}"#) }
        let socket = try WebSocketClient(url, target: "/ws?after=\(first)", deadline: Harness.connectionLife)
        let resumed = try next(socket)
        #expect(resumed["type"]?.stringValue == "resumed")
        #expect(resumed["cursor"]?.cursorValue == first)
        for number in 1..<4 { #expect(try next(socket)["data"]?["id"]?.stringValue == "m\(number)") }
        try Harness.trigger(url, #"{"id":"m4","threat_type":"malware"}"#)
        #expect(try next(socket)["data"]?["id"]?.stringValue == "m4")

        let ahead = Cursor(generation: first.generation + 1, sequence: 1)
        let refused = try next(try WebSocketClient(url, target: "/ws?after=\(ahead)", deadline: Harness.connectionLife))
        #expect(refused["type"]?.stringValue == "initial_batch")
        #expect(refused["recovered"]?.boolValue == false)
        #expect(refused["reason"]?.stringValue?.isEmpty == false)

        let items = (0..<200).map { #"{"id":"t\#($0)","threat_type":"malware"}"# }
        _ = try Harness.client(url).post("/api/threats/batch", Array("[\(items.joined(separator: ","))]".utf8))
        // Long enough ago to be beyond both ring and log is what a restarted replica sees.
        cluster.replicas[0].kill()
        try cluster.replicas[0].start()
        try cluster.replicas[0].waitUntilReady()
        let trimmed = try next(try WebSocketClient(url, target: "/ws?after=\(first)", deadline: Harness.connectionLife))
        #expect(trimmed["type"]?.stringValue == "initial_batch")
        #expect(trimmed["recovered"]?.boolValue == false)
    }

    @Test("filters hold from the query and from a filter message; the answer says from where")
    func filters() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let socket = try WebSocketClient(
            url, target: "/ws?history=0&min_severity=HIGH&threat_type=a,b&customer_name=Big%20Corp",
            deadline: Harness.connectionLife)
        _ = try next(socket)
        for (id, type, severity, customer) in [
            ("1", "a", "LOW", "Big Corp"), ("2", "c", "HIGH", "Big Corp"), ("3", "b", "HIGH", "Small"),
            ("4", "b", "CRITICAL", "Big Corp"),
        ] {
            let members = #""threat_type":"\#(type)","severity":"\#(severity)","customer_name":"\#(customer)""#
            try Harness.trigger(url, #"{"id":"\#(id)",\#(members)}"#)
        }
        #expect(try next(socket)["data"]?["id"]?.stringValue == "4")
        try socket.send(text: #"{"type":"filter","threat_type":["c"]}"#)
        let filtered = try next(socket)
        #expect(filtered["type"]?.stringValue == "filtered")
        #expect(filtered["cursor"]?.cursorValue?.sequence == 4)
        try Harness.trigger(url, #"{"id":"5","threat_type":"a","severity":"CRITICAL"}"#)
        try Harness.trigger(url, #"{"id":"6","threat_type":"c","severity":"INFO"}"#)
        #expect(try next(socket)["data"]?["id"]?.stringValue == "6")
    }

    @Test("ping is answered by pong, what is not understood by error, and the connection stays open")
    func messages() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let socket = try WebSocketClient(cluster.urls[0], target: "/ws?history=0", deadline: Harness.connectionLife)
        _ = try next(socket)
        try socket.send(text: #"{"type":"ping"}"#)
        #expect(try next(socket)["type"]?.stringValue == "pong")
        for text in ["not json", "[]", #"{"type":"dance"}"#, #"{"type":"filter","min_severity":"BAD"}"#] {
            try socket.send(text: text)
            let error = try next(socket)
            #expect(error["type"]?.stringValue == "error", "\(text)")
            #expect(error["code"]?.stringValue?.isEmpty == false)
            #expect(error["detail"]?.stringValue?.isEmpty == false)
        }
        try socket.send(.ping, Array("abc".utf8))
        #expect(try socket.next() == .pong(Array("abc".utf8)))
        try socket.send(.close, FrameEncoder.closePayload(.normalClosure))
        #expect(try socket.closeCode() == .normalClosure)
    }

    @Test("a quiet connection gets heartbeats with the cursor up to which everything was sent")
    func heartbeat() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--heartbeat-seconds", "1"])
        let socket = try WebSocketClient(
            cluster.urls[0], target: "/ws?history=0&threat_type=none", deadline: Harness.connectionLife)
        _ = try next(socket)
        let stored = try Harness.trigger(cluster.urls[0], #"{"threat_type":"malware"}"#)
        var beat = try next(socket)
        // One that was due while the threat was on its way may still carry the cursor before it.
        if beat["cursor"] != stored["cursor"] { beat = try next(socket) }
        #expect(beat["type"]?.stringValue == "heartbeat")
        #expect(beat["cursor"] == stored["cursor"])
    }

    @Test("a client that says nothing is pinged, and gets its heartbeats all the same: applications do not see pings")
    func heartbeatBesidePings() throws {
        let cluster = try Harness.cluster(
            replicas: 1, arguments: ["--heartbeat-seconds", "2", "--ping-seconds", "1", "--pong-seconds", "600"])
        let socket = try WebSocketClient(cluster.urls[0], target: "/ws?history=0", deadline: Harness.connectionLife)
        _ = try next(socket)
        var pings = 0
        while true {
            switch try socket.next() {
            case .ping(let payload)?:
                pings += 1
                try socket.send(.pong, payload)
            case .text(let text)?:
                #expect(try JSONValue(parsing: text)["type"]?.stringValue == "heartbeat")
                #expect(pings > 0)
                return
            case let other:
                Issue.record("\(String(describing: other))")
                return
            }
        }
    }

    @Test(
        "RFC 6455 §7.4: a client that breaks the protocol is closed with the code that says how",
        arguments: [
            // Unmasked text, RSV2, a reserved opcode, a fragmented ping, a continuation of nothing.
            ([0x81, 0x01, 0x61], CloseCode.protocolError), ([0xA1, 0x80, 0, 0, 0, 0], .protocolError),
            ([0x83, 0x80, 0, 0, 0, 0], .protocolError), ([0x09, 0x80, 0, 0, 0, 0], .protocolError),
            ([0x80, 0x80, 0, 0, 0, 0], .protocolError),
            // Bytes that are not UTF-8.
            ([0x81, 0x82, 0, 0, 0, 0, 0xC3, 0x28], .invalidPayload),
            // A message announced with 65,537 bytes.
            ([0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0], .messageTooBig),
        ] as [([UInt8], CloseCode)])
    func closeCodes(bytes: [UInt8], code: CloseCode) throws {
        let cluster = try Harness.cluster(replicas: 1)
        let socket = try WebSocketClient(cluster.urls[0], target: "/ws?history=0", deadline: Harness.connectionLife)
        _ = try next(socket)
        try socket.send(raw: bytes)
        #expect(try socket.closeCode() == code)
        #expect(try Harness.client(cluster.urls[0]).get("/health").status == 200)
    }

    @Test(
        "what is no cursor cannot be resumed after: the client gets the feed, and is told",
        arguments: ["", "x", "1-", "-1"])
    func malformedCursor(text: String) throws {
        let cluster = try Harness.cluster(replicas: 1)
        let socket = try WebSocketClient(cluster.urls[0], target: "/ws?after=\(text)", deadline: Harness.connectionLife)
        let first = try next(socket)
        #expect(first["type"]?.stringValue == "initial_batch")
        #expect(first["recovered"]?.boolValue == false)
        #expect(first["reason"]?.stringValue?.contains("not a cursor") == true)
        let stored = try Harness.trigger(cluster.urls[0], #"{"id":"m","threat_type":"malware"}"#)
        #expect(try next(socket)["cursor"]?.cursorValue == cursor(of: stored))
    }

    @Test("queries that cannot be honoured and foreign origins are refused before the upgrade")
    func refusals() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        for query in ["after=1-1&after=1-1", "history=101", "history=x", "min_severity=BAD"] {
            #expect(throws: ClientError.self, "\(query)") {
                _ = try WebSocketClient(url, target: "/ws?\(query)", deadline: Harness.connectionLife)
            }
        }
        #expect(throws: ClientError.self) {
            _ = try WebSocketClient(
                url, headers: [("Origin", "https://elsewhere.test")], deadline: Harness.connectionLife)
        }
        _ = try WebSocketClient(url, headers: [("Origin", "http://\(url.authority)")], deadline: Harness.connectionLife)
    }
}
