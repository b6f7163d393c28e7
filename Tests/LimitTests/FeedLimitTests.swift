import ClusterSupport
import Glibc
import PosixIO
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// Where the feed must break off or start over, and says so.
@Suite(.processes) struct FeedLimits {
    @Test("more entries at once than one call takes: whoever reads gets them all, behind one who does not read")
    func manyAtOnce() throws {
        let cluster = try Harness.cluster(replicas: 2, arguments: ["--event-loops", "1"])
        let publisher = Harness.client(cluster.urls[1])
        let summary = String(repeating: "y", count: 900)
        let items = (0..<700).map { _ in #"{"threat_type":"a","summary":"\#(summary)"}"# }
        let batch = Array("[\(items.joined(separator: ","))]".utf8)
        for _ in 0..<3 {
            // Its socket fills with the first of several calls.
            let silent = try RawExchange.silentClient(of: cluster.urls[0])
            let fleet = try Harness.fleet([cluster.urls[0]], clients: 1)
            defer { fleet.stop() }
            for _ in 0..<4 {
                // What another replica takes meanwhile comes to this one all at once.
                cluster.replicas[0].child.send(signal: SIGSTOP)
                let last = try accepted(batch, by: publisher)
                cluster.replicas[0].child.send(signal: SIGCONT)
                #expect(Harness.wait(fleet, for: last))
            }
            withExtendedLifetime(silent) {}
        }
    }

    /// Posts until the last threat is taken: a slow Redis may refuse some of them.
    /// - Returns: Its cursor.
    private func accepted(_ batch: [UInt8], by publisher: HTTPClient) throws -> Cursor {
        var refusal = ""
        for _ in 0..<20 {
            let answer = try publisher.post("/api/threats/batch", batch)
            #expect(answer.status == 200)
            let last = try #require(answer.json?.elements?.last)
            if let cursor = last["cursor"]?.cursorValue { return cursor }
            #expect(last["status"]?.integerValue == 503)
            refusal = answer.text.suffix(300).description
        }
        throw HarnessError("no batch was taken whole: \(refusal)")
    }

    private func metricValue(_ name: String, _ page: String) -> UInt64? {
        page.split(separator: "\n").first { $0.hasPrefix("\(name) ") }.flatMap {
            UInt64($0.dropFirst(name.count + 1))
        }
    }

    private func next(_ socket: WebSocketClient) throws -> JSONValue {
        try #require(try socket.nextJSON())
    }

    @Test("a client that does not read is closed with 4001, its frames whole, and resumes from the reason's cursor")
    func slowClient() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--ring-entries", "64", "--event-loops", "1"])
        let url = cluster.urls[0]
        let slow = try WebSocketClient(url, target: "/ws?history=0", deadline: Harness.connectionLife)
        var last = try #require(try next(slow)["cursor"]?.cursorValue)
        let publisher = Harness.client(url)
        let filler = String(repeating: "x", count: 9_000)
        let items = (0..<100).map { _ in #"{"threat_type":"malware","metadata":{"filler":"\#(filler)"}}"# }
        let batch = Array("[\(items.joined(separator: ","))]".utf8)
        var posted: UInt64 = 0
        // The buffers of both sockets take some megabytes before the client counts as slow.
        while try !publisher.get("/metrics").text.contains("\ntocsin_clients_dropped_total{reason=\"lagged\"} 1\n") {
            try #require(posted < 10_000, "a client that does not read is closed")
            #expect(try publisher.post("/api/threats/batch", batch).status == 200)
            posted += 100
        }

        // A slow Redis may have kept what it did not answer for in time.
        posted = try #require(metricValue("tocsin_log_head_sequence", try publisher.get("/metrics").text))

        var received = 0
        var ending: (code: CloseCode?, reason: String)?
        while ending == nil, let event = try slow.next() {
            switch event {
            case .text(let text):
                let cursor = try #require(try JSONValue(parsing: text)["cursor"]?.cursorValue)
                #expect(last.sequence == 0 || cursor.sequence == last.sequence + 1)
                last = cursor
                received += 1
            case .close(let code, let reason):
                ending = (code, String(decoding: reason, as: UTF8.self))
            // It was silent for as long as it took to fill its buffers.
            case .ping: break
            case .binary, .pong: Issue.record("no such event was expected: \(event)")
            }
        }
        #expect(received > 0)
        #expect(ending?.code == .tooSlow)
        #expect(ending?.reason == "resume after \(last)")

        let resumed = try WebSocketClient(url, target: "/ws?after=\(last)", deadline: Harness.connectionLife)
        #expect(try next(resumed)["type"]?.stringValue == "resumed")
        for sequence in (last.sequence + 1)...posted {
            #expect(try next(resumed)["cursor"]?.cursorValue?.sequence == sequence)
        }
    }

    @Test("a batch larger than the ring reaches a client that reads, whole")
    func burstBeyondRing() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--ring-entries", "16"])
        let url = cluster.urls[0]
        let socket = try WebSocketClient(url, target: "/ws?history=0", deadline: Harness.connectionLife)
        _ = try next(socket)
        let items = (0..<1_000).map { _ in #"{"threat_type":"malware"}"# }
        _ = try Harness.client(url).post("/api/threats/batch", Array("[\(items.joined(separator: ","))]".utf8))
        for sequence in UInt64(1)...1_000 {
            #expect(try next(socket)["cursor"]?.cursorValue?.sequence == sequence)
        }
    }

    @Test("a log that Redis lost goes on in a higher generation; connected clients get reset and lose nothing")
    func reset() throws {
        let cluster = try Harness.cluster(replicas: 2)
        let sockets = try cluster.urls.map {
            try WebSocketClient($0, target: "/ws?history=0", deadline: Harness.connectionLife)
        }
        for socket in sockets { _ = try next(socket) }
        var before = Cursor.zero
        for number in 0..<5 {
            let stored = try Harness.trigger(cluster.urls[0], #"{"id":"r\#(number)","threat_type":"a"}"#)
            before = try cursor(of: stored)
        }
        for socket in sockets {
            for number in 0..<5 { #expect(try next(socket)["data"]?["id"]?.stringValue == "r\(number)") }
        }
        try flush(cluster.redis)
        let after = try cursor(of: try Harness.trigger(cluster.urls[1], #"{"id":"after","threat_type":"a"}"#))
        #expect(after > before)
        #expect(after.generation > before.generation)
        for socket in sockets {
            let reset = try next(socket)
            #expect(reset["type"]?.stringValue == "reset")
            #expect(reset["from"]?.cursorValue == before)
            var last = try #require(reset["to"]?.cursorValue)
            #expect(last.generation == after.generation)
            var ids: Set<String> = []
            while !ids.contains("after") {
                let threat = try next(socket)
                let cursor = try #require(threat["cursor"]?.cursorValue)
                #expect(cursor.sequence == last.sequence + 1)
                last = cursor
                ids.insert(try #require(threat["data"]?["id"]?.stringValue))
            }
        }
        for number in 0..<5 {
            #expect(try Harness.client(cluster.urls[0]).get("/api/threats/r\(number)").status == 200, "appended again")
        }
    }

    @Test("Redis refusing writes: triggers get 503, /ready says why, the feed stays; then all goes on")
    func writesRefused() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let client = Harness.client(url)
        let socket = try WebSocketClient(url, target: "/ws?history=0", deadline: Harness.connectionLife)
        _ = try next(socket)
        try command(cluster.redis, ["CONFIG", "SET", "maxmemory", "1mb"])
        let threat = Array(#"{"id":"late","threat_type":"a"}"#.utf8)
        let refused = try client.post("/api/threats/trigger", threat)
        #expect(refused.status == 503)
        #expect(refused.retryAfter != nil)
        try wait(client, for: 503)
        #expect(try client.get("/ready").text.contains("out of memory"))
        #expect(try client.get("/health").status == 200)
        try command(cluster.redis, ["CONFIG", "SET", "maxmemory", "0"])
        try wait(client, for: 200)
        #expect(try client.post("/api/threats/trigger", threat).status == 201)
        #expect(try next(socket)["data"]?["id"]?.stringValue == "late")
    }

    @Test("retention by age lets go of a burst, with everything that belongs to it")
    func retentionByAge() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--retention-age", "1s"])
        let url = cluster.urls[0]
        let client = Harness.client(url)
        let items = (0..<1_000).map { _ in #"{"threat_type":"malware","customer_name":"Acme"}"# }
        let batch = Array("[\(items.joined(separator: ","))]".utf8)
        for _ in 0..<3 { #expect(try client.post("/api/threats/batch", batch).status == 200) }
        let areGone = try Harness.wait {
            try client.get("/api/analytics").json?["retained_threats"]?.integerValue == 0
        }
        try #require(areGone, "3,000 expired threats")
        let analytics = try #require(try client.get("/api/analytics").json)
        #expect(analytics["total_threats"]?.integerValue == 3_000)
        #expect(analytics["customers_affected"]?.integerValue == 0)
        #expect(try client.get("/api/threats").text == "[]")
        // The ring hears of it with the next probe.
        let isShownNothing = try Harness.wait {
            let fresh = try WebSocketClient(url, deadline: Harness.connectionLife)
            return try next(fresh)["data"]?.elements?.isEmpty == true
        }
        #expect(isShownNothing, "a fresh client is shown nothing that has expired")
    }

    private func wait(_ client: HTTPClient, for status: Int) throws {
        let isReached = try Harness.wait { try client.get("/ready").status == status }
        try #require(isReached, "/ready is \(status)")
    }

    /// What an operator's mistake looks like.
    private func flush(_ redis: LocalRedis) throws {
        try command(redis, ["FLUSHALL"])
    }

    private func command(_ redis: LocalRedis, _ words: [String]) throws {
        let tool = try #require(ChildProcess.find("redis-cli"), "redis-cli is missing: apt-get install redis-tools")
        let command = try ChildProcess.start(tool, ["-s", redis.socketPath] + words)
        while command.poll() == .running { sched_yield() }
    }
}
