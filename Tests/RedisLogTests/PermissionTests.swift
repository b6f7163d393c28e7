import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

/// A user of Redis who may do what docs/operations.md names, less or more.
private struct RestrictedRedis {
    let server: RedisServer
    let loop: TestLoop
    /// Of a user who may do everything.
    let operatorLink: RedisLink

    static let commands = [
        "+@connection", "+info", "+config|get", "+eval", "+evalsha", "+script", "+subscribe", "+publish", "+xadd",
        "+xdel", "+xlen", "+xrange", "+xrevrange", "+xtrim", "+hget", "+hset", "+hmget", "+hdel", "+hincrby",
        "+hgetall", "+time", "+pexpire",
    ]
    /// What the scripts cannot do without.
    static let needed = [
        "xadd", "xdel", "xlen", "xrange", "xrevrange", "xtrim", "hget", "hset", "hmget", "hdel", "hincrby", "hgetall",
        "time", "publish",
    ]

    init(keys: [String] = ["~tocsin:{default}:*"], channels: [String] = ["&tocsin:{default}:feed"]) throws {
        server = try RedisServer()
        loop = try TestLoop()
        operatorLink = loop.link(server.endpoint)
        let link = operatorLink
        try loop.run("operator connected") { link.isUp }
        try allow(["on", ">secret", "resetkeys"] + keys + ["resetchannels"] + channels + ["-@all"] + Self.commands)
    }

    var endpoint: RedisEndpoint {
        RedisEndpoint(location: .unix(path: server.socketPath), user: "tocsin", password: "secret")
    }

    func allow(_ rules: [String]) throws {
        let command = RedisCommand(arguments: (["ACL", "SETUSER", "tocsin"] + rules).map { Array($0.utf8) })
        let reply = try loop.value("ACL SETUSER") { done in operatorLink.send(command) { done($0) } }.get()
        guard reply.text == "OK" else { throw TimedOut(description: "ACL SETUSER was answered \(reply)") }
    }

    /// A client that is up already, or never will be.
    func client(retention: LogRetention = LogRetention()) throws -> LogClient {
        try loop.client(endpoint, retention: retention)
    }

    /// Connects and waits for why that does not lead anywhere.
    func refusal() throws -> String {
        let probe = loop.follower(endpoint)
        try loop.run("refused") { probe.follower.health.reason.contains("permission") }
        #expect(!probe.isReady)
        return probe.follower.health.reason
    }
}

@Suite("Permissions of the Redis user")
struct PermissionTests {
    @Test("a command that a script needs is missed at the connect, by its name", arguments: RestrictedRedis.needed)
    func missing(command: String) throws {
        let redis = try RestrictedRedis()
        try redis.allow(["-\(command)"])
        let reason = try redis.refusal()
        #expect(reason.contains("+\(command)") || reason.contains("'\(command)'"), "\(reason)")
    }

    @Test("all that is missing is named at once")
    func missingSeveral() throws {
        let redis = try RestrictedRedis()
        try redis.allow(["-xtrim", "-hdel", "-time"])
        #expect(try redis.refusal().contains("+xtrim +hdel +time"))
    }

    @Test("subscribing is missed by its name, and so are the channel and the keys")
    func subscribing() throws {
        let redis = try RestrictedRedis()
        try redis.allow(["-subscribe"])
        #expect(try redis.refusal().contains("'subscribe'"))
        try redis.allow(["+subscribe", "resetchannels"])
        let publishing = try redis.refusal()
        #expect(publishing.contains("+publish") && publishing.contains("&tocsin:{default}:feed"), "\(publishing)")
        try redis.allow(["&tocsin:{default}:feed", "resetkeys"])
        #expect(try redis.refusal().contains("keys"))
        try redis.allow(["~tocsin:{default}:log", "~tocsin:{default}:ids", "~tocsin:{default}:counts"])
        #expect(try redis.refusal().contains("keys"))
        try redis.allow(["~tocsin:{default}:meta"])
        let follower = redis.loop.follower(redis.endpoint)
        try redis.loop.run("ready") { follower.isReady }
    }

