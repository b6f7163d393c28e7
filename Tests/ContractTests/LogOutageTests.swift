import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// What clients hear of a replica that cannot follow the log.
@Suite(.processes) struct LogOutages {
    private func next(_ socket: WebSocketClient) throws -> JSONValue {
        guard case .text(let text)? = try socket.next() else { throw HarnessError("no text came") }
        return try JSONValue(parsing: text)
    }

    /// The next heartbeat; entries of the log may come before it.
    private func nextBeat(_ socket: WebSocketClient, isOut: Bool) throws -> JSONValue {
        while true {
            let frame = try next(socket)
            guard frame["type"]?.stringValue == "heartbeat" else { continue }
            #expect((frame["log"] != nil) == isOut, "\(frame)")
            return frame
        }
    }

    private func nextBeat(_ stream: EventStream) throws -> ServerSentEvent {
        while true {
            let event = try #require(try stream.next())
            if event.type == "heartbeat" { return event }
        }
    }

    private func cluster(replicas: Int, handOnSeconds: Int) throws -> FaultyCluster {
        try FaultyCluster(
            launcher: Harness.program(), replicas: replicas,
            // No heartbeat but those that an outage calls for, and no ping between.
            arguments: [
                "--heartbeat-seconds", "3600", "--ping-seconds", "3600", "--hand-on-seconds", "\(handOnSeconds)",
            ])
    }

    @Test(
        "contract, heartbeat: at once when the log can no longer be followed, and since when; and at once when it can")
    func told() throws {
        let cluster = try cluster(replicas: 1, handOnSeconds: 1)
        let url = cluster.urls[0]
        let stored = try Harness.trigger(url, #"{"threat_type":"malware"}"#)
        let socket = try WebSocketClient(url, target: "/ws?history=1", deadline: Harness.connectionLife)
        let stream = try EventStream(url, path: "/api/threats/stream?history=0", deadline: Harness.connectionLife)
        while try next(socket)["cursor"] != stored["cursor"] {}
        cluster.proxies[0].set(.drop)
        let beat = try nextBeat(socket, isOut: true)
        #expect(beat["log"]?.stringValue == "unreachable")
        let since = try #require(beat["since"]?.stringValue)
        #expect(RFC3339.milliseconds(of: since) != nil, "\(since)")
        #expect(beat["cursor"] == stored["cursor"])
        let event = try nextBeat(stream)
        #expect(event.data.contains(#""log":"unreachable""#))
        #expect(try Harness.client(url).get("/ready").status == 503)
        // Who comes now gets what is there, and hears it too.
        let late = try WebSocketClient(url, target: "/ws?history=1", deadline: Harness.connectionLife)
        #expect(try next(late)["type"]?.stringValue == "initial_batch")
        #expect(try nextBeat(late, isOut: true)["since"]?.stringValue == since)
        // No other replica is known, so nobody is sent away.
        cluster.proxies[0].heal()
        #expect(try nextBeat(socket, isOut: false)["cursor"] == stored["cursor"])
        #expect(try nextBeat(late, isOut: false)["log"] == nil)
        #expect(try !nextBeat(stream).data.contains("log\""))
        try Harness.trigger(url, #"{"id":"after","threat_type":"malware"}"#)
        #expect(try next(socket)["data"]?["id"]?.stringValue == "after")
    }

    @Test("a replica that is cut off hands its clients on: 1013, or unavailable, with the cursor to resume after")
    func handedOn() throws {
        let cluster = try cluster(replicas: 2, handOnSeconds: 1)
        let sockets = try (0..<25).map { _ in
            try WebSocketClient(cluster.urls[0], target: "/ws?history=0", deadline: Harness.connectionLife)
        }
        for socket in sockets { _ = try next(socket) }
        let stream = try EventStream(
            cluster.urls[0], path: "/api/threats/stream?history=0", deadline: Harness.connectionLife)
        _ = try stream.next()
        let stored = try Harness.trigger(cluster.urls[0], #"{"id":"before","threat_type":"malware"}"#)
        for socket in sockets { #expect(try next(socket)["data"]?["id"]?.stringValue == "before") }
        #expect(try stream.next()?.type == "new_threat")
        let client = Harness.client(cluster.urls[0])
        try #require(Harness.wait { try client.get("/metrics").text.contains("\ntocsin_log_followers 2\n") })
        cluster.proxies[0].set(.drop)
        let cursor = try cursor(of: stored)
        for socket in sockets {
            _ = try nextBeat(socket, isOut: true)
            guard case .close(let code, let reason)? = try socket.next() else {
                Issue.record("not closed")
                return
            }
            #expect(code == .tryAgainLater)
            #expect(String(decoding: reason, as: UTF8.self).hasSuffix("; resume after \(cursor)"))
        }
        #expect(try stream.next()?.type == "heartbeat")
        let last = try #require(try stream.next())
        #expect(last.type == "unavailable")
        #expect(last.data.contains("resume after \(cursor)"))
        #expect(try stream.next() == nil)
        // Elsewhere all goes on.
        try Harness.trigger(cluster.urls[1], #"{"id":"elsewhere","threat_type":"malware"}"#)
        let resumed = try WebSocketClient(
            cluster.urls[1], target: "/ws?after=\(cursor)", deadline: Harness.connectionLife)
        #expect(try next(resumed)["type"]?.stringValue == "resumed")
        #expect(try next(resumed)["data"]?["id"]?.stringValue == "elsewhere")
        let page = try client.get("/metrics")
        #expect(String(decoding: page.body, as: UTF8.self).contains("\ntocsin_clients_handed_on_total 26\n"))
        cluster.proxies[0].heal()
    }
}
