import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

/// Channels know no databases: what is published in one is heard in all.
@Suite("Logs in several databases of one Redis")
struct IdentityTests {
    private let keys = LogKeys()

    private func endpoint(_ server: RedisServer, database: Int) -> RedisEndpoint {
        RedisEndpoint(location: server.endpoint.location, database: database)
    }

    private func publish(_ loop: TestLoop, _ probe: FollowerProbe, _ id: String) throws -> Cursor {
        guard case .success(.accepted(let cursor)) = try loop.publish(probe.follower.client, record(id)) else {
            throw TimedOut(description: "\(id) is not accepted")
        }
        return cursor
    }

    /// Puts a copy of the log into database 1.
    private func copy(_ loop: TestLoop, _ link: RedisLink, by way: String) throws {
        for key in [keys.log, keys.ids, keys.counts, keys.meta] {
            switch way {
            case "MOVE": _ = try loop.command(link, "MOVE", key, "1")
            case "DUMP":
                guard let dump = try loop.command(link, "DUMP", key).bytes else { continue }
                _ = try loop.command(link, "SELECT", "1")
                let restore = RedisCommand(arguments: [Array("RESTORE".utf8), Array(key.utf8), Array("0".utf8), dump])
                let reply: Result<RedisReply, LinkError> = try loop.value("RESTORE") { done in
                    link.send(restore) { done($0) }
                }
                #expect(try reply.get().text == "OK")
                _ = try loop.command(link, "SELECT", "0")
            default: #expect(try loop.command(link, "COPY", key, key, "DB", "1").integer == 1)
            }
        }
    }

    @Test("a copy of a log hears nothing of the original, nor the original of it", arguments: ["COPY", "DUMP"])
    func copied(by way: String) throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        let original = loop.follower(server.endpoint)
        try loop.run("ready") { original.isReady && link.isUp }
        let common = try (0..<5).map { try publish(loop, original, "k\($0)") }
        try loop.run("delivered") { original.entries.count == 5 }
        try copy(loop, link, by: way)
        let other = loop.follower(endpoint(server, database: 1))
        try loop.run("ready") { other.isReady }
        // At once, before anybody has looked at the copy.
        let here = try (0..<5).map { try publish(loop, original, "here\($0)") }
        let there = try (0..<3).map { try publish(loop, other, "there\($0)") }
        try loop.run("both have their own") {
            original.follower.head == here.last && other.follower.head == there.last
        }
        let next = try publish(loop, original, "next")
        try loop.run("the original goes on") { original.follower.head == next }
        #expect(original.ids == (0..<5).map { "k\($0)" } + (0..<5).map { "here\($0)" } + ["next"])
        #expect(original.resets.isEmpty)
        #expect(next.generation == common[0].generation)
        let told = other.ids.filter { !$0.hasPrefix("k") }
        #expect(told == (0..<3).map { "there\($0)" })
        #expect(there[0].generation > common[0].generation, "no cursor stands for two threats")
        #expect(original.follower.client.identity != other.follower.client.identity)
        for (database, count) in [("0", 11), ("1", 8)] {
            _ = try loop.command(link, "SELECT", database)
            try expectNothingLeftBehind(loop, link, retained: count)
        }
    }

    @Test("a log that was moved to another database goes on there")
    func moved() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        let before = loop.follower(server.endpoint)
        try loop.run("ready") { before.isReady && link.isUp }
        let last = try publish(loop, before, "k0")
        before.follower.stop()
        try copy(loop, link, by: "MOVE")
        let after = loop.follower(endpoint(server, database: 1))
        try loop.run("ready") { after.isReady }
        let next = try publish(loop, after, "k1")
        #expect(next > last && next.sequence == 2)
        let resumed: Result<ResumeOutcome, LogError> = try loop.value("resume") {
            after.follower.client.resume(after: last, limit: 10, completion: $0)
        }
        guard case .entries(let entries, _, anchored: true) = try resumed.get() else {
            Issue.record("\(resumed)")
            return
        }
        #expect(entries.map(\.record.id) == ["k1"])
    }

    @Test("logs of the same prefix that begin in different databases are strangers")
    func strangers() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let probes = [0, 1, 15].map { loop.follower(endpoint(server, database: $0)) }
        try loop.run("ready") { probes.allSatisfy(\.isReady) }
        for round in 0..<20 {
            for (index, probe) in probes.enumerated() { _ = try publish(loop, probe, "\(index)-\(round)") }
        }
        try loop.run("delivered") { probes.allSatisfy { $0.entries.count >= 20 } }
        for (index, probe) in probes.enumerated() {
            #expect(probe.ids == (0..<20).map { "\(index)-\($0)" })
            #expect(probe.resets.isEmpty)
        }
    }

    @Test("a message is taken for what it says only where it names the own log")
    func meanings() throws {
        let own = LogIdentity(name: 1, database: 2)
        let blob = String(decoding: record("a").encode(), as: UTF8.self)
        let rest = "7 2 \(blob.utf8.count)\n\(blob)"
        func meaning(_ text: String) -> FeedMessage.Meaning { FeedMessage.meaning(of: Array(text.utf8), for: own) }
        let entry = LogEntry(cursor: Cursor(generation: 7, sequence: 2), record: record("a"))
        guard case .entries(let entries) = meaning("\(own) \(rest)") else {
            Issue.record("an own message")
            return
        }
        #expect(entries.map(\.cursor) == [entry.cursor])
        for name in [UInt64(1), 9] {
            #expect(meaning("\(LogIdentity(name: name, database: 1)) \(rest)") == .elsewhere)
        }
        #expect(meaning("\(LogIdentity(name: 9, database: 2)) \(rest)") == .lookIntoLog(isRenamed: true))
        // Of a version without identities, the announcement of a fork, and what nobody wrote.
        for text in [rest, "!", "", "\(own)", "\(own) ", "\(own) \(rest)x", "\(own) 7"] {
            #expect(meaning(text) == .lookIntoLog(isRenamed: false), "\(text)")
        }
    }

    @Test("messages of other logs that would join on are not delivered")
    func forgedMessages() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let probe = loop.follower(server.endpoint)
        try loop.run("ready") { probe.isReady }
        let first = try publish(loop, probe, "k0")
        try loop.run("delivered") { probe.entries.count == 1 }
        let client = try loop.client(server.endpoint)
        let blob = String(decoding: record("forged").encode(), as: UTF8.self)
        let forged = "\(first.generation) 2 \(blob.utf8.count)\n\(blob)"
        let mine = probe.follower.client.identity
        for other in [LogIdentity(name: mine.name, database: 1), LogIdentity(name: mine.name &+ 1, database: 0)] {
            _ = try loop.command(client.link, "PUBLISH", keys.feed, "\(other) \(forged)")
        }
        _ = try loop.command(client.link, "PUBLISH", keys.feed, forged)
        let second = try publish(loop, probe, "k1")
        try loop.run("delivered") { probe.follower.head == second }
        #expect(probe.ids == ["k0", "k1"])
        #expect(probe.resets.isEmpty)
    }
}
