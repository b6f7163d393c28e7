import ClusterSupport
import Glibc
import HTTPProtocol
import PosixIO
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// `tocsin prove --url` against deployments that are in use.
@Suite(.processes) struct ProofLog {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Starts a proof of a deployment, with its verdict as JSON.
    private func startProof(_ urls: [ServerURL], _ arguments: [String]) throws -> LocalProcess {
        try LocalProcess(
            try Harness.program(),
            ["prove", "--json", "--clients", "6"] + arguments + urls.flatMap { ["--url", $0.description] },
            environment: ["HOME=\(directory.path)"],
            outputPath: "\(directory.path)/proof-\(UInt64.random(in: 0...UInt64.max))")
    }

    /// Waits for a proof that ends well.
    private func verdict(_ proof: LocalProcess) throws -> JSONValue {
        let code = proof.waitForEnd(atMost: Harness.deadline)
        try #require(code == .exited(code: 0), "\(proof.output)")
        let verdict = try JSONValue(parsing: Array(proof.output.utf8))
        #expect(verdict["kept"]?.boolValue == true, "\(proof.output)")
        #expect(verdict["log"]?.stringValue == "proof")
        return verdict
    }

    private func next(_ socket: WebSocketClient) throws -> JSONValue {
        try #require(try socket.nextJSON())
    }

    private func get(_ url: ServerURL, _ path: String) throws -> HTTPAnswer { try Harness.client(url).get(path) }

