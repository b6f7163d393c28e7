import Glibc
import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

@Suite("Failures of Redis")
struct FailureTests {
    static let quick = LinkLimits(
        connectTimeout: .milliseconds(500), answerTimeout: .milliseconds(200), backoffMax: .milliseconds(100))

    @Test("a server that stops answering fails what waits, in order, and the link comes back by itself")
    func stopped() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint, limits: Self.quick)
        _ = try loop.publish(client, record("before"))
        server.send(signal: SIGSTOP)
        var failed: [String] = []
        for id in ["a", "b", "c"] {
            client.publish(record(id)) { result in
                if case .failure(.unavailable(let reason)) = result, reason.contains("no answer") { failed.append(id) }
            }
        }
        try loop.run("timed out") { failed.count == 3 }
        #expect(failed == ["a", "b", "c"])
        #expect(!client.isUp)
        server.send(signal: SIGCONT)
        try loop.run("up again") { client.isUp }
        // The first answers may come too late for such a short wait, and count as none.
        #expect(throws: Never.self) { try loop.publishEventually(client, record("after")).get() }
    }

    @Test("without a connection a publish fails at once, and the reason names the server's state")
    func absent() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint, limits: Self.quick)
        server.crash()
        try loop.run("down") { !client.isUp }
        guard case .failure(.unavailable(let reason)) = try loop.publish(client, record("a")) else {
            Issue.record("published without Redis")
            return
        }
        #expect(reason.contains("not connected to Redis"))
    }

    @Test("a wrong or missing password is told apart, a right one with database and name works")
    func passwords() throws {
        let server = try RedisServer(["--requirepass", "geheim"])
        let loop = try TestLoop()
        let anonymous = loop.link(server.endpoint, limits: Self.quick)
        try loop.run("refused") { anonymous.downReason == "Redis asks for a password" }
        let wrong = loop.link(
            RedisEndpoint(location: .unix(path: server.socketPath), password: "x"), limits: Self.quick)
        try loop.run("refused") { wrong.downReason == "Redis refuses the user or password" }
        let right = loop.link(
            RedisEndpoint(location: .unix(path: server.socketPath), user: "default", password: "geheim", database: 2))
        try loop.run("up") { right.isUp }
        let info = try loop.command(right, "CLIENT", "INFO").bytes ?? []
        let text = String(decoding: info, as: UTF8.self)
        #expect(text.contains(" name=test-link "))
        #expect(text.contains(" db=2 "))
    }

    @Test("a read-only replica is named and not used; once it is the master it is")
    func readOnly() throws {
        let server = try RedisServer(["--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "yes"])
        let loop = try TestLoop()
        let link = loop.link(server.endpoint, limits: Self.quick)
        try loop.run("refused") { link.downReason == "Redis is a read-only replica" }
        #expect(!link.isUp)
        let operatorLink = loop.link(server.endpoint, mode: .subscriber)
        try loop.run("connected") { operatorLink.isUp }
        _ = try loop.command(operatorLink, "REPLICAOF", "NO", "ONE")
        try loop.run("used") { link.isUp }
        #expect(link.server?.keepsAllAnswered == false)
    }

    @Test("a server that is demoted is left within a probe")
    func demoted() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(
            server.endpoint, limits: LinkLimits(answerTimeout: TestLoop.patience, probeInterval: .milliseconds(50)))
        try loop.run("up") { link.isUp }
        #expect(link.server?.keepsAllAnswered == true)
        _ = try loop.command(link, "REPLICAOF", "127.0.0.1", "1")
        try loop.run("left") { !link.isUp && link.downReason == "Redis is a read-only replica" }
    }

    @Test("an idle link notices within its times that the server has stopped answering")
    func idleServerStops() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let limits = LinkLimits(answerTimeout: .milliseconds(300), probeInterval: .milliseconds(50))
        let commands = loop.link(server.endpoint, limits: limits)
        let subscriber = loop.link(server.endpoint, mode: .subscriber, limits: limits)
        try loop.run("up") { commands.isUp && subscriber.isUp }
        server.send(signal: SIGSTOP)
        defer { server.send(signal: SIGCONT) }
        try loop.run("noticed") { !commands.isUp && !subscriber.isUp }
    }

    @Test("a command that is sent at the end of a long turn has all its time for an answer")
    func sentLate() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let limits = LinkLimits(answerTimeout: TestLoop.patience)
        let link = loop.link(server.endpoint, limits: limits)
        try loop.run("up") { link.isUp }
        let now = MonotonicTime.now
        var answer: Result<RedisReply, LinkError>?
        link.send(RedisCommand("PING")) { answer = $0 }
        link.flush(now: MonotonicTime(nanoseconds: now.nanoseconds - limits.answerTimeout.nanoseconds))
        link.tick(now: now)
        try loop.run("answered") { answer != nil }
        #expect(try answer?.get().text == "PONG")
    }

    @Test("out of memory: unavailable, nothing kept, nothing broadcast")
    func outOfMemory() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        let subscriber = loop.link(server.endpoint, mode: .subscriber)
        var messages = 0
        var subscribed = false
        subscriber.onPush = { push in
            if push.first?.bytes == Array("message".utf8) { messages += 1 } else { subscribed = true }
        }
        try loop.run("subscriber up") { subscriber.isUp }
        subscriber.sendUnanswered(RedisCommand("SUBSCRIBE", LogKeys().feed))
        try loop.run("subscribed") { subscribed }
        _ = try loop.publish(client, record("a"))
        try loop.run("first message") { messages == 1 }
        _ = try loop.command(client.link, "CONFIG", "SET", "maxmemory", "1")
        #expect(
            try loop.publish(client, record("b"))
                == .failure(.unavailable(reason: "Redis is out of memory (maxmemory)")))
        _ = try loop.command(client.link, "CONFIG", "SET", "maxmemory", "0")
        try expectNothingLeftBehind(loop, client.link, retained: 1)
        _ = try loop.publish(client, record("c"))
        try loop.run("last message") { messages >= 2 }
        #expect(messages == 2)
    }

    @Test("a client that is stopped answers everything that waits, also what was never sent")
    func stoppedClient() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        var results: [PublishResult] = []
        client.publish(record("sent")) { results.append($0) }
        client.flush(now: .now)
        client.publish(record("queued")) { results.append($0) }
        client.stop()
        #expect(results.count == 2)
        for result in results { #expect(throws: LogError.self) { try result.get() } }
    }

    @Test("a call that Redis does not answer holds the next one back for half a millisecond and no longer")
    func gathering() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        var answered = 0
        server.send(signal: SIGSTOP)
        let sent = MonotonicTime.now
        client.publish(record("sent")) { _ in answered += 1 }
        client.flush(now: sent)
        client.publish(record("gathered")) { _ in answered += 1 }
        client.flush(now: sent + .microseconds(499))
        #expect(client.nextDeadline == sent + .microseconds(500))
        client.flush(now: sent + .microseconds(500))
        let later = try #require(client.nextDeadline)
        #expect(later > sent + .milliseconds(1), "nothing waits in the queue")
        server.send(signal: SIGCONT)
        try loop.run("both answered") { answered == 2 }
    }

    @Test("however a call ends, the next publish waits for none")
    func callsAreCounted() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint, limits: TestLoop.returning)
        func isAtOnce(_ id: String) throws -> Bool {
            var answered = false
            client.publish(record(id)) { _ in answered = true }
            let isDue = client.nextDeadline == MonotonicTime(nanoseconds: 0)
            try loop.run("answer to \(id)") { answered }
            return isDue
        }
        #expect(try isAtOnce("accepted"))
        #expect(try isAtOnce("accepted"), "after a replay")
        _ = try loop.command(client.link, "SCRIPT", "FLUSH")
        #expect(try isAtOnce("script lost"))
        #expect(try isAtOnce("after a script that was lost"))
        server.crash()
        try loop.run("down") { !client.isUp }
        #expect(try isAtOnce("while down"))
        try server.start()
        try loop.run("up") { client.isUp }
        #expect(try isAtOnce("after a lost link"))
        _ = try loop.command(client.link, "FLUSHALL")
        #expect(try isAtOnce("forked"))
        #expect(try isAtOnce("after a fork"))
    }

    @Test("SCRIPT FLUSH is survived by loading and calling again once")
    func scriptFlush() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try loop.client(server.endpoint)
        _ = try loop.publish(client, record("a"))
        _ = try loop.command(client.link, "SCRIPT", "FLUSH")
        switch try loop.publish(client, record("b")) {
        case .success(.accepted(let cursor)): #expect(cursor.sequence == 2)
        case let other: Issue.record("\(other)")
        }
    }

    @Test("more commands than the bound are refused as overloaded")
    func overloaded() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint, limits: LinkLimits(pendingCommandsMax: 3))
        try loop.run("up") { link.isUp }
        var results: [Result<RedisReply, LinkError>] = []
        for _ in 0..<4 { link.send(RedisCommand("PING")) { results.append($0) } }
        #expect(results == [.failure(.overloaded)])
        try loop.run("answered") { results.count == 4 }
    }

    @Test("a host name is looked up without blocking; one that does not exist names the reason")
    func resolves() throws {
        let loop = try TestLoop()
        let link = loop.link(
            RedisEndpoint(location: .tcp(host: "no-such-host.invalid", port: 6379)), limits: Self.quick)
        try loop.run("failed") { link.downReason.contains("no-such-host.invalid") }
        #expect(!link.isUp)
        let refused = loop.link(RedisEndpoint(location: .tcp(host: "localhost", port: 1)), limits: Self.quick)
        try loop.run("refused") { refused.downReason.contains("refused") }
    }
}
