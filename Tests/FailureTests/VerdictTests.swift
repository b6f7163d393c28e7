import ClusterSupport
import FaultInjection
import Glibc
import HTTPProtocol
import PosixIO
import Testing
import TocsinClient

/// One replica of several event loops has one verdict, whichever of them is asked, and it is true.
@Suite(.processes) struct Verdicts {
    private let directory: TemporaryDirectory
    private let redis: LocalRedis

    init() throws {
        directory = try TemporaryDirectory()
        var options = LocalRedis.Options()
        options.port = try FreePort.find()
        redis = try LocalRedis(directory: directory.path, options: options)
        try redis.command("ACL", "SETUSER", "tocsin", "on", ">first", "~*", "&*", "+@all")
    }

    @Test("the password changes and links are lost: served through those that stand, refused as one when none does")
    func passwordChanged() throws {
        let replica = try replica()
        try redis.command("ACL", "SETUSER", "tocsin", "resetpass", ">second")
        try killLinks("-commands", count: 1)
        #expect(Self.waitForLog(replica, "link_down"))
        #expect(replica.child.output.contains("refuses the user or password"))
        try expectServing(replica.url)
        #expect(try FailureBench.metric("tocsin_redis_linked_loops", of: replica.url) == 2)
        #expect(Self.lines(replica, "redis_down") == 0)

        try killLinks("-commands", count: 2)
        try expectRefusing(replica.url, because: "refuses the user or password")
        #expect(Self.lines(replica, "redis_down") == 1)

        try redis.command("ACL", "SETUSER", "tocsin", ">first")
        try awaitReady(replica.url)
        try expectServing(replica.url)
        #expect(Self.lines(replica, "redis_up") == 2)
    }

    @Test("the link that follows the log is lost alone: every loop says so, once, and why")
    func followerLost() throws {
        let replica = try replica()
        try redis.command("ACL", "SETUSER", "tocsin", "resetpass", ">second")
        try killLinks("-follower", count: 1)
        try expectNotReady(replica.url, because: "refuses the user or password")
        #expect(Self.lines(replica, "redis_down") == 1)
        try redis.command("ACL", "SETUSER", "tocsin", ">first")
        try awaitReady(replica.url)
        try expectServing(replica.url)
    }

    @Test("a permission is taken away while a replica runs: not ready, by its name, and ready again with it")
    func permissionTakenAway() throws {
        let replica = try replica()
        for command in ["xtrim", "publish", "hgetall"] {
            try redis.command("ACL", "SETUSER", "tocsin", "-\(command)")
            try expectNotReady(replica.url, because: command)
            try redis.command("ACL", "SETUSER", "tocsin", "+\(command)")
            try awaitReady(replica.url)
            try expectServing(replica.url)
        }
        #expect(Self.lines(replica, "redis_down") == 3)
        // EVAL does what EVALSHA did, and what SCRIPT LOAD did.
        try redis.command("ACL", "SETUSER", "tocsin", "-evalsha")
        try expectServing(replica.url)
        try redis.command("ACL", "SETUSER", "tocsin", "+evalsha", "-script")
        try redis.command("SCRIPT", "FLUSH")
        try expectServing(replica.url)
        #expect(Self.lines(replica, "redis_down") == 3)
    }

    @Test("a cluster node that answers TRYAGAIN, ASK and MOVED: not ready, and why, until it serves the slot")
    func slotMoved() throws {
        let nodes = try ClusterNodes(directory.path)
        let key = "tocsin:{default}:meta"
        let slot = try nodes.first.command("CLUSTER", "KEYSLOT", key).number.map(String.init) ?? ""
        let replica = try replica(url: nodes.first.url)
        try expectServing(replica.url)

        try nodes.first.command("CLUSTER", "SETSLOT", slot, "MIGRATING", nodes.secondID)
        try nodes.first.command("DEL", "tocsin:{default}:counts")
        try expectRefusing(replica.url, because: "TRYAGAIN")
        try nodes.first.command("FLUSHALL")
        try expectRefusing(replica.url, because: "ASK")
        try nodes.first.command("CLUSTER", "SETSLOT", slot, "NODE", nodes.secondID)
        try expectRefusing(replica.url, because: "MOVED")
        try nodes.first.command("CLUSTER", "SETSLOT", slot, "NODE", nodes.firstID)
        try awaitReady(replica.url)
        #expect(Harness.wait(atMost: FailureBench.deadline) { (try? Self.post(replica.url)) == 201 })
        try expectServing(replica.url)
    }

