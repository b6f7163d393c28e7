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

    @Test("SIGTERM: not ready at once, clients are closed with 1012 at moments spread over the drain, code 0")
    func spread() throws {
        let period = Duration.seconds(10)
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--drain-seconds", "10"])
        let url = cluster.urls[0]
        let closings = Mutex<[Int: (moment: MonotonicTime, ending: FeedEnding)]>([:])
        let options = (0..<300).map { _ in
            FeedClientOptions(urls: [url], backoff: Backoff(first: .seconds(60), longest: .seconds(60)))
        }
        let fleet = try FeedFleet(options) { index, event in
            guard case .disconnected(let ending, _) = event else { return }
            closings.withLock { if $0[index] == nil { $0[index] = (.now, ending) } }
        }
        defer { fleet.stop() }
        try #require(fleet.wait(atMost: .seconds(30)) { $0.allSatisfy { $0.joinedAfter != nil } })
        let client = HTTPClient(url)
        #expect(try client.get("/ready").status == 200)

        let start = MonotonicTime.now
        cluster.replicas[0].child.send(signal: SIGTERM)
        let isNotReady = try Harness.wait(atMost: .seconds(1), every: .milliseconds(2)) {
            try client.get("/ready").status == 503
        }
        #expect(isNotReady)
        #expect(closings.withLock { $0.isEmpty }, "balancers hear of it before clients do")
        #expect(cluster.replicas[0].child.waitForEnd(atMost: .seconds(20)) == .exited(code: 0))
        #expect(Harness.wait(atMost: .seconds(5)) { closings.withLock { $0.count } == options.count })

        let ended = closings.withLock { $0 }
        for ending in ended.values.map(\.ending) {
            guard case .closed(let code, _) = ending else {
                Issue.record("not closed in good order: \(ending)")
                continue
            }
            #expect(code == .serviceRestart)
        }
        var tenths = [Int](repeating: 0, count: 11)
        for moment in ended.values.map(\.moment) {
            tenths[min(10, Int((moment - start) / (period / 10)))] += 1
        }
        print("drain of \(period): closings in each tenth \(tenths)")
        #expect(tenths[0] == 0)
        // Seven tenths are used, so an even share is 43.
        #expect(tenths.allSatisfy { $0 <= options.count / 4 }, "\(tenths)")
        #expect(tenths[1..<8].allSatisfy { $0 >= options.count / 20 }, "\(tenths)")
    }

    @Test("a post that has begun when the drain begins is answered, and so is one on a connection that was idle")
    func inFlight() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--drain-seconds", "6"])
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
        let feed = try WebSocketClient(url, target: "/ws?history=0")
        _ = try feed.nextJSON()

        cluster.replicas[0].child.send(signal: SIGTERM)
        let client = HTTPClient(url)
        #expect(try Harness.wait(atMost: .seconds(2)) { try client.get("/ready").status == 503 })
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
        var ids: [String] = []
        while let event = try feed.next() {
            if case .text(let text) = event, let id = try JSONValue(parsing: text)["data"]?["id"]?.stringValue {
                ids.append(id)
            }
            guard case .close(let code, _) = event else { continue }
            #expect(code == .serviceRestart)
            break
        }
        #expect(Set(ids) == ["late", "idle"])
        #expect(cluster.replicas[0].child.waitForEnd(atMost: .seconds(20)) == .exited(code: 0))
    }

    @Test("who connected before the port closed is served, even who had not said a word by then")
    func silent() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--drain-seconds", "10"])
        let url = cluster.urls[0]
        cluster.replicas[0].child.send(signal: SIGTERM)
        var silent: [RawExchange] = []
        let begun = MonotonicTime.now
        while let connection = try? RawExchange(url) {
            silent.append(connection)
            Pause.sleep(.milliseconds(100))
            try #require(MonotonicTime.now - begun < .seconds(20), "the port closes before the drain ends")
        }
        #expect(silent.count > 20, "the port is open for most of the drain")
        for connection in silent { try connection.send(Array("GET /health HTTP/1.1\r\nHost: h\r\n\r\n".utf8)) }
        let served = silent.filter { connection in
            connection.receive { connection.text.contains("healthy") }
        }
        #expect(
            served.count == silent.count, "the last ones connected before the kernel would have handed them over")
        #expect(cluster.replicas[0].child.waitForEnd(atMost: .seconds(20)) == .exited(code: 0))
    }
}
