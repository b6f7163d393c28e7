import ClusterSupport
import Glibc
import HTTPProtocol
import PosixIO
import Synchronization
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// A replica that is told to end: balancers hear of it first, then its clients, one after the other.
@Suite(.processes) struct Drains {
    init() {
        SystemFigures.raiseDescriptorLimit()
    }

    @Test("SIGTERM: whoever is closed finds the replica not ready; all are, with 1012 and one after the other; code 0")
    func spread() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--drain-seconds", "6"])
        let url = cluster.urls[0]
        // What /ready says once the first has been closed; `nil` when nobody is there to say it.
        let readiness = Mutex<[Int?]>([])
        let options = (0..<300).map { _ in
            FeedClientOptions(urls: [url], backoff: Backoff(first: .seconds(600), longest: .seconds(600)))
        }
        let fleet = try FeedFleet(options) { _, event in
            guard case .disconnected = event, readiness.withLock({ $0.isEmpty }) else { return }
            let status = try? HTTPClient(url, deadline: FailureBench.answerDeadline).get("/ready").status
            readiness.withLock { $0.append(status) }
        }
        defer { fleet.stop() }
        try #require(fleet.wait(atMost: FailureBench.deadline) { $0.allSatisfy { $0.joinedAfter != nil } })
        let client = HTTPClient(url, deadline: FailureBench.answerDeadline)
        #expect(try client.get("/ready").status == 200)

        let replica = cluster.replicas[0].child
        replica.send(signal: SIGTERM)
        // Threats posted meanwhile tell the closes apart, however late they are read: each comes behind the last threat
        // that its client was sent.
        let threat = Array(#"{"threat_type":"malware"}"#.utf8)
        let hasEnded = Harness.wait(atMost: FailureBench.deadline) {
            _ = try? client.post("/api/threats/trigger", threat)
            return replica.ending != nil
        }
        #expect(hasEnded && replica.ending == .exited(code: 0))
        #expect(fleet.wait(atMost: FailureBench.deadline) { $0.allSatisfy { $0.firstEnding != nil } })
        #expect(readiness.withLock { $0.allSatisfy { $0 != 200 } && !$0.isEmpty })

        let records = fleet.allRecords()
        for ending in records.map(\.firstEnding) {
            guard case .closed(let code, _)? = ending else {
                Issue.record("not closed in good order: \(String(describing: ending))")
                continue
            }
            #expect(code == .serviceRestart)
        }
        // The moments themselves have a test without a clock, `ClosingMomentsTests`.
        let places = Set(records.map(\.cursor))
        print("drain: \(records.count) clients closed behind \(places.count) different threats")
        #expect(places.count >= 3)
        let verdict = FeedVerdict(records: records, acknowledged: [])
        #expect(verdict.isKept, "\(verdict.findings)")
    }

    @Test("a post that has begun when the drain begins is answered, and so is one on a connection that was idle")
    func inFlight() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--drain-seconds", "10"])
        let url = cluster.urls[0]
        let body = Array(#"{"id":"late","threat_type":"malware"}"#.utf8)
        func head(_ count: Int) -> [UInt8] {
            let fields = ["Host: h", "Content-Type: application/json", "Content-Length: \(count)", "", ""]
            return Array((["POST /api/threats/trigger HTTP/1.1"] + fields).joined(separator: "\r\n").utf8)
        }
        let begun = try RawExchange(url)
        try begun.send(head(body.count) + body.prefix(5))
        let idle = try RawExchange(url)
        try idle.send(Array("GET /health HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
        try #require(idle.receive { idle.text.contains("healthy") })
        // Closed one after the other, so that the last is still here when the posts are answered.
        let feeds = try (0..<12).map { _ in
            let feed = try WebSocketClient(url, target: "/ws?history=0", deadline: FailureBench.deadline)
            _ = try feed.nextJSON()
            return feed
        }

        cluster.replicas[0].child.send(signal: SIGTERM)
        let client = HTTPClient(url, deadline: FailureBench.answerDeadline)
        #expect(try Harness.wait(atMost: FailureBench.deadline) { try client.get("/ready").status == 503 })
        try begun.send(Array(body.dropFirst(5)))
        try idle.send(head(40) + #"{"id":"idle","threat_type":"malware"}   "#.utf8)
        for connection in [begun, idle] {
            #expect(connection.receiveToEnd())
            let answers = connection.answers()
            #expect(answers.statuses.last == 201)
            #expect(answers.all.last?.head.headers.first("connection") == "close")
            #expect(connection.ending == .closed)
        }
        // Who is still here gets what was posted, then the close.
        let received = try feeds.map { try Self.threatsBeforeClose($0) }
        let all = try #require(received.max { $0.count < $1.count })
        #expect(all.sorted() == ["idle", "late"])
        #expect(received.allSatisfy { $0 == Array(all.prefix($0.count)) }, "\(received)")
        #expect(cluster.replicas[0].child.waitForEnd(atMost: FailureBench.deadline) == .exited(code: 0))
    }

    /// The ids of the threats that a client receives until it is closed, with 1012.
    private static func threatsBeforeClose(_ feed: WebSocketClient) throws -> [String] {
        var ids: [String] = []
        while let event = try feed.next() {
            switch event {
            case .text(let text):
                if let id = try JSONValue(parsing: text)["data"]?["id"]?.stringValue { ids.append(id) }
            case .close(let code, _):
                #expect(code == .serviceRestart)
                // Answered, so that nobody waits for it.
                try feed.send(.close, [])
                return ids
            case .binary, .ping, .pong: continue
            }
        }
        throw HarnessError("the connection ended without a close")
    }

    @Test("who connected before the port closed is served, even who had not said a word by then")
    func silent() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--drain-seconds", "12"])
        let url = cluster.urls[0]
        let fleet = try Harness.fleet([url], clients: 10)
        defer { fleet.stop() }
        cluster.replicas[0].child.send(signal: SIGTERM)
        var silent: [RawExchange] = []
        let begun = MonotonicTime.now
        while let connection = try? RawExchange(url) {
            silent.append(connection)
            Pause.sleep(.milliseconds(100))
            try #require(MonotonicTime.now - begun < FailureBench.deadline, "the port closes before the drain ends")
        }
        let isUnderWay = fleet.inspect { $0.contains { $0.firstEnding != nil } }
        #expect(isUnderWay && !silent.isEmpty, "the port is open while clients are being closed")
        for connection in silent { try connection.send(Array("GET /health HTTP/1.1\r\nHost: h\r\n\r\n".utf8)) }
        let served = silent.filter { connection in
            connection.receive { connection.text.contains("healthy") }
        }
        #expect(
            served.count == silent.count, "the last ones connected before the kernel would have handed them over")
        #expect(cluster.replicas[0].child.waitForEnd(atMost: FailureBench.deadline) == .exited(code: 0))
    }
}