    /// Values of the metrics of a replica whose names have no labels.
    private func metrics(_ url: ServerURL) throws -> [String: Int] {
        var values: [String: Int] = [:]
        for line in try get(url, "/metrics").text.split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            if words.count == 2 { values[String(words[0])] = Int(words[1]) }
        }
        return values
    }

    /// Opens the log for proofs at a replica.
    private func open(_ url: ServerURL) throws {
        let isOpen = try Harness.wait {
            try get(url, "/api/analytics?log=proof").status == 200
        }
        try #require(isOpen, "the log for proofs is opened by asking for it")
    }

    private func redis(_ cluster: LocalCluster, _ words: [String]) throws -> String {
        let path = "\(directory.path)/redis-\(UInt64.random(in: 0...UInt64.max))"
        let tool = try LocalProcess("redis-cli", ["-s", cluster.redis.socketPath] + words, outputPath: path)
        try #require(tool.waitForEnd(atMost: Harness.deadline) == .exited(code: 0), "redis-cli: \(tool.output)")
        return tool.output
    }

    @Test("a proof of a deployment in use is seen by nobody: no frame, no list, no count, no metric of threats")
    func seenByNobody() throws {
        let cluster = try Harness.cluster(replicas: 2)
        let url = cluster.urls[0]
        let before = try Harness.trigger(
            url, #"{"id":"before","threat_type":"malware","customer_name":"Acme"}"#)
        let fleet = try Harness.fleet(cluster.urls, clients: 4)
        defer { fleet.stop() }
        // Clients that joined before it came to their replica get it yet.
        #expect(Harness.wait(fleet, for: try cursor(of: before)))
        let analytics = try get(url, "/api/analytics").text
        let list = try get(url, "/api/threats").text
        let figures = try cluster.urls.map { try metrics($0) }

        let proof = try verdict(try startProof(cluster.urls, ["--threats", "150"]))
        #expect(proof["acknowledged"]?.integerValue == 150)
        #expect(proof["delivered"]?.integerValue == 900)

        #expect(try get(url, "/api/analytics").text == analytics)
        #expect(try get(url, "/api/threats").text == list)
        let names = [
            "tocsin_threats_accepted_total", "tocsin_threats_rejected_total", "tocsin_entries_delivered_total",
            "tocsin_log_head_sequence", "tocsin_log_generation", "tocsin_ring_entries",
        ]
        for (replica, before) in zip(cluster.urls, figures) {
            let after = try metrics(replica)
            for name in names { #expect(after[name] == before[name], "\(name)") }
            #expect(before["tocsin_proof_served"] == 0)
            #expect(after["tocsin_proof_served"] == 1)
            #expect((after["tocsin_proof_threats_accepted_total"] ?? 0) > 0)
            #expect((after["tocsin_proof_entries_delivered_total"] ?? 0) > 0)
        }
        let after = try cursor(of: try Harness.trigger(url, #"{"id":"after","threat_type":"malware"}"#))
        #expect(Harness.wait(fleet, for: after))
        for record in fleet.allRecords() {
            #expect(record.deliveries.map(\.threatID).filter { $0 != "before" } == ["after"])
        }
    }

    @Test("the log for proofs is one of its own at every endpoint")
    func ownLog() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let first = try get(url, "/api/analytics?log=proof")
        #expect(first.status == 503)
        #expect(first.retryAfter != nil)
        try open(url)
        let client = Harness.client(url)
        let body = Array(#"{"id":"p-1","threat_type":"malware","severity":"HIGH"}"#.utf8)
        let stored = try client.post("/api/threats/trigger?log=proof", body)
        #expect(stored.status == 201)
        #expect(stored.headers.first("Location") == "/api/threats/p-1?log=proof")
        #expect(try client.post("/api/threats/trigger?log=proof", body).status == 200)
        #expect(try client.get("/api/threats/p-1?log=proof").status == 200)
        #expect(try client.get("/api/threats/p-1").status == 404)
        #expect(try client.get("/api/threats").text == "[]")
        #expect(try client.post("/api/threats/trigger", body).status == 201, "ids are those of their log")
        let batch = try client.post(
            "/api/threats/batch?log=proof", Array(#"[{"id":"p-2","threat_type":"a"}]"#.utf8))
        #expect(batch.json?[0]?["status"]?.integerValue == 201)
        let listed = try #require(try client.get("/api/threats?log=proof&limit=5").json?.elements)
        #expect(listed.compactMap { $0["id"]?.stringValue } == ["p-2", "p-1"])
        let counts = try #require(try client.get("/api/analytics?log=proof").json)
        #expect(counts["total_threats"]?.integerValue == 2)
        #expect(counts["log"]?.stringValue == "proof")
        #expect(try client.get("/api/analytics").json?["log"] == nil)

        let events = try EventStream(
            url, path: "/api/threats/stream?log=proof&history=1", deadline: Harness.connectionLife)
        #expect(try events.next()?.data.contains(#""id":"p-2""#) == true)
        let place = try cursor(of: listed[1])
        let socket = try WebSocketClient(url, target: "/ws?log=proof&after=\(place)", deadline: Harness.connectionLife)
        #expect(try next(socket)["type"]?.stringValue == "resumed")
        #expect(try next(socket)["data"]?["id"]?.stringValue == "p-2")
        try Harness.trigger(url, #"{"id":"real","threat_type":"malware"}"#)
        _ = try client.post("/api/threats/trigger?log=proof", Array(#"{"id":"p-3","threat_type":"a"}"#.utf8))
        #expect(try next(socket)["data"]?["id"]?.stringValue == "p-3")
        #expect(try events.next()?.data.contains(#""id":"p-3""#) == true)
    }

    @Test("the log for proofs is served while anybody listens or asks, and forgotten by itself after that")
    func servedWhileUsed() throws {
        // The heartbeat comes when a log that nobody uses would be closed already.
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--heartbeat-seconds", "12"])
        let url = cluster.urls[0]
        #expect(try !redis(cluster, ["CLIENT", "LIST"]).contains("-proof-"), "who is never proved pays nothing")
        try open(url)
        #expect(try redis(cluster, ["CLIENT", "LIST"]).contains("-proof-follower"))
        let threat = Array(#"{"id":"p-1","threat_type":"malware","customer_name":"Acme"}"#.utf8)
        let socket = try WebSocketClient(url, target: "/ws?log=proof", deadline: Harness.connectionLife)
        #expect(try next(socket)["type"]?.stringValue == "initial_batch")
        #expect(try Harness.client(url).post("/api/threats/trigger?log=proof", threat).status == 201)
        #expect(try next(socket)["type"]?.stringValue == "new_threat")
        #expect(try next(socket)["type"]?.stringValue == "heartbeat")
        #expect(try metrics(url)["tocsin_proof_served"] == 1)
        try socket.send(.close, [0x03, 0xE8])
        #expect(try socket.closeCode()?.rawValue == 1000)
        let isClosed = try Harness.wait {
            try metrics(url)["tocsin_proof_served"] == 0
        }
        #expect(isClosed)
        let hasLeft = try Harness.wait {
            try !redis(cluster, ["CLIENT", "LIST"]).contains("-proof-")
        }
        #expect(hasLeft, "no connection to Redis is left of it")
        for key in ["log", "ids", "counts", "meta"] {
            let time = try Int(
                redis(cluster, ["PTTL", "tocsin:{proof}:\(key)"]).filter { $0.isNumber || $0 == "-" })
            #expect((time ?? 0) > 0 && (time ?? 0) <= 600_000, "\(key): \(String(describing: time))")
        }
        // Until then it is all there for who comes again.
        try open(url)
        #expect(try get(url, "/api/threats/p-1?log=proof").status == 200)
    }

    @Test("two proofs of one deployment at once both find that every promise was kept")
    func twoAtOnce() throws {
        let cluster = try Harness.cluster(replicas: 2)
        let proofs = try (0..<2).map { _ in try startProof(cluster.urls, ["--threats", "200", "--rate", "100"]) }
        for proof in proofs {
            let verdict = try verdict(proof)
            #expect(verdict["acknowledged"]?.integerValue == 200)
            #expect(verdict["delivered"]?.integerValue == 1_200)
        }
        #expect(try get(cluster.urls[0], "/api/analytics").json?["total_threats"]?.integerValue == 0)
    }

    @Test("a proof while a replica is killed and comes back says what its clients went through, and what held")
    func replicaRestarts() throws {
        let cluster = try Harness.cluster(replicas: 2)
        let proof = try startProof(cluster.urls, ["--seconds", "8", "--rate", "100"])
        let victim = cluster.replicas[1]
        let isUnderWay = try Harness.wait {
            let figures = try metrics(victim.url)
            return figures["tocsin_proof_clients"] == 3
                && (figures["tocsin_proof_threats_accepted_total"] ?? 0) > 50
        }
        #expect(isUnderWay)
        victim.kill()
        try victim.start()
        try victim.waitUntilReady()
        let verdict = try verdict(proof)
        #expect((verdict["reconnects"]?.integerValue ?? 0) >= 3)
        #expect((verdict["acknowledged"]?.integerValue ?? 0) > 100)
        #expect(verdict["undelivered"]?.integerValue == 0)
        #expect(try get(victim.url, "/api/analytics").json?["total_threats"]?.integerValue == 0)
    }

    @Test(
        "a proof that is interrupted tells the truth about what was done until then, and leaves the threats alone")
    func interrupted() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let proof = try startProof([url], ["--threats", "1000000"])
        let isUnderWay = try Harness.wait {
            (try metrics(url)["tocsin_proof_threats_accepted_total"] ?? 0) > 50
        }
        #expect(isUnderWay)
        proof.send(signal: SIGINT)
        let verdict = try verdict(proof)
        #expect(verdict["interrupted"]?.boolValue == true)
        #expect((verdict["acknowledged"]?.integerValue ?? 0) > 50)
        #expect(try get(url, "/api/analytics").json?["total_threats"]?.integerValue == 0)
    }

    @Test("URLs of two deployments are told apart before anything is posted to either; --real-log posts on purpose")
    func deployments() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let other = try Harness.cluster(
            replicas: 1, sharing: cluster.redis, arguments: ["--redis-prefix", "other"])
        let urls = cluster.urls + other.urls
        let mixed = try startProof(urls, ["--threats", "10"])
        #expect(mixed.waitForEnd(atMost: Harness.deadline) == .exited(code: 64), "\(mixed.output)")
        #expect(mixed.output.contains("\(other.urls[0]) is no replica of the deployment that \(cluster.urls[0])"))
        for url in urls { #expect(try get(url, "/api/analytics").json?["total_threats"]?.integerValue == 0) }

        let real = try startProof(cluster.urls, ["--threats", "10", "--real-log"])
        #expect(real.waitForEnd(atMost: Harness.deadline) == .exited(code: 0), "\(real.output)")
        #expect(real.output.contains(#""log":"threats""#))
        #expect(try get(cluster.urls[0], "/api/analytics").json?["total_threats"]?.integerValue == 10)
    }

    @Test("a log that does not exist is refused with what is accepted, at every endpoint that has one")
    func unknownLog() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        let read = ["/api/threats", "/api/threats/an-id", "/api/analytics", "/api/threats/stream", "/ws"]
        let posted = ["/api/threats/trigger", "/api/threats/batch"]
        for query in ["log=default", "log=", "log=PROOF", "log=proof&log=proof"] {
            let threat = Array(#"{"threat_type":"malware"}"#.utf8)
            let answers =
                try read.map { try client.get("\($0)?\(query)") }
                + posted.map { try client.post("\($0)?\(query)", threat) }
            for answer in answers {
                #expect(answer.status == 400, "\(query)")
                #expect(answer.json?["detail"]?.stringValue?.hasPrefix("log ") == true, "\(answer.text)")
            }
        }
        #expect(try metrics(cluster.urls[0])["tocsin_proof_served"] == 0)
    }
}
