import ClusterSupport
import Glibc
import HTTPProtocol
import PosixIO
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// Every HTTP endpoint and error of the contract, over real sockets.
@Suite(.processes) struct HTTPAPI {
    private static let minimal = #"{"threat_type":"malware"}"#

    private func post(
        _ client: HTTPClient, _ body: String, type: String = "application/json"
    ) throws -> HTTPAnswer {
        try client.post("/api/threats/trigger", Array(body.utf8), contentType: type)
    }

    private func expectProblem(
        _ answer: HTTPAnswer, _ status: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(answer.status == status, "\(answer.text)", sourceLocation: sourceLocation)
        #expect(
            answer.headers.first("Content-Type") == "application/problem+json", sourceLocation: sourceLocation)
        #expect(answer.json?["status"]?.integerValue == status, sourceLocation: sourceLocation)
        for member in ["type", "title", "detail"] {
            #expect(answer.json?[member]?.stringValue?.isEmpty == false, sourceLocation: sourceLocation)
        }
    }

    @Test("health, readiness, metrics and the root describe the replica")
    func operatorEndpoints() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        let health = try client.get("/health")
        #expect(health.status == 200)
        #expect(health.json?["status"]?.stringValue == "healthy")
        #expect(health.json?["version"]?.stringValue != nil)
        #expect(health.json?["uptime_seconds"] != nil)
        let ready = try client.get("/ready")
        #expect(ready.status == 200)
        #expect(ready.json?["status"]?.stringValue == "ready")
        let components = ready.json?["components"]?.names ?? []
        #expect(["redis", "subscription", "draining"].allSatisfy { components.contains($0) })
        let root = try client.get("/")
        #expect(root.json?["service"]?.stringValue == "tocsin")
        #expect(root.json?["status"]?.stringValue == "running")
        #expect(root.json?["endpoints"]?.names.isEmpty == false)
        let page = try client.get("/", headers: [("Accept", "text/html")])
        #expect(page.status == 200)
        #expect(page.headers.first("Content-Type")?.hasPrefix("text/html") == true)
        #expect(page.headers.first("Content-Security-Policy") != nil)

        #expect(try post(client, Self.minimal).status == 201)
        let metrics = try client.get("/metrics")
        #expect(metrics.headers.first("Content-Type")?.hasPrefix("text/plain") == true)
        for name in [
            "tocsin_connections", "tocsin_heap_bytes", "tocsin_loop_turns_total", "tocsin_threats_accepted_total",
            "tocsin_entries_delivered_total", "tocsin_clients_dropped_total", "tocsin_redis_up",
            "tocsin_log_head_sequence",
            "process_resident_memory_bytes",
        ] {
            #expect(metrics.text.contains("# TYPE \(name) "), "\(name)")
        }
        #expect(metrics.text.contains("\ntocsin_threats_accepted_total 1\n"))
        #expect(metrics.text.contains("\ntocsin_redis_up 1\n"))
        #expect(try Harness.metric("tocsin_loop_turns_total", inPage: metrics.text) > 0)
        // The ring and the scratch of a loop alone are more.
        let heapBytes = try Harness.metric("tocsin_heap_bytes", inPage: metrics.text)
        #expect(!Harness.seesHeap || heapBytes > 256 << 10 && heapBytes < 1 << 30, "\(heapBytes)")
    }

    @Test("an unknown path is 404, a known path with another method 405 with Allow")
    func routing() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        expectProblem(try client.get("/nowhere"), 404)
        let wrong = try client.request(.delete, "/api/threats/trigger")
        expectProblem(wrong, 405)
        #expect(wrong.headers.contains("Allow", member: "POST"))
        let head = try client.request(.head, "/health")
        #expect(head.status == 200)
        #expect(head.body.isEmpty)
        expectProblem(try client.get("/ws"), 426)
    }

    @Test("a trigger answers 201 with the place and the stored threat: defaults added, the rest as sent")
    func triggerStores() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        let sent = #"{"threat_type":"malware", "x":[1.0,1e400,"é\u00e9"], "severity":"critical","id":"a:b.c_1"}"#
        let answer = try post(client, sent)
        #expect(answer.status == 201)
        #expect(answer.headers.first("Location") == "/api/threats/a:b.c_1")
        #expect(answer.headers.first("Content-Type") == "application/json")
        // Numbers and escapes stand as sent.
        #expect(answer.text.contains(#""x":[1.0,1e400,"é\u00e9"]"#))
        #expect(answer.json?["severity"]?.stringValue == "CRITICAL")
        #expect(answer.json?["seq"]?.integerValue == 1)
        #expect(answer.json?["received_by"]?.stringValue == "replica-a")
        #expect(answer.json?["received_at"]?.stringValue?.hasSuffix("Z") == true)
        #expect(answer.json?["timestamp"]?.stringValue != nil)
        #expect(answer.json?["triage"] == .object([("status", .string("new")), ("version", .number("1"))]))
        let plain = try post(client, Self.minimal)
        #expect(plain.json?["severity"]?.stringValue == "MEDIUM")
        #expect(plain.json?["id"]?.stringValue?.count == 36)
        for name in ["crypto_surge", "bot_attack", "geo_impossible", "critical_threat"] {
            #expect(try post(client, #"{"scenario":"\#(name)"}"#).status == 201)
        }
        #expect(try post(client, Self.minimal, type: "application/json; charset=utf-8").status == 201)
    }

    @Test("a trigger that is not acceptable gets the status and the problem that say why")
    func triggerErrors() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        for text in ["", "{", "{\"threat_type\":\"malware\",}", "\u{FEFF}{}", "{\"a\":1,\"a\":2}"] {
            expectProblem(try post(client, text), 400)
        }
        expectProblem(try post(client, Self.minimal, type: "text/plain"), 415)
        let padding = String(repeating: "x", count: 64 << 10)
        expectProblem(try post(client, #"{"threat_type":"malware","x":"\#(padding)"}"#), 413)
        expectProblem(try post(client, #"{"scenario":"nothing_like_it"}"#), 422)
        expectProblem(try post(client, "[]"), 422)

        let broken = """
            {"threat_type":"Not Valid","severity":"SEVERE","id":"-","title":7,"timestamp":"yesterday",\
            "mitre_techniques":["T1","T1059"],"indicators":[{"type":"ip"}],"metadata":[],"seq":4,"cursor":"1-1",\
            "received_at":"x","received_by":"x","triage":{}}
            """
        let answer = try post(client, broken)
        expectProblem(answer, 422)
        let fields = Set((answer.json?["errors"]?.elements ?? []).compactMap { $0["field"]?.stringValue })
        for name in [
            "threat_type", "severity", "id", "title", "timestamp", "mitre_techniques[0]", "metadata", "seq",
            "cursor", "received_at", "received_by", "triage",
        ] {
            #expect(fields.contains(name), "\(name) is missing in \(fields)")
        }
        #expect(fields.contains { $0.hasPrefix("indicators[0]") })
        #expect(!fields.contains("mitre_techniques[1]"))
        #expect((answer.json?["errors"]?.elements ?? []).allSatisfy { $0["message"]?.stringValue != nil })
    }

    @Test("the same id again is 200 with the first body, with other content 409")
    func replayAndConflict() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        let first = try post(client, #"{"id":"r","threat_type":"malware"}"#)
        let again = try post(client, #"{"id":"r","threat_type":"malware"}"#)
        #expect(first.status == 201)
        #expect(again.status == 200)
        #expect(again.body == first.body)
        // Byte for byte: the same members with a blank more are other content.
        expectProblem(try post(client, #"{"id":"r", "threat_type":"malware"}"#), 409)
    }

    @Test("a batch answers each item, in the order sent, with what a single trigger would have been answered")
    func batch() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        let items = [
            #"{"id":"b1","threat_type":"malware"}"#, #"{"threat_type":"NO"}"#,
            #"{"id":"b1","threat_type":"malware"}"#,
            #"{"id":"b1","threat_type":"phishing"}"#, #"{"id":"b2","threat_type":"malware"}"#,
        ]
        let expected = [201, 422, 200, 409, 201]
        let answer = try client.post("/api/threats/batch", Array("[\(items.joined(separator: ","))]".utf8))
        #expect(answer.status == 200)
        let results = try #require(answer.json?.elements)
        #expect(results.map { $0["status"]?.integerValue } == expected)
        #expect(results[0]["id"]?.stringValue == "b1")
        #expect(results[0]["seq"]?.integerValue == 1)
        #expect(results[2]["cursor"] == results[0]["cursor"])
        #expect(results[4]["seq"]?.integerValue == 2)
        #expect(results[1]["error"] != nil)
        #expect(results[3]["error"] != nil)

        let lines = [#"{"id":"n1","threat_type":"malware"}"#, "{broken", #"{"id":"b2","threat_type":"malware"}"#]
        let streamed = try client.post(
            "/api/threats/batch", Array(lines.joined(separator: "\n").utf8), contentType: "application/x-ndjson")
        #expect(streamed.json?.elements?.map { $0["status"]?.integerValue } == [201, 400, 200])

        expectProblem(try client.post("/api/threats/batch", Array("{}".utf8)), 422)
        expectProblem(try client.post("/api/threats/batch", Array("[".utf8)), 400)
        expectProblem(try client.post("/api/threats/batch", Array("[]".utf8), contentType: "text/csv"), 415)
        let many = "[" + [String](repeating: Self.minimal, count: 1_001).joined(separator: ",") + "]"
        expectProblem(try client.post("/api/threats/batch", Array(many.utf8)), 413)
        let large = "[\"" + String(repeating: "x", count: 1 << 20) + "\"]"
        expectProblem(try client.post("/api/threats/batch", Array(large.utf8)), 413)
    }

    @Test("a client that closes its half still gets every answer, in order, and none is cut")
    func halfClose() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let filler = String(repeating: "x", count: 50_000)
        for _ in 0..<100 {
            try Harness.trigger(url, #"{"threat_type":"malware","metadata":{"filler":"\#(filler)"}}"#)
        }
        let requests = String(repeating: "GET /api/threats?limit=100 HTTP/1.1\r\nHost: t\r\n\r\n", count: 3)
        let received = try HalfClosingClient(url).exchange(Array(requests.utf8))
        var decoder = HTTPResponseDecoder(bodyBytesMax: 16 << 20)
        for _ in 0..<3 { decoder.sentRequest(.get) }
        decoder.append(received.span)
        for _ in 0..<3 {
            let response = try #require(try decoder.nextResponse())
            #expect(try JSONValue(parsing: response.body).elements?.count == 100)
        }
    }

    @Test("cursors at either end of what a cursor can be are understood")
    func outermostCursors() throws {
        let cluster = try Harness.cluster(replicas: 1)
        try Harness.trigger(cluster.urls[0], #"{"threat_type":"malware"}"#)
        let client = Harness.client(cluster.urls[0])
        let none = try client.get("/api/threats?before=0-0")
        #expect(none.status == 200)
        #expect(none.text == "[]")
        for parameter in ["before", "after"] {
            let answer = try client.get("/api/threats?\(parameter)=18446744073709551615-18446744073709551615")
            expectProblem(answer, 410)
        }
        #expect(try client.get("/api/threats?after=0-0").json?.elements?.count == 1)
    }

    @Test("the list is newest first, pages by offset and by cursor, and filters")
    func list() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        var cursors: [String] = []
        for number in 0..<30 {
            let severity = Severity.allCases[number % 5].name
            let type = number % 2 == 0 ? "even" : "odd"
            let names = #""threat_type":"\#(type)","customer_name":"C\#(number % 3)""#
            let stored = try post(client, #"{"id":"l\#(number)","severity":"\#(severity)",\#(names)}"#)
            cursors.append(try #require(stored.json?["cursor"]?.stringValue))
        }
        func ids(_ query: String) throws -> [String] {
            let answer = try client.get("/api/threats\(query)")
            #expect(answer.status == 200, "\(query): \(answer.text)")
            return (answer.json?.elements ?? []).compactMap { $0["id"]?.stringValue }
        }
        let newestFirst = (0..<30).reversed().map { "l\($0)" }
        #expect(try ids("") == Array(newestFirst.prefix(20)))
        #expect(try ids("?limit=5&offset=3") == Array(newestFirst[3..<8]))
        #expect(try ids("?limit=100") == newestFirst)
        #expect(try ids("?before=\(cursors[10])&limit=3") == ["l9", "l8", "l7"])
        #expect(try Set(ids("?after=\(cursors[26])")) == ["l27", "l28", "l29"])
        #expect(try ids("?min_severity=CRITICAL") == ["l29", "l24", "l19", "l14", "l9", "l4"])
        #expect(try ids("?threat_type=odd&limit=2") == ["l29", "l27"])
        #expect(try ids("?threat_type=odd,even&limit=2") == ["l29", "l28"])
        #expect(try ids("?customer_name=C1&limit=2") == ["l28", "l25"])
        for query in ["limit=0", "limit=101", "limit=x", "offset=-1", "before=x", "after=1", "min_severity=BAD"] {
            let status = try client.get("/api/threats?\(query)").status
            #expect(status == 400 || status == 422, "\(query): \(status)")
        }
        let one = try client.get("/api/threats/l7")
        #expect(one.status == 200)
        #expect(one.json?["cursor"]?.stringValue == cursors[7])
        expectProblem(try client.get("/api/threats/unknown"), 404)

        let analytics = try #require(try client.get("/api/analytics").json)
        #expect(analytics["total_threats"]?.integerValue == 30)
        #expect(analytics["customers_affected"]?.integerValue == 3)
        #expect(analytics["threats_by_type"]?["odd"]?.integerValue == 15)
        #expect(analytics["threats_by_severity"]?["CRITICAL"]?.integerValue == 6)
    }

    @Test("retention: what exceeds the count is gone, and so is the memory of its id")
    func retention() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--retention-count", "50"])
        let client = Harness.client(cluster.urls[0])
        let items = (0..<200).map { #"{"id":"k\#($0)","threat_type":"malware"}"# }
        let batch = Array("[\(items.joined(separator: ","))]".utf8)
        #expect(try client.post("/api/threats/batch", batch).status == 200)
        #expect(try client.get("/api/threats/k0").status == 404)
        #expect(try client.get("/api/threats/k199").status == 200)
        #expect(try client.get("/api/analytics").json?["total_threats"]?.integerValue == 200)
        #expect(try post(client, items[0]).status == 201)
    }

    @Test("an event stream that a draining replica cannot serve is 200 and unavailable, so that browsers come back")
    func unavailableStream() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--drain-seconds", "60"])
        let url = cluster.urls[0]
        // It holds the drain open.
        let held = try WebSocketClient(url, target: "/ws?history=0", deadline: Harness.connectionLife)
        _ = try held.next()
        // A request that has begun is still served in a drain.
        let connection = try RawExchange(url)
        try connection.send(Array("GET /api/threats/stream HTTP/1.1\r\nHost: h\r\n".utf8))
        try #require(
            Harness.wait {
                try Harness.client(url).get("/metrics").text.contains("\ntocsin_connections_pending 1\n")
            })
        cluster.replicas[0].child.send(signal: SIGTERM)
        try #require(Harness.wait { try Harness.client(url).get("/ready").status == 503 })
        try connection.send(Array("\r\n".utf8))
        connection.receive { connection.text.hasSuffix("\n\n") }
        #expect(connection.text.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(connection.text)")
        for line in [
            "Content-Type: text/event-stream\r\n", "retry: ", "event: unavailable\n",
            #"data: {"type":"unavailable","detail":"No stream starts: the replica drains."}"#,
        ] {
            #expect(connection.text.contains(line), "\(connection.text)")
        }
    }

    @Test("the first frame is bounded in bytes, whatever the history asked for; what is live is not")
    func boundedFirstFrame() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let filler = String(repeating: "x", count: 60_000)
        for number in 0..<6 {
            try Harness.trigger(
                url, #"{"id":"large-\#(number)","threat_type":"malware","metadata":{"filler":"\#(filler)"}}"#)
        }
        let socket = try WebSocketClient(url, target: "/ws?history=20", deadline: Harness.connectionLife)
        guard case .text(let text)? = try socket.next() else { throw HarnessError("no first frame") }
        #expect(text.count <= 256 << 10)
        let ids = try JSONValue(parsing: text)["data"]?.elements?.map { $0["id"]?.stringValue }
        #expect(ids == ["large-5", "large-4", "large-3", "large-2"])
        let stream = try EventStream(url, path: "/api/threats/stream?history=20", deadline: Harness.connectionLife)
        #expect(try stream.next()?.data == String(decoding: text, as: UTF8.self))
        let other = try Harness.cluster(replicas: 1, arguments: ["--initial-batch-bytes-max", "1KiB"])
        try Harness.trigger(other.urls[0], #"{"threat_type":"malware","metadata":{"filler":"\#(filler)"}}"#)
        let small = try WebSocketClient(other.urls[0], target: "/ws?history=20", deadline: Harness.connectionLife)
        guard case .text(let empty)? = try small.next() else { throw HarnessError("no first frame") }
        #expect(try JSONValue(parsing: empty)["data"]?.elements?.isEmpty == true)
    }

    @Test("the event stream resumes after Last-Event-ID: ids are cursors, events are frame types")
    func eventStream() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let follower = try EventStream(url, path: "/api/threats/stream?history=0", deadline: Harness.connectionLife)
        #expect(try follower.next()?.type == "initial_batch")
        let first = try Harness.trigger(url, #"{"id":"s1","threat_type":"malware"}"#)
        try Harness.trigger(url, #"{"id":"s2","threat_type":"malware"}"#)
        // An answer may come before the threat has come to the replica's clients.
        for _ in 0..<2 { #expect(try follower.next()?.type == "new_threat") }
        let fresh = try EventStream(url, path: "/api/threats/stream?history=1", deadline: Harness.connectionLife)
        #expect(fresh.status == 200)
        #expect(fresh.headers.first("Content-Type")?.hasPrefix("text/event-stream") == true)
        let batch = try #require(try fresh.next())
        #expect(batch.type == "initial_batch")
        #expect(try JSONValue(parsing: Array(batch.data.utf8))["data"]?[0]?["id"]?.stringValue == "s2")

        let stream = try EventStream(
            url, headers: [("Last-Event-ID", try cursor(of: first).description)], deadline: Harness.connectionLife)
        #expect(try stream.next()?.type == "resumed")
        let missed = try #require(try stream.next())
        #expect(missed.type == "new_threat")
        let third = try Harness.trigger(url, #"{"id":"s3","threat_type":"malware"}"#)
        let live = try #require(try stream.next())
        #expect(live.id == third["cursor"]?.stringValue)
        let frame = try JSONValue(parsing: Array(live.data.utf8))
        #expect(frame["type"]?.stringValue == "new_threat")
        #expect(frame["data"] == third)
        #expect(try JSONValue(parsing: Array(missed.data.utf8))["data"]?["id"]?.stringValue == "s2")
    }
}
