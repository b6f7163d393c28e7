import ClusterSupport
import FaultInjection
import Glibc
import PosixIO
import TestSupport
import Testing
import ThreatFeed
import TocsinClient

/// `tocsin bench`: what it reports about deployments that are well, disturbed, or lie.
@Suite(.processes) struct Bench {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// A deployment that is posted to as fast as it answers. Its Redis keeps nothing on disk: a disk that others keep
    /// busy makes it silent for seconds, which refuses posts rightly.
    private func unhinderedCluster(replicas: Int) throws -> LocalCluster {
        var options = LocalRedis.Options()
        options.durability = .none
        return try Harness.cluster(
            replicas: replicas, sharing: try LocalRedis(directory: directory.path, options: options))
    }

    private func start(_ urls: [ServerURL], _ arguments: [String]) throws -> LocalProcess {
        try LocalProcess(
            try Harness.program(), ["bench"] + arguments + urls.flatMap { ["--url", $0.description] },
            environment: ["HOME=\(directory.path)"],
            outputPath: "\(directory.path)/bench-\(UInt64.random(in: 0...UInt64.max))")
    }

    /// Waits for a load that was started with `--json`.
    private func figures(_ load: LocalProcess, code: Int32 = 0) throws -> JSONValue {
        let ending = load.waitForEnd(atMost: Harness.deadline)
        try #require(ending == .exited(code: code), "\(load.output)")
        // Both streams lie in one file: what is said on the way, for people, comes before.
        let line = try #require(load.output.split(separator: "\n").last)
        return try JSONValue(parsing: Array(line.utf8))
    }

    private func number(_ figures: JSONValue, _ name: String) throws -> Int {
        try #require(figures[name]?.integerValue, "\(name)")
    }

    /// What must hold of a load that nobody disturbed.
    private func expectKept(_ figures: JSONValue, clients: Int) throws {
        let posted = try number(figures, "posted")
        #expect(posted > 0)
        #expect(figures["kept"]?.boolValue == true)
        #expect(try number(figures, "connected") == clients)
        #expect(try number(figures, "owed") == posted * clients)
        #expect(try number(figures, "deliveries") == posted * clients)
        #expect(try number(figures, "refused") == 0, "\(figures["first_refusal"]?.stringValue ?? "")")
        // The rate may be too high for the machine, which is told in `unsent`.
        for name in [
            "failed", "unanswered", "lost", "still_coming", "not_awaited", "duplicates",
            "disorder", "gaps", "disconnects", "resets",
        ] {
            #expect(try number(figures, name) == 0, "\(name)")
        }
        for name in ["post_ms", "delivery_ms", "last_receipt_ms"] {
            let values = try ["p50", "p90", "p99", "p99_9", "max"].map { part in
                try #require(milliseconds(figures[name]?[part]), "\(name) \(part)")
            }
            #expect(values == values.sorted(), "\(name)")
            #expect(values[0] > 0, "\(name)")
        }
    }

    private func milliseconds(_ value: JSONValue?) -> Double? {
        guard case .number(let text)? = value else { return nil }
        return Double(text)
    }

    @Test(
        "in every form of the feed each threat comes to every client, once and in order",
        arguments: [
            [], ["--sse"], ["--deflate"], ["--filters", "7"], ["--batch", "20"], ["--size", "20000"],
            ["--threads", "3"], ["--rate", "100", "--size", "128"],
        ])
    func forms(arguments: [String]) throws {
        let cluster = try unhinderedCluster(replicas: 2)
        let load = try start(
            cluster.urls, ["--json", "--real-log", "--clients", "24", "--seconds", "1"] + arguments)
        let figures = try figures(load)
        try expectKept(figures, clients: 24)
        // The deployment says the same.
        let analytics = try Harness.client(cluster.urls[0]).get("/api/analytics").json
        #expect(analytics?["total_threats"]?.integerValue == (try number(figures, "posted")))
        for url in cluster.urls {
            let text = try Harness.client(url).get("/metrics").text
            #expect(!text.contains("tocsin_threats_accepted_total 0\n"), "\(url) got no posts")
        }
    }