    @Test("without EVAL, SCRIPT and EVALSHA at once nothing runs, and one of them is named")
    func noScripts() throws {
        let redis = try RestrictedRedis()
        try redis.allow(["-eval", "-evalsha"])
        #expect(try redis.refusal().contains("'eval'"))
        try redis.allow(["+evalsha", "-script"])
        #expect(try redis.refusal().contains("'eval'"))
    }

    @Test(
        "what can be done without is done without: everything works, also after the server has forgotten the scripts",
        arguments: [
            ["-eval"], ["-evalsha"], ["-script"], ["-client"], ["-info"], ["-config|get"], ["-pexpire"],
            ["-script", "-evalsha"], ["-info", "-config|get", "-client", "-script"],
        ])
    func optional(rules: [String]) throws {
        let redis = try RestrictedRedis()
        try redis.allow(rules)
        let follower = redis.loop.follower(redis.endpoint, retention: LogRetention(entriesMax: 5))
        try redis.loop.run("ready") { follower.isReady }
        let client = try redis.client(retention: LogRetention(entriesMax: 5))
        for index in 0..<40 {
            guard case .success(.accepted) = try redis.loop.publish(client, record("a\(index)")) else {
                Issue.record("not accepted: a\(index)")
                return
            }
            if index == 20 { _ = try redis.loop.command(redis.operatorLink, "SCRIPT", "FLUSH") }
        }
        try redis.loop.run("delivered") { follower.entries.count == 40 }
        try redis.loop.run("trimmed") { (follower.follower.status?.retained ?? .max) <= 21 }
        #expect(follower.ids == (0..<40).map { "a\($0)" })
        guard case .success(.replayed) = try redis.loop.publish(client, record("a39")) else {
            Issue.record("not told apart from a new one")
            return
        }
        let figures: Result<LogAnalytics, LogError> = try redis.loop.value("analytics") { done in
            client.analytics { done($0) }
        }
        #expect(try figures.get().acceptedTotal == 40)
    }

    @Test(
        "a permission taken away while it runs: each publish is kept and published whole, or not at all",
        arguments: RestrictedRedis.needed)
    func takenAway(command: String) throws {
        let redis = try RestrictedRedis()
        let reader = redis.loop.follower(redis.server.endpoint)
        try redis.loop.run("reader ready") { reader.isReady }
        let client = try redis.client(retention: LogRetention(entriesMax: 5))
        _ = try redis.loop.publish(client, record("first"))
        try redis.allow(["-\(command)"])
        var kept = ["first"]
        for index in 0..<30 {
            // Alone and together: the script has a way for each.
            let ids = index.isMultiple(of: 2) ? ["a\(index)"] : ["a\(index)", "b\(index)"]
            let results: [PublishResult] = try redis.loop.value("publish") { done in
                client.publish(batch: ids.map { record($0) }, completion: done)
            }
            for (id, result) in zip(ids, results) {
                if case .success = result { kept.append(id) }
            }
        }
        try redis.allow(["+\(command)"])
        try redis.loop.run("up again") { client.isUp }
        _ = try redis.loop.publishEventually(client, record("last"))
        kept.append("last")
        try redis.loop.run("delivered") { reader.ids.contains("last") }
        #expect(reader.ids == kept)
        let figures: Result<LogAnalytics, LogError> = try redis.loop.value("analytics") { done in
            client.analytics { done($0) }
        }
        let analytics = try figures.get()
        #expect(analytics.acceptedTotal == UInt64(kept.count))
        #expect(analytics.counts.values.reduce(0, +) == analytics.retained)
        let ids = try redis.loop.command(redis.operatorLink, "HLEN", "tocsin:{default}:ids").integer
        #expect(ids == Int64(analytics.retained))
    }

