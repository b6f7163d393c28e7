import ClusterSupport
import Corpora
import HTTPProtocol
import PosixIO
import TestSupport
import Testing
import TocsinClient

/// HTTP/1.1 of a real replica over real sockets.
@Suite(.processes) struct HTTPConformance {
    private static let last = octets("GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    @Test("RFC 9112: every case of the corpus is answered as the table says, whole and byte by byte")
    func corpus() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        for testCase in HTTPCorpus.all {
            for cutting in [Cutting.whole, Self.finely(testCase.input)] {
                try check(testCase, cutting, url)
                let good = try Harness.client(url).get("/health")
                #expect(good.status == 200, "after \(testCase), \(cutting)")
            }
        }
    }

    @Test("RFC 9110: sound requests get the status and the fields that the table says")
    func service() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        for testCase in HTTPServiceCorpus.all {
            let exchange = try RawExchange(url)
            try exchange.send(testCase.input)
            let method = HTTPMethod(rawValue: testCase.method)
            exchange.receive { !exchange.answers(to: [method]).all.isEmpty }
            let answers = exchange.answers(to: [method])
            #expect(answers.error == nil, "\(testCase)")
            guard let answer = answers.all.first else {
                Issue.record("\(testCase): no answer")
                return
            }
            let text = "\(testCase): \(String(decoding: answer.body, as: UTF8.self))"
            #expect(answer.head.status.rawValue == testCase.status, "\(text)")
            #expect(answer.head.headers.contains("Date"), "\(testCase)")
            for field in testCase.fields {
                let value = answer.head.headers.first(field.name)
                #expect(value == (field.value.isEmpty ? nil : field.value), "\(field.name) of \(testCase)")
            }
            #expect(try Harness.client(url).get("/health").status == 200, "after \(testCase)")
        }
    }

    @Test("RFC 9110 §9.3.2: HEAD has the fields of GET and no content")
    func heads() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        for path in ["/", "/dashboard/style.css", "/api/threats", "/api/threats/none", "/nothing", "/health?a=%zz"] {
            for headers in [[], [("Accept", "text/html")]] {
                let whole = try client.get(path, headers: headers)
                let head = try client.request(.head, path, headers: headers)
                #expect(head.status == whole.status, "\(path)")
                #expect(head.body.isEmpty, "\(path)")
                #expect(Self.fields(head) == Self.fields(whole), "\(path)")
            }
        }
    }

    @Test("RFC 9112 §9.3.2: pipelined answers come in the order of their requests, whatever each takes")
    func pipelined() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let exchange = try RawExchange(cluster.urls[0])
        var input: [UInt8] = []
        var statuses: [Int] = []
        for index in 0..<40 {
            input += Self.trigger("id-\(index)") + octets("GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
            input += octets("GET /x\(index) HTTP/1.1\r\nHost: h\r\n\r\n") + Self.trigger("id-\(index)")
            statuses += [201, 200, 404, 200]
        }
        try exchange.send(input + Self.last)
        try #require(exchange.receiveToEnd())
        let answers = exchange.answers()
        #expect(answers.statuses == statuses + [200])
        for index in 0..<40 where answers.all.count > index * 4 {
            let location = answers.all[index * 4].head.headers.first("Location")
            #expect(location == "/api/threats/id-\(index)")
        }
    }

    @Test("RFC 9110 §10.1.1: 100 Continue waits for the answers to earlier requests")
    func continueInOrder() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let exchange = try RawExchange(cluster.urls[0])
        let waiting = Self.trigger("second", "Expect: 100-continue\r\n")
        let headCount = waiting.count - Self.threat("second").count
        try exchange.send(Self.trigger("first") + waiting[..<headCount])
        try #require(exchange.receive { exchange.answers().continueCount == 1 })
        #expect(exchange.answers().statuses == [201])
        #expect(exchange.received.suffix(25).elementsEqual(HTTPResponse.continueBytes))
        try exchange.send(Array(waiting[headCount...]))
        try #require(exchange.receive { exchange.answers().all.count == 2 })
        #expect(exchange.answers().statuses == [201, 201])
    }

    @Test("RFC 9110 §15.5.9: a request that comes too slowly is answered 408, however far it has got")
    func deadlines() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--request-seconds", "1"])
        let url = cluster.urls[0]
        let slow: [(name: String, begin: String, drip: String, method: HTTPMethod)] = [
            ("method", "G", "", .get), ("target", "GET /", "a", .get),
            ("field name", "GET / HTTP/1.1\r\n", "a", .get), ("field value", "GET / HTTP/1.1\r\nA: ", "a", .get),
            ("fields", "GET / HTTP/1.1\r\nHost: h\r\n", "A:b\r\n", .get), ("HEAD", "HEAD /", "a", .head),
            ("content", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n", "a", .post),
            (
                "chunks", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", .post
            ),
            (
                "awaited content",
                "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", "", .post
            ),
            ("second request", "GET /health HTTP/1.1\r\nHost: h\r\n\r\nGET /", "a", .get),
        ]
        let exchanges = try slow.map { _ in try RawExchange(url) }
        for (exchange, testCase) in zip(exchanges, slow) { try exchange.send(octets(testCase.begin)) }
        let started = MonotonicTime.now
        while exchanges.contains(where: { $0.ending == .open }), MonotonicTime.now - started < .seconds(20) {
            for (exchange, testCase) in zip(exchanges, slow) where exchange.ending == .open {
                try exchange.send(octets(testCase.drip))
            }
            Pause.sleep(.milliseconds(30))
            for exchange in exchanges { exchange.receive(atMost: .zero) { false } }
        }
        for (exchange, testCase) in zip(exchanges, slow) {
            let methods = testCase.name == "second request" ? [HTTPMethod.get, .get] : [testCase.method]
            let answers = exchange.answers(to: methods)
            #expect(answers.error == nil, "\(testCase.name)")
            #expect(answers.statuses.last == 408, "\(testCase.name)")
            #expect(exchange.ending != .open, "\(testCase.name)")
            #expect(answers.all.last?.head.headers.first("Connection") == "close", "\(testCase.name)")
        }
        #expect(try Harness.client(url).get("/health").status == 200)
    }

    /// Byte by byte, or what comes near it for inputs that would take a hundred thousand system calls.
    private static func finely(_ input: [UInt8]) -> Cutting {
        input.count <= 4096 ? .bytes : .random(seed: TestSeed.value)
    }

    private func check(_ testCase: HTTPCase, _ cutting: Cutting, _ url: ServerURL) throws {
        let exchange = try RawExchange(url)
        try exchange.send(testCase.input, cutting)
        var expected = testCase.served
        switch testCase.ending {
        case .kept:
            try exchange.send(Self.last)
            expected.append(200)
        case .closed: break
        case .unfinished: exchange.finishSending()
        }
        let ended = exchange.receiveToEnd()
        let answers = exchange.answers(to: testCase.methods.map(HTTPMethod.init(rawValue:)))
        #expect(ended, "not closed: \(testCase), \(cutting)")
        #expect(answers.error == nil, "\(testCase), \(cutting)")
        #expect(answers.statuses == expected, "\(testCase), \(cutting)")
        #expect(answers.continueCount == testCase.decoded.count { $0 == "100" }, "\(testCase), \(cutting)")
        guard let last = answers.all.last, testCase.ending == .closed else { return }
        #expect(last.head.headers.first("Connection") == "close", "\(testCase), \(cutting)")
    }

    private static func fields(_ answer: HTTPAnswer) -> [String] {
        answer.headers.pairs.filter { $0.name != "Date" }.map { "\($0.name): \($0.value)" }
    }

    private static func threat(_ id: String) -> [UInt8] { octets("{\"threat_type\":\"malware\",\"id\":\"\(id)\"}") }

    private static func trigger(_ id: String, _ fields: String = "") -> [UInt8] {
        let threat = threat(id)
        return octets(
            "POST /api/threats/trigger HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\(fields)"
                + "Content-Length: \(threat.count)\r\n\r\n") + threat
    }
}