    @Test("the load goes to the log for proofs, which nobody sees, unless --real-log is given")
    func proofLog() throws {
        let cluster = try Harness.cluster(replicas: 2)
        let figures = try figures(
            try start(cluster.urls, ["--json", "--clients", "4", "--rate", "50", "--seconds", "1"]))
        try expectKept(figures, clients: 4)
        #expect(figures["log"]?.stringValue == "proof")
        #expect(figures["rate"] == .number("50.000"))
        #expect(try number(figures, "posted") + number(figures, "unsent") == 50)
        let analytics = try Harness.client(cluster.urls[0]).get("/api/analytics").json
        #expect(analytics?["total_threats"]?.integerValue == 0)
    }

    @Test("over TLS it trusts the authority that is named, and no other")
    func tls() throws {
        let tls = try TLSReplica()
        let arguments = ["--json", "--clients", "8", "--rate", "40", "--seconds", "1"]
        let trusting = try start([tls.url], arguments + ["--tls-ca", tls.authority.certificatePath])
        try expectKept(try figures(trusting), clients: 8)
        let refusing = try start([tls.url], arguments)
        #expect(refusing.waitForEnd(atMost: Harness.deadline) == .exited(code: 69))
        withExtendedLifetime(tls) {}
    }

    @Test("without clients it measures the posts alone")
    func posts() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let figures = try figures(
            try start(cluster.urls, ["--json", "--clients", "0", "--publishers", "40", "--seconds", "1"]))
        #expect(try number(figures, "posted") > 0)
        #expect(try number(figures, "owed") == 0)
        #expect(figures["delivery_ms"]?["p50"] == .null)
        withExtendedLifetime(cluster) {}
    }

    @Test("bytes may come in any pieces", arguments: [[], ["--sse"], ["--deflate"]])
    func slices(arguments: [String]) throws {
        let cluster = try Harness.cluster(replicas: 1)
        let proxy = try proxy(to: cluster)
        proxy.set(.slice(bytes: 97), .toClient)
        let load = try start(
            [url(of: proxy)],
            ["--json", "--real-log", "--clients", "5", "--rate", "30", "--seconds", "1"] + arguments)
        try expectKept(try figures(load), clients: 5)
        withExtendedLifetime((cluster, proxy)) {}
    }

    @Test("clients that are cut off resume, and nothing is lost", arguments: [[], ["--sse"]])
    func cut(arguments: [String]) throws {
        let cluster = try Harness.cluster(replicas: 1)
        let proxy = try proxy(to: cluster)
        let load = try start(
            [url(of: proxy)],
            ["--json", "--real-log", "--clients", "10", "--rate", "100", "--seconds", "600"] + arguments)
        try awaitPosts(cluster, 50)
        let accepted = proxy.acceptedCount
        proxy.cut()
        let areBack = Harness.wait { proxy.acceptedCount >= accepted + 10 }
        #expect(areBack)
        try awaitPosts(cluster, try totalThreats(cluster) + 50)
        load.send(signal: SIGINT)
        let figures = try figures(load)
        #expect(try number(figures, "disconnects") >= 10)
        #expect(try number(figures, "lost") == 0)
        #expect(try number(figures, "deliveries") == (try number(figures, "posted")) * 10)
        #expect(figures["kept"]?.boolValue == true)
        withExtendedLifetime((cluster, proxy)) {}
    }

    @Test("posts that are refused for the moment are posted again, and the first answer says why")
    func refused() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let load = try start(
            cluster.urls, ["--json", "--real-log", "--clients", "3", "--rate", "100", "--seconds", "600"])
        try awaitPosts(cluster, 20)
        let refusals = try refusals(cluster)
        _ = try cluster.redis.command("CONFIG", "SET", "maxmemory", "1")
        let areRefused = try Harness.wait { try self.refusals(cluster) > refusals }
        #expect(areRefused)
        _ = try cluster.redis.command("CONFIG", "SET", "maxmemory", "0")
        try awaitPosts(cluster, try totalThreats(cluster) + 20)
        load.send(signal: SIGINT)
        let figures = try figures(load)
        #expect(try number(figures, "refused") > 0)
        let reason = try #require(figures["first_refusal"]?.stringValue)
        #expect(reason.hasPrefix("answered 503: ") && reason.contains("maxmemory"), "\(reason)")
        #expect(figures["kept"]?.boolValue == true)
        withExtendedLifetime(cluster) {}
    }

    @Test("a deployment that loses, repeats or reorders is found out: exit code 1", arguments: Lie.allCases)
    func lies(lie: Lie) throws {
        let cluster = try Harness.cluster(replicas: 1)
        let proxy = try proxy(to: cluster, [lie.rewrite])
        let load = try start(
            [url(of: proxy), cluster.urls[0]],
            ["--json", "--real-log", "--clients", "6", "--threads", "1", "--rate", "40", "--seconds", "600"])
        // More than the one that is changed.
        try awaitPosts(cluster, 30)
        load.send(signal: SIGINT)
        let figures = try figures(load, code: 1)
        #expect(figures["kept"]?.boolValue == false)
        let posted = try number(figures, "posted")
        #expect(posted > 30)
        switch lie {
        case .nothingComes:
            #expect(try number(figures, "lost") == posted * 3)
        case .oneIsAnother:
            #expect(try number(figures, "lost") == 3)
            #expect(try number(figures, "gaps") >= 3)
            #expect(try number(figures, "duplicates") == 3)
        case .oneIsLate:
            #expect(try number(figures, "disorder") == 3)
            #expect(try number(figures, "lost") == 3)
        case .oneIsElse:
            #expect(try number(figures, "disorder") >= 3)
        }
        withExtendedLifetime((cluster, proxy)) {}
    }

    /// How a proxy changes what half of the clients receive.
    enum Lie: CaseIterable {
        case nothingComes, oneIsAnother, oneIsLate, oneIsElse

        var rewrite: ByteRewrite {
            switch self {
            case .nothingComes: ByteRewrite("new_threat", with: "old_threat", .toClient)
            case .oneIsAnother: ByteRewrite(#"-22","data":"#, with: #"-21","data":"#, .toClient)
            case .oneIsLate: ByteRewrite(#"-22","data":"#, with: #"-11","data":"#, .toClient)
            case .oneIsElse: ByteRewrite("-22.", with: "-12.", .toClient)
            }
        }
    }

    @Test("Ctrl-C ends the load early, with the figures until then")
    func interrupted() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let load = try start(
            cluster.urls, ["--json", "--real-log", "--clients", "3", "--rate", "20", "--seconds", "600"])
        try awaitPosts(cluster, 5)
        load.send(signal: SIGINT)
        let figures = try figures(load)
        #expect(figures["interrupted"]?.boolValue == true)
        #expect(try number(figures, "posted") > 5)
        #expect(try number(figures, "lost") == 0)
        withExtendedLifetime(cluster) {}
    }

    @Test("a second interruption ends the wait for deliveries: what is missing was not awaited, which is no loss")
    func interruptedWait() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let proxy = try proxy(to: cluster, [Lie.nothingComes.rewrite])
        let load = try start(
            [url(of: proxy)], ["--json", "--real-log", "--clients", "3", "--rate", "20", "--seconds", "600"])
        try awaitPosts(cluster, 10)
        interruptTwice(load)
        let figures = try figures(load)
        let posted = try number(figures, "posted")
        #expect(posted > 5)
        #expect(try number(figures, "lost") == 0)
        #expect(try number(figures, "not_awaited") == posted * 3)
        #expect(figures["kept"]?.boolValue == false)
        #expect(figures["interrupted"]?.boolValue == true)
        withExtendedLifetime((cluster, proxy)) {}
    }

    @Test("a second interruption ends the wait for answers, and the posts count as neither kept nor failed")
    func interruptedPosts() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let proxy = try proxy(to: cluster)
        let load = try start(
            [url(of: proxy)],
            [
                "--json", "--real-log", "--clients", "0", "--publishers", "4", "--rate", "100", "--seconds", "600",
            ])
        try awaitPosts(cluster, 20)
        proxy.set(.drop, .toClient)
        // From here on each publisher posts once more and hears nothing.
        let isSilent = Harness.wait { proxy.droppedBytes > 0 }
        try #require(isSilent)
        interruptTwice(load)
        let figures = try figures(load)
        #expect(try number(figures, "posted") > 5)
        #expect((1...4).contains(try number(figures, "unanswered")))
        #expect(try number(figures, "failed") == 0)
        withExtendedLifetime((cluster, proxy)) {}
    }

    @Test("URLs of two deployments are refused before anything is posted, also for the log of the deployment")
    func twoDeployments() throws {
        let clusters = try (0..<2).map { _ in try Harness.cluster(replicas: 1) }
        let urls = clusters.flatMap(\.urls)
        for url in urls { try Harness.trigger(url, #"{"threat_type":"x"}"#) }
        let load = try start(urls, ["--real-log", "--clients", "2", "--seconds", "1"])
        #expect(load.waitForEnd(atMost: Harness.deadline) == .exited(code: 64), "\(load.output)")
        #expect(
            load.output.contains("\(urls[1]) is no replica of the deployment that \(urls[0])"), "\(load.output)")
        for url in urls {
            let analytics = try Harness.client(url).get("/api/analytics").json
            #expect(analytics?["total_threats"]?.integerValue == 1)
        }
        withExtendedLifetime(clusters) {}
    }

    @Test("for people it prints a table, and says how it goes on the way")
    func table() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let load = try start(cluster.urls, ["--clients", "3", "--rate", "20", "--seconds", "6"])
        let ending = load.waitForEnd(atMost: Harness.deadline)
        #expect(ending == .exited(code: 0))
        let output = load.output
        for text in [
            "3 clients (WebSocket)", "20.0 threats/s", " threats", "0 lost", "p99.9", "post to last receipt",
            " of 6 s: ", "deliveries/s", "every acknowledged threat came to every client, once and in order",
        ] {
            #expect(output.contains(text), "\(text) is not in: \(output)")
        }
        withExtendedLifetime(cluster) {}
    }

    @Test(
        "a wrong command line ends with 64 and one line that names what is wrong",
        arguments: [
            (["--clients", "20001"], "--clients must be"), (["--rate", "0"], "--rate must be"),
            (["--rate", "1e-10"], "--rate must be a number from 0.001"), (["--rate", "nan"], "--rate must be"),
            (["--seconds", "601"], "--seconds must be"), (["--size", "127"], "--size must be"),
            (["--batch", "1000", "--size", "2000"], "1 MiB"), (["--sse", "--deflate"], "exclude each other"),
            (["--url", "ftp://x"], "wss://"), (["--publishers", "0"], "--publishers must be"),
        ] as [([String], String)])
    func wrongCommandLine(arguments: [String], expected: String) throws {
        let load = try start([], arguments)
        #expect(load.waitForEnd(atMost: Harness.deadline) == .exited(code: 64), "\(load.output)")
        #expect(load.output.contains(expected), "\(load.output)")
        #expect(load.output.split(separator: "\n").count == 1, "\(load.output)")
    }

    @Test("what cannot be done ends with 69 and says why")
    func unavailable() throws {
        let nobody = try FreePort.find()
        let load = try start([ServerURL(host: "127.0.0.1", port: nobody)], [])
        #expect(load.waitForEnd(atMost: Harness.deadline) == .exited(code: 69))
        #expect(load.output.contains("Connection refused"), "\(load.output)")
        let cluster = try Harness.cluster(replicas: 1)
        let limited = try LocalProcess(
            "sh",
            [
                "-c", #"ulimit -n 100 && exec "$0" "$@""#, try Harness.program(), "bench", "--clients", "500",
                "--threads",
                "3", "--url", cluster.urls[0].description,
            ], outputPath: "\(directory.path)/limited")
        #expect(limited.waitForEnd(atMost: Harness.deadline) == .exited(code: 69))
        #expect(limited.output.contains("may open 100 files and needs 586"), "\(limited.output)")
        withExtendedLifetime(cluster) {}
    }

    /// Waits until more than `count` threats of a load are kept.
    private func awaitPosts(_ cluster: LocalCluster, _ count: Int) throws {
        let isUnderWay = try Harness.wait { try totalThreats(cluster) > count }
        try #require(isUnderWay)
    }

    /// Answers of 503 so far; a few are given while a replica starts.
    private func refusals(_ cluster: LocalCluster) throws -> Int {
        let text = try Harness.client(cluster.urls[0]).get("/metrics").text
        let name = #"tocsin_http_responses_total{class="5xx"} "#
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name) })
        return try #require(Int(line.dropFirst(name.count)))
    }

    private func totalThreats(_ cluster: LocalCluster) throws -> Int {
        try Harness.client(cluster.urls[0]).get("/api/analytics").json?["total_threats"]?.integerValue ?? 0
    }

    /// Two different signals: the same one counts once until it is taken.
    private func interruptTwice(_ load: LocalProcess) {
        load.send(signal: SIGINT)
        load.send(signal: SIGTERM)
    }

    private func proxy(to cluster: LocalCluster, _ rewrites: [ByteRewrite] = []) throws -> FaultProxy {
        let target = try #require(try cluster.urls[0].addresses().first)
        return try FaultProxy(to: target, rewrites: rewrites)
    }

    private func url(of proxy: FaultProxy) -> ServerURL { ServerURL(host: "127.0.0.1", port: proxy.port) }
}