    @Test(
        "the subscription is taken away for good: not ready, why, and posts are refused, each form of them, until it is back"
    )
    func subscriptionLost() throws {
        let replica = try replica(arguments: ["--subscription-grace-seconds", "1"])
        try loseSubscription()
        try expectRefusing(replica.url, because: "subscribe", down: "subscription")
        let answer = try Self.client(replica.url).post("/api/threats/trigger", Array(#"{"threat_type":"a"}"#.utf8))
        #expect(
            answer.headers.first("retry-after") == "1" && answer.text.contains("cannot follow the log"),
            "\(answer.text)")
        for (body, type) in [("[{\"threat_type\":\"a\"}]", "json"), ("{\"threat_type\":\"a\"}\n", "x-ndjson")] {
            let answer = try Self.client(replica.url).post(
                "/api/threats/batch", Array(body.utf8), contentType: "application/\(type)")
            #expect(answer.json?.elements?.map { $0["status"]?.integerValue } == [503], "\(answer.text)")
        }
        #expect(Self.waitForLog(replica, "posts_refused"))
        #expect(try FailureBench.metric("tocsin_log_unfollowed_seconds", of: replica.url) ?? 0 >= 1)
        try redis.command("ACL", "SETUSER", "tocsin", "+subscribe")
        try awaitReady(replica.url)
        try expectServing(replica.url)
        #expect(Self.lines(replica, "posts_refused") == 1, "\(replica.child.output)")
        #expect(try FailureBench.metric("tocsin_log_unfollowed_seconds", of: replica.url) == 0)
    }

    @Test("while the subscription is away clients get what is accepted all the same, from the log")
    func deliveredWithoutSubscription() throws {
        let replica = try replica(arguments: ["--subscription-grace-seconds", "0"])
        let fleet = try Harness.fleet([replica.url], clients: 1)
        defer { fleet.stop() }
        try loseSubscription()
        try expectNotReady(replica.url, because: "subscribe", down: "subscription")
        for index in 0..<5 {
            try Harness.trigger(replica.url, "{\"id\":\"away\(index)\",\"threat_type\":\"malware\"}")
            #expect(
                fleet.wait(atMost: FailureBench.deadline) { $0[0].deliveries.last?.threatID == "away\(index)" },
                "\(replica.child.output)")
        }
        #expect(try Self.client(replica.url).get("/ready").status == 503)
        #expect(fleet.record(0).resets.isEmpty)
    }