    @Test("a follower whose scripts are refused is not up, says why, and is up again when they no longer are")
    func refusedWhileFollowing() throws {
        let redis = try RestrictedRedis()
        let follower = redis.loop.follower(redis.endpoint)
        try redis.loop.run("ready") { follower.isReady }
        try redis.allow(["-xtrim"])
        try redis.loop.run("refused") { follower.follower.health.reason.contains("+xtrim") }
        #expect(!follower.follower.health.redisUp)
        try redis.allow(["+xtrim"])
        try redis.loop.run("ready again") { follower.isReady }
    }

    @Test("keys that hold something else are named, and the log is not followed")
    func foreignKeys() throws {
        let redis = try RestrictedRedis()
        _ = try redis.loop.command(redis.operatorLink, "SET", "tocsin:{default}:counts", "x")
        let follower = redis.loop.follower(redis.endpoint)
        try redis.loop.run("refused") { follower.follower.health.reason.contains("tocsin:{default}:counts holds") }
        #expect(!follower.follower.health.redisUp)
    }

    @Test("a log whose calls fail for another reason is not up, though the link is")
    func failingCalls() throws {
        let redis = try RestrictedRedis()
        let follower = redis.loop.follower(redis.endpoint)
        try redis.loop.run("ready") { follower.isReady }
        _ = try redis.loop.command(redis.operatorLink, "SET", "tocsin:{default}:meta", "x")
        try redis.loop.run("noticed") { follower.follower.health.reason.contains("another type than the log's") }
        #expect(!follower.follower.health.redisUp)
        _ = try redis.loop.command(redis.operatorLink, "DEL", "tocsin:{default}:meta")
        try redis.loop.run("ready again") { follower.isReady }
    }

    @Test("the rehearsal changes nothing")
    func changesNothing() throws {
        let redis = try RestrictedRedis()
        let client = try redis.client()
        _ = try redis.loop.publish(client, record("a"))
        let before = try redis.loop.command(redis.operatorLink, "INFO", "persistence").text ?? ""
        for _ in 0..<3 { _ = try redis.client() }
        let after = try redis.loop.command(redis.operatorLink, "INFO", "persistence").text ?? ""
        func changes(_ text: String) -> Substring? {
            text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("rdb_changes_since_last_save:") }
        }
        #expect(changes(before) == changes(after))
        #expect(changes(before) != nil)
        #expect(try redis.loop.command(redis.operatorLink, "DBSIZE").integer == 4)
    }

    @Test("without INFO a restart of the server is noticed, and a new connection is none")
    func restartWithoutInfo() throws {
        let redis = try RestrictedRedis()
        try redis.allow(["-info"])
        let loop = redis.loop
        func generation(_ client: LogClient, _ id: String) throws -> UInt64? {
            guard case .success(.accepted(let cursor)) = try loop.publishEventually(client, record(id)) else {
                return nil
            }
            return cursor.generation
        }
        let client = try redis.client()
        let first = try #require(try generation(client, "a"))
        #expect(try generation(try redis.client(), "b") == first)
        #expect(try generation(client, "c") == first)
        redis.server.crash()
        try loop.run("down") { !client.isUp && !redis.operatorLink.isUp }
        try redis.server.start()
        try loop.run("operator connected") { redis.operatorLink.isUp }
        try redis.allow(
            ["on", ">secret", "~tocsin:{default}:*", "&tocsin:{default}:feed", "-@all"] + RestrictedRedis.commands
                + ["-info"])
        try loop.run("up") { client.isUp }
        let second = try #require(try generation(client, "d"))
        #expect(second > first)
        #expect(try generation(try redis.client(), "e") == second)
    }

    @Test("a follower that has lost both of its links reads the log through another client of its loop")
    func substitute() throws {
        let redis = try RestrictedRedis()
        let loop = redis.loop
        let other = try loop.client(redis.server.endpoint)
        let probe = loop.follower(redis.endpoint)
        probe.follower.substitute = other
        try loop.run("ready") { probe.isReady }
        try redis.allow(["off"])
        _ = try loop.command(redis.operatorLink, "CLIENT", "KILL", "USER", "tocsin")
        try loop.run("both are gone") { !probe.follower.client.isUp && !probe.follower.subscription.isUp }
        for id in ["a", "b"] {
            _ = try loop.publish(other, record(id)).get()
            try loop.run("delivered") { probe.ids.last == id }
        }
        #expect(!probe.isReady)
        try redis.allow(["on"])
        try loop.run("ready again") { probe.isReady }
        _ = try loop.publish(other, record("c")).get()
        try loop.run("delivered") { probe.ids == ["a", "b", "c"] }
        #expect(probe.resets.isEmpty)
    }

    @Test("who is served INFO and who is not do not take the log out of each other's hands")
    func withAndWithoutInfo() throws {
        let redis = try RestrictedRedis()
        let loop = redis.loop
        func generation(_ client: LogClient, _ id: String) throws -> UInt64 {
            guard case .success(.accepted(let cursor)) = try loop.publishEventually(client, record(id)) else {
                throw TimedOut(description: "\(id) is not accepted")
            }
            return cursor.generation
        }
        let served = try loop.client(redis.server.endpoint, limits: TestLoop.returning)
        let first = try generation(served, "a")
        try redis.allow(["-info"])
        let unserved = try redis.client()
        // It cannot know that the process is still the one that the log names.
        let moved = try generation(unserved, "b")
        #expect(moved > first)
        for round in 0..<3 {
            #expect(try generation(served, "served\(round)") == moved)
            #expect(try generation(unserved, "unserved\(round)") == moved)
            #expect(try generation(try loop.client(redis.server.endpoint), "new-served\(round)") == moved)
            #expect(try generation(try redis.client(), "new-unserved\(round)") == moved)
        }
        // What no mark tells, INFO does: another server might have taken over in between.
        _ = try loop.command(redis.operatorLink, "REPLICAOF", "127.0.0.1", "1")
        _ = try loop.command(redis.operatorLink, "REPLICAOF", "NO", "ONE")
        served.link.reconnect(reason: "test")
        try loop.run("up again") { served.isUp }
        let taken = try generation(served, "c")
        #expect(taken > moved)
        let settled = try generation(unserved, "d")
        #expect(try generation(served, "e") == settled)
        #expect(try generation(unserved, "f") == settled)
    }
}

