import ClusterSupport
import Corpora
import HTTPProtocol
import PosixIO
import TestSupport
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// JSON and the rules of a threat, of a real replica over real sockets.
@Suite(.processes) struct JSONConformance {
    private static let bodyBytesMax = 65_536

    @Test("RFC 8259: each text of the corpus as a body is refused where the table says, or breaks a rule")
    func texts() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let client = Harness.client(url)
        for sample in JSONCorpus.all {
            let answer = try client.post("/api/threats/trigger", sample.text)
            if sample.text.count > Self.bodyBytesMax {
                #expect(answer.status == 413, "\(sample)")
                #expect(try client.post("/api/threats/batch", sample.text).status == 400, "\(sample)")
            } else {
                // None of the accepted texts is a threat.
                Self.expectDecision(answer, refusedAt: sample.refusedAt, else: 422, "\(sample)")
            }
            try Self.expectService(url, "after \(sample)")
        }
    }

    @Test("RFC 8259: a text that comes byte by byte or in random pieces is decided alike")
    func cutTexts() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        for sample in JSONCorpus.all where sample.text.count < 300 {
            let head =
                "POST /api/threats/trigger HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(sample.text.count)\r\n\r\n"
            for cutting in [Cutting.bytes, .random(seed: TestSeed.value)] {
                let exchange = try RawExchange(url)
                try exchange.send(octets(head))
                try exchange.send(sample.text, cutting)
                try #require(exchange.receiveToEnd(), "\(sample), \(cutting)")
                guard let received = exchange.answers(to: [.post]).all.first else {
                    Issue.record("\(sample), \(cutting): no answer")
                    continue
                }
                Self.expectDecision(
                    received.head.status.rawValue, received.head.headers, received.body,
                    refusedAt: sample.refusedAt, else: 422, "\(sample), \(cutting)")
            }
            try Self.expectService(url, "after \(sample)")
        }
    }

    @Test("contract, A threat: any value reaches GET, events and WebSocket as sent, or is refused with its offset")
    func values() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let client = Harness.client(url)
        let socket = try WebSocketClient(url, target: "/ws?history=0", deadline: Harness.connectionLife)
        _ = try socket.next()
        let events = try EventStream(url, path: "/api/threats/stream?history=0", deadline: Harness.connectionLife)
        _ = try events.next()
        var documents: [[UInt8]] = []
        for (index, sample) in JSONCorpus.all.enumerated() where sample.text.count < Self.bodyBytesMax - 100 {
            let prefix = #"{"threat_type":"t","source_ip":"192.0.2.1","id":"j\#(index)","x":"#
            let body = Array(prefix.utf8) + sample.text + Array("}".utf8)
            let answer = try client.post("/api/threats/trigger", body)
            try Self.expectService(url, "after \(sample)")
            // One of the levels is the threat's own.
            guard sample.refusedAt == nil, !sample.name.hasPrefix("nesting of 32") else {
                let offset = try #require(Self.offset(of: body), "\(sample)")
                Self.expectDecision(answer, refusedAt: offset, else: 400, "\(sample) as a member")
                continue
            }
            #expect(answer.status == 201, "\(sample): \(answer.text)")
            let member = #","x":"# + String(decoding: sample.compacted, as: UTF8.self) + ","
            #expect(Self.contains(answer.body, Array(member.utf8)), "\(sample): \(answer.text)")
            #expect(try client.get("/api/threats/j\(index)").body == answer.body, "\(sample)")
            let cursor = try #require(answer.json?["cursor"]?.stringValue)
            let frame = Array(#"{"type":"new_threat","cursor":"\#(cursor)","data":"#.utf8) + answer.body + [0x7D]
            #expect(try socket.next() == .text(frame), "\(sample)")
            let event = try #require(try events.next())
            #expect(Array(event.data.utf8) == frame && event.id == cursor, "\(sample)")
            documents.append(answer.body)
        }
        let newest = Array(documents.suffix(100).reversed().joined(separator: [UInt8(ascii: ",")]))
        #expect(documents.count > 100)
        #expect(try client.get("/api/threats?limit=100").body == [0x5B] + newest + [0x5D])
        let fresh = try WebSocketClient(url, target: "/ws?history=100", deadline: Harness.connectionLife)
        guard case .text(let batch) = try fresh.next() else {
            Issue.record("no first frame")
            return
        }
        #expect(batch.suffix(newest.count + 3).elementsEqual([0x5B] + newest + [0x5D, 0x7D]))
    }

    @Test("contract, A threat: 201 for what keeps the rules, else 422 that names every broken field")
    func threats() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let client = Harness.client(url)
        for sample in ThreatCorpus.all {
            let answer = try client.post("/api/threats/trigger", sample.body)
            #expect(answer.status == (sample.brokenFields.isEmpty ? 201 : 422), "\(sample): \(answer.text)")
            if !sample.brokenFields.isEmpty {
                let errors = answer.json?["errors"]?.elements ?? []
                #expect(errors.map { $0["field"]?.stringValue } == sample.brokenFields, "\(sample)")
                #expect(errors.allSatisfy { $0["message"]?.stringValue?.isEmpty == false }, "\(sample)")
                #expect(answer.headers.first("Content-Type") == Problem.contentType, "\(sample)")
            }
            try Self.expectService(url, "after \(sample)")
        }
    }

    @Test("contract, HTTP: a batch is refused whole, or each item is answered as a single trigger would be")
    func batches() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let client = Harness.client(url)
        for sample in ThreatBatchCorpus.all {
            let type = sample.isLines ? "application/x-ndjson" : "application/json"
            let answer = try client.post("/api/threats/batch", sample.body, contentType: type)
            switch sample.outcome {
            case .items(let statuses):
                #expect(answer.status == 200, "\(sample): \(answer.text)")
                let items = answer.json?.elements ?? []
                #expect(items.map { $0["status"]?.integerValue } == statuses, "\(sample)")
                for item in items where [200, 201].contains(item["status"]?.integerValue) {
                    #expect(item.names == ["status", "id", "seq", "cursor"], "\(sample)")
                }
                for item in items where (item["status"]?.integerValue ?? 0) >= 400 {
                    #expect(item["error"]?["status"] == item["status"], "\(sample)")
                }
            case .refused(let status, let offset):
                #expect(answer.status == status, "\(sample): \(answer.text)")
                #expect(answer.json?["offset"]?.integerValue == offset, "\(sample): \(answer.text)")
                let fields = answer.json?["errors"]?.elements?.map { $0["field"]?.stringValue }
                #expect(fields == (status == 422 ? [""] : nil), "\(sample): \(answer.text)")
                #expect(answer.headers.first("Content-Type") == Problem.contentType, "\(sample)")
            }
            try Self.expectService(url, "after \(sample)")
        }
    }

    @Test("contract, WebSocket: each message has its answer, and the connection stays open")
    func messages() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let socket = try WebSocketClient(url, target: "/ws?history=0", deadline: Harness.connectionLife)
        _ = try socket.nextJSON()
        for sample in ThreatMessageCorpus.all {
            try socket.send(text: sample.text)
            let answer = try #require(try socket.nextJSON(), "\(sample)")
            switch sample.answer {
            case .pong: #expect(answer["type"]?.stringValue == "pong", "\(sample)")
            case .filtered:
                #expect(answer["type"]?.stringValue == "filtered", "\(sample)")
                #expect(answer["cursor"]?.cursorValue != nil, "\(sample)")
            case .error(let code):
                #expect(answer["type"]?.stringValue == "error", "\(sample)")
                #expect(answer["code"]?.stringValue == code, "\(sample)")
                #expect(answer["detail"]?.stringValue?.isEmpty == false, "\(sample)")
            }
            try Self.expectService(url, "after \(sample)")
        }
    }

    @Test("contract, HTTP and WebSocket: queries are taken or refused as the table says")
    func queries() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        try Harness.trigger(url, #"{"threat_type":"a"}"#)
        for sample in ThreatQueryCorpus.all {
            if sample.scope != .streams {
                let answer = try Harness.client(url).get("/api/threats?\(sample.query)")
                #expect(answer.status == sample.status, "\(sample): \(answer.text)")
                #expect((answer.json?.elements != nil) == (sample.status == 200), "\(sample)")
            }
            if sample.scope != .list {
                let events = try EventStream(
                    url, path: "/api/threats/stream?\(sample.query)", deadline: Harness.connectionLife)
                #expect(events.status == sample.status, "\(sample)")
                try expectSocket(url, sample)
            }
            try Self.expectService(url, "after \(sample)")
        }
    }

    @Test("contract, HTTP: analytics counts every threat, also of customers whose names normalisation makes equal")
    func countsNames() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        for name in ["Caf\u{E9}", "Cafe\u{301}", "Caf\\u00e9", "x"] {
            try Harness.trigger(url, "{\"threat_type\":\"a\",\"customer_name\":\"\(name)\"}")
        }
        let analytics = try #require(try Harness.client(url).get("/api/analytics").json)
        #expect(analytics["total_threats"]?.integerValue == 4)
        #expect(analytics["retained_threats"]?.integerValue == 4)
        #expect(analytics["threats_by_type"]?["a"]?.integerValue == 4)
    }

    private func expectSocket(_ url: ServerURL, _ sample: ThreatQueryCase) throws {
        do {
            let socket = try WebSocketClient(url, target: "/ws?\(sample.query)", deadline: Harness.connectionLife)
            #expect(sample.status == 200, "\(sample)")
            #expect(try socket.nextJSON()?["cursor"]?.cursorValue != nil, "\(sample)")
        } catch {
            #expect(sample.status != 200 && "\(error)".contains("\(sample.status)"), "\(sample): \(error)")
        }
    }

    // MARK: Helpers

    /// Checks a 400 with its offset, or the status that an acceptable text gets.
    private static func expectDecision(
        _ found: Int, _ headers: HTTPHeaders, _ body: [UInt8], refusedAt offset: Int?, else status: Int,
        _ comment: Comment
    ) {
        #expect(headers.first("Content-Type") == Problem.contentType, comment)
        #expect(found == (offset == nil ? status : 400), comment)
        guard let offset else { return }
        let problem = try? JSONValue(parsing: body)
        #expect(problem?["offset"]?.integerValue == offset, comment)
        #expect(problem?["detail"]?.stringValue?.contains("byte \(offset):") == true, comment)
    }

    private static func expectDecision(
        _ answer: HTTPAnswer, refusedAt offset: Int?, else status: Int, _ comment: Comment
    ) {
        expectDecision(answer.status, answer.headers, answer.body, refusedAt: offset, else: status, comment)
    }

    /// A good request on a fresh connection.
    private static func expectService(_ url: ServerURL, _ comment: Comment) throws {
        #expect(try Harness.client(url).get("/health").status == 200, comment)
    }

    /// Where the scanner, which the tables are the judge of, refuses a body.
    private static func offset(of body: [UInt8]) -> Int? {
        var scanner = JSONScanner()
        do {
            try scanner.scan(body.span)
            return nil
        } catch {
            return error.offset
        }
    }

    private static func contains(_ bytes: [UInt8], _ wanted: [UInt8]) -> Bool {
        guard bytes.count >= wanted.count else { return false }
        return (0...(bytes.count - wanted.count)).contains { bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }
}