    @Test(
        "the log turns out to be another deployment's: refused and told, with whose it is, until it is the own one again"
    )
    func foreignLog() throws {
        let replica = try replica(arguments: ["--deployment", "red"])
        let meta = "tocsin:{default}:meta"
        try Harness.trigger(replica.url, #"{"threat_type":"test"}"#)
        #expect(try redis.command("HGET", meta, "deployment").text == "red")
        try redis.command("HSET", meta, "deployment", "blue")
        try expectRefusing(replica.url, because: "that of the deployment blue")
        let length = try redis.command("XLEN", "tocsin:{default}:log").number
        #expect(Self.lines(replica, "log_foreign") == 1)
        #expect(try FailureBench.metric("tocsin_log_foreign", of: replica.url) == 1)
        #expect(try Self.client(replica.url).get("/api/threats").status == 503)
        let proof = try Self.client(replica.url).get("/api/threats?log=proof")
        #expect(proof.status == 503 && proof.text.contains("deployment blue"))
        #expect(try redis.command("XLEN", "tocsin:{default}:log").number == length)
        try redis.command("HSET", meta, "deployment", "red")
        try awaitReady(replica.url)
        try expectServing(replica.url)
        #expect(Self.lines(replica, "log_own") == 1)
        #expect(try FailureBench.metric("tocsin_log_foreign", of: replica.url) == 0)
    }

    // MARK: - What is looked at

    private func loseSubscription() throws {
        try redis.command("ACL", "SETUSER", "tocsin", "-subscribe")
        try killLinks("-follower-sub", count: 1)
    }

    private static let loops = 3
    /// So many connections come to every loop, but for once in many thousand million runs.
    private static let connections = 60

    private func replica(url: String? = nil, arguments: [String] = []) throws -> LocalReplica {
        let port = try #require(redis.port)
        let replica = try LocalReplica(
            launcher: try Harness.program(), name: "replica",
            redisURL: url ?? "redis://tocsin:first@127.0.0.1:\(port)/0", directory: directory.path,
            arguments: ["--event-loops", "\(Self.loops)", "--log-format", "json"] + arguments)
        try replica.waitUntilReady()
        // What goes from here on is no failure of the start.
        #expect(Self.waitForLog(replica, "ready"))
        try awaitAllLinked(replica.url)
        return replica
    }

    private func awaitAllLinked(_ url: ServerURL) throws {
        let isLinked = try Harness.wait(atMost: FailureBench.deadline) {
            try FailureBench.metric("tocsin_redis_linked_loops", of: url) == Double(Self.loops)
        }
        #expect(isLinked)
    }

    private func killLinks(_ role: String, count: Int) throws {
        let list = try redis.command("CLIENT", "LIST").text ?? ""
        let links = list.split(separator: "\n").filter { $0.contains("\(role) ") }
        try #require(links.count >= count, "\(list)")
        for link in links.prefix(count) {
            let id = try #require(link.split(separator: " ").first { $0.hasPrefix("id=") }).dropFirst(3)
            try redis.command("CLIENT", "KILL", "ID", String(id))
        }
    }

    /// Every request of every kind is served, whichever loop it comes to.
    private func expectServing(_ url: ServerURL) throws {
        for _ in 0..<Self.connections {
            #expect(try Self.client(url).get("/ready").status == 200)
            #expect(try Self.post(url) == 201)
        }
        for path in ["/api/threats?limit=1", "/api/threats?limit=1&offset=1", "/api/analytics"] {
            for _ in 0..<Self.connections { #expect(try Self.client(url).get(path).status == 200) }
        }
        let batch = Array(#"[{"threat_type":"a"},{"threat_type":"b"}]"#.utf8)
        for _ in 0..<Self.connections {
            let answer = try Self.client(url).post("/api/threats/batch", batch)
            #expect(answer.json?.elements?.allSatisfy { $0["status"]?.integerValue == 201 } == true, "\(answer.text)")
        }
        #expect(try FailureBench.metric("tocsin_redis_up", of: url) == 1)
    }

    /// Every loop says that the replica is not ready, and why.
    private func expectNotReady(_ url: ServerURL, because reason: String, down part: String = "redis") throws {
        var text = ""
        let isSaid = try Harness.wait(atMost: FailureBench.deadline) {
            let answer = try Self.client(url).get("/ready")
            text = answer.text
            return answer.status == 503 && text.contains(reason)
        }
        #expect(isSaid, "\(text)")
        for _ in 0..<Self.connections {
            #expect(try Self.client(url).get("/ready").status == 503)
            #expect(try FailureBench.metric("tocsin_\(part)_up", of: url) == 0)
        }
    }

    private func expectRefusing(_ url: ServerURL, because reason: String, down part: String = "redis") throws {
        try expectNotReady(url, because: reason, down: part)
        #expect(
            try Harness.wait(atMost: FailureBench.deadline) {
                try (0..<Self.connections).allSatisfy { _ in try Self.post(url) == 503 }
            })
    }

    private func awaitReady(_ url: ServerURL) throws {
        #expect(try Harness.wait(atMost: FailureBench.deadline) { try Self.client(url).get("/ready").status == 200 })
    }

    private static func client(_ url: ServerURL) -> HTTPClient {
        HTTPClient(url, deadline: FailureBench.answerDeadline)
    }

    private static func post(_ url: ServerURL) throws -> Int {
        try client(url).post("/api/threats/trigger", Array(#"{"threat_type":"test"}"#.utf8)).status
    }

    private static func lines(_ replica: LocalReplica, _ event: String) -> Int {
        replica.child.output.split(separator: "\n").count { $0.contains("\"event\":\"\(event)\"") }
    }

    private static func waitForLog(_ replica: LocalReplica, _ event: String) -> Bool {
        Harness.wait(atMost: FailureBench.deadline) { lines(replica, event) > 0 }
    }
}

/// Two nodes of a Redis cluster; the first has all slots.
private struct ClusterNodes {
    let first: LocalRedis
    let second: LocalRedis
    let firstID: String
    let secondID: String

    init(_ directory: String) throws {
        let (port, bus) = (try FreePort.find(), try FreePort.find())
        first = try Self.node("\(directory)/first", port: try FreePort.find(), bus: try FreePort.find())
        second = try Self.node("\(directory)/second", port: port, bus: bus)
        try first.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        firstID = try first.command("CLUSTER", "MYID").text ?? ""
        secondID = try second.command("CLUSTER", "MYID").text ?? ""
        try first.command("CLUSTER", "MEET", "127.0.0.1", String(port), String(bus))
        let nodes = [first, second]
        let isFormed = Harness.wait(atMost: FailureBench.deadline) {
            nodes.allSatisfy { node in
                let info = (try? node.command("CLUSTER", "INFO").text) ?? ""
                return info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:2")
            }
        }
        try #require(isFormed)
    }

    private static func node(_ directory: String, port: UInt16, bus: UInt16) throws -> LocalRedis {
        guard mkdir(directory, 0o700) == 0 else { throw HarnessError("no directory \(directory)") }
        var options = LocalRedis.Options()
        options.port = port
        options.arguments = ["--cluster-enabled", "yes", "--cluster-port", String(bus)]
        return try LocalRedis(directory: directory, options: options)
    }
}