@Suite("Errors of scripts")
struct ScriptErrorTests {
    static let digest = String(repeating: "0123456789", count: 4)

    @Test(
        "an error in a script keeps its own text, in the words of every version",
        arguments: [
            // 7.0
            (
                "ERR",
                "The user executing the script can't run this command or subcommand script: DIGEST, on @user_script:9.",
                "NOPERM", "The user executing the script can't run this command or subcommand"
            ),
            (
                "OOM", "command not allowed when used memory > 'maxmemory'. script: DIGEST, on @user_script:1.", "OOM",
                "command not allowed when used memory > 'maxmemory'."
            ),
            // 7.2 and Valkey
            (
                "NOPERM",
                "ACL failure in script: User tocsin has no permissions to run the 'time' command script: DIGEST, on @user_script:12.",
                "NOPERM", "ACL failure in script: User tocsin has no permissions to run the 'time' command"
            ),
            // 6.2
            (
                "ERR",
                "Error running script (call to f_DIGEST): @user_script:7: @user_script: 7: -OOM command not allowed",
                "OOM", "command not allowed"
            ),
            (
                "ERR",
                "Error running script (call to f_DIGEST): @user_script:3: WRONGTYPE Operation against a key",
                "WRONGTYPE", "Operation against a key"
            ),
            // No script had part in it.
            ("ERR", "a script: with a colon", "ERR", "a script: with a colon"),
            ("LOADING", "Redis is", "LOADING", "Redis is"),
            ("ERR", "", "ERR", ""),
        ])
    func formats(code: String, message: String, expectedCode: String, expectedMessage: String) {
        let error = ScriptError(code: code, message: message.replacing("DIGEST", with: Self.digest))
        #expect(error.code == expectedCode)
        #expect(error.message == expectedMessage)
    }
}
