import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

/// Something that takes a part of the log away and leaves the rest, as an evicting Redis does, or somebody by hand.
struct Damage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// `LOG`, `IDS`, `COUNTS`, `META` stand for the keys, `OLDEST`, `MIDDLE`, `NEWEST` for cursors.
    let commands: [String]

    init(_ description: String, _ commands: String...) {
        testDescription = description
        self.commands = commands
    }

    /// With a ring that holds all of it, nothing of these is lost.
    static let all = [
        Damage("the stream is gone", "DEL LOG"),
        Damage("the index is gone", "DEL IDS"),
        Damage("the counts are gone", "DEL COUNTS"),
        Damage("the head is gone", "DEL META"),
        Damage("stream and index are gone", "DEL LOG IDS"),
        Damage("stream and counts are gone", "DEL LOG COUNTS"),
        Damage("stream and head are gone", "DEL LOG META"),
        Damage("index and counts are gone", "DEL IDS COUNTS"),
        Damage("index and head are gone", "DEL IDS META"),
        Damage("counts and head are gone", "DEL COUNTS META"),
        Damage("only the stream is left", "DEL IDS COUNTS META"),
        Damage("only the index is left", "DEL LOG COUNTS META"),
        Damage("only the counts are left", "DEL LOG IDS META"),
        Damage("only the head is left", "DEL LOG IDS COUNTS"),
        Damage("the stream has another name", "RENAME LOG elsewhere"),
        Damage("the index has another name", "RENAME IDS elsewhere"),
        Damage("the oldest were trimmed by hand", "XTRIM LOG MAXLEN 3"),
        Damage("all were trimmed by hand", "XTRIM LOG MAXLEN 0"),
        Damage("the oldest was deleted by hand", "XDEL LOG OLDEST"),
        Damage("one of the middle was deleted by hand", "XDEL LOG MIDDLE"),
        Damage("the newest was deleted by hand", "XDEL LOG NEWEST"),
        Damage("an id of the middle was deleted by hand", "HDEL IDS k5"),
        Damage("a count was deleted by hand", "HDEL COUNTS COUNTED"),
        Damage("the head was set back by hand", "HSET META s 5"),
        Damage("the head lost its generation", "HDEL META g"),
        Damage("a stranger's entry was added by hand", "XADD LOG * what ever"),
    ]
}

@Suite("A Redis that loses a part of the log")
struct DamageTests {
    private let keys = LogKeys()

    /// Ten threats, known to a follower and its ring.
    private func published(_ loop: TestLoop, _ client: LogClient) throws -> [Cursor] {
        try (0..<10).map { index in
            let new = record("k\(index)", type: index.isMultiple(of: 3) ? "bot" : "malware", customer: "C\(index % 4)")
            guard case .success(.accepted(let cursor)) = try loop.publish(client, new) else {
                throw TimedOut(description: "not accepted")
            }
            return cursor
        }
    }

    private func inflict(_ damage: Damage, _ loop: TestLoop, _ link: RedisLink, _ cursors: [Cursor]) throws {
        try loop.run("link up") { link.isUp }
        for command in damage.commands {
            var words = command.split(separator: " ").map(String.init)
            for (name, value) in [
                ("LOG", keys.log), ("IDS", keys.ids), ("COUNTS", keys.counts), ("META", keys.meta),
                ("OLDEST", "\(cursors[0])"), ("MIDDLE", "\(cursors[5])"), ("NEWEST", "\(cursors[9])"),
                ("COUNTED", "3 malware C1"),
            ] {
                words = words.map { $0 == name ? value : $0 }
            }
            let command = RedisCommand(arguments: words.map { Array($0.utf8) })
            let reply: Result<RedisReply, LinkError> = try loop.value(damage.testDescription) { done in
                link.send(command) { done($0) }
            }
            if case .error(let code, let message) = try reply.get() {
                throw TimedOut(description: "\(command): \(code) \(message)")
            }
        }
    }

    private func expectWhole(
        _ loop: TestLoop, _ client: LogClient, ids: Set<String>, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let page: Result<LogPage, LogError> = try loop.value("all") { client.newest(limit: 100, completion: $0) }
        let entries = try page.get().entries
        #expect(Set(entries.map(\.record.id)) == ids, sourceLocation: sourceLocation)
        #expect(entries.count == ids.count, sourceLocation: sourceLocation)
        try expectNothingLeftBehind(loop, client.link, retained: ids.count, sourceLocation: sourceLocation)
        let analytics: Result<LogAnalytics, LogError> = try loop.value("counts") { client.analytics(completion: $0) }
        #expect(try analytics.get().retained == ids.count, sourceLocation: sourceLocation)
        #expect(try analytics.get().counts.values.reduce(0, +) == ids.count, sourceLocation: sourceLocation)
        #expect(try analytics.get().acceptedTotal >= UInt64(ids.count), sourceLocation: sourceLocation)
    }

    @Test(
        "is noticed by who follows it, told with a reset, and made good from entries and rings", arguments: Damage.all)
    func noticedByFollower(_ damage: Damage) throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        let one = loop.follower(server.endpoint)
        let two = loop.follower(server.endpoint)
        try loop.run("ready") { one.isReady && two.isReady && link.isUp }
        let cursors = try published(loop, one.follower.client)
        try loop.run("delivered") { one.entries.count == 10 && two.entries.count == 10 }
        try inflict(damage, loop, link, cursors)
        try loop.run("told") { !one.resets.isEmpty && !two.resets.isEmpty && !one.damages.isEmpty }
        let moved = try #require(one.resets.first)
        #expect(moved.from == cursors[9])
        #expect(moved.to.generation > cursors[9].generation)
        #expect(moved.to.sequence >= cursors[9].sequence)
        guard case .success(.accepted(let new)) = try loop.publish(two.follower.client, record("new")) else {
            Issue.record("a new threat is accepted")
            return
        }
        try loop.run("the new one is delivered") { one.follower.head >= new && two.follower.head >= new }
        try loop.run("all is there again") {
            !one.follower.client.unseen.isRepairOwed && one.follower.status?.retained == 11
                && one.follower.status?.head.cursor == one.follower.head
        }
        try expectWhole(loop, one.follower.client, ids: Set((0..<10).map { "k\($0)" } + ["new"]))
        let retried = record("k5", type: "malware", customer: "C1")
        guard case .success(.replayed) = try loop.publish(two.follower.client, retried) else {
            Issue.record("a retry is no second threat")
            return
        }
        for probe in [one, two] {
            #expect(probe.entries.map(\.cursor) == probe.entries.map(\.cursor).sorted())
            #expect(probe.resets.count <= 2 && probe.damages.count <= 2, "\(probe.resets) \(probe.damages)")
        }
    }

    @Test("is noticed by the publish that finds it, which keeps nothing by halves", arguments: Damage.all.prefix(14))
    func noticedByPublish(_ damage: Damage) throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        let client = try loop.client(server.endpoint)
        let cursors = try published(loop, client)
        client.observe(head: cursors[9])
        try inflict(damage, loop, link, cursors)
        let isKept = !damage.commands[0].contains("LOG")
        // The general case of the script, and the special one.
        let batch: [PublishResult] = try loop.value("batch") { done in
            client.publish(
                batch: [record("k5", type: "malware", customer: "C1"), record("new"), record("new")], completion: done)
        }
        let outcomes = try batch.map { try $0.get() }
        guard case .accepted(let new) = outcomes[1], case .replayed(let again) = outcomes[2] else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(again.cursor == new)
        #expect(new.generation > cursors[9].generation && new.sequence > cursors[9].sequence)
        switch outcomes[0] {
        case .replayed(let entry): #expect(isKept && entry.cursor == cursors[5])
        case .accepted: #expect(!isKept)
        case .conflict: Issue.record("the same bytes")
        }
        _ = try loop.publish(client, record("k0", type: "bot", customer: "C0")).get()
        let ids = isKept ? (0..<10).map { "k\($0)" } : ["k0", "k5"]
        try expectWhole(loop, client, ids: Set(ids + ["new"]))
        try expectFitting(loop, client)
    }

    @Test("is noticed by one record that is published alone", arguments: Damage.all.prefix(14))
    func noticedByLonePublish(_ damage: Damage) throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        let client = try loop.client(server.endpoint)
        let cursors = try published(loop, client)
        client.observe(head: cursors[9])
        try inflict(damage, loop, link, cursors)
        let isKept = !damage.commands[0].contains("LOG")
        switch try loop.publish(client, record("k5", type: "malware", customer: "C1")).get() {
        case .replayed: #expect(isKept)
        case .accepted(let cursor): #expect(!isKept && cursor.generation > cursors[9].generation)
        case .conflict: Issue.record("the same bytes")
        }
        _ = try loop.publish(client, record("new")).get()
        try expectWhole(loop, client, ids: Set((isKept ? (0..<10).map { "k\($0)" } : ["k5"]) + ["new"]))
        try expectFitting(loop, client)
    }

    @Test("is noticed by who reads it, before a probe has seen it", arguments: Damage.all.prefix(14))
    func noticedByReader(_ damage: Damage) throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        let client = try loop.client(server.endpoint)
        let cursors = try published(loop, client)
        client.observe(head: cursors[9])
        let isKept = !damage.commands[0].contains("LOG")
        try inflict(damage, loop, link, cursors)
        let found: Result<LogEntry?, LogError> = try loop.value("find") { client.find(id: "k7", completion: $0) }
        #expect(try (found.get() != nil) == isKept)
        let counted: Result<LogAnalytics, LogError> = try loop.value("counts") { client.analytics(completion: $0) }
        #expect(try counted.get().counts.values.reduce(0, +) == (isKept ? 10 : 0))
        try inflict(damage, loop, link, cursors)
        let resumed: Result<ResumeOutcome, LogError> = try loop.value("resume") {
            client.resume(after: cursors[7], limit: 10, completion: $0)
        }
        switch try resumed.get() {
        case .entries(let entries, let head, _):
            #expect(entries.map(\.record.id) == (isKept ? ["k8", "k9"] : []))
            #expect(head.cursor.generation > cursors[9].generation)
        case .trimmed, .ahead, .unknownGeneration: #expect(!isKept, "\(resumed)")
        }
    }

    @Test("is found by a replica that starts", arguments: Damage.all.prefix(14))
    func noticedAtStart(_ damage: Damage) throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        let client = try loop.client(server.endpoint)
        let cursors = try published(loop, client)
        client.observe(head: cursors[9])
        client.link.stop()
        try inflict(damage, loop, link, cursors)
        let fresh = loop.follower(server.endpoint)
        try loop.run("ready, and the loss is told") { fresh.isReady && !fresh.damages.isEmpty }
        let kept = damage.commands[0].contains("LOG") ? [] : (0..<10).map { "k\($0)" }
        #expect(fresh.ids == kept)
        try loop.run("moved") { fresh.follower.head.generation > cursors[9].generation }
        guard case .success(.accepted(let new)) = try loop.publish(fresh.follower.client, record("new")) else {
            Issue.record("accepted")
            return
        }
        #expect(new.generation > cursors[9].generation)
        try expectWhole(loop, fresh.follower.client, ids: Set(kept + ["new"]))
        // What was settled before is history to the next one.
        let next = loop.follower(server.endpoint)
        try loop.run("ready, after some probes") { next.isReady && next.follower.status != nil }
        #expect(next.damages == [])
    }

    @Test("a loss is settled once, in however many steps the index of a long log is made again")
    func longLog() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        let client = try loop.client(server.endpoint)
        for start in stride(from: 0, to: 9_000, by: 500) {
            let results: [PublishResult] = try loop.value("published") { done in
                client.publish(batch: (start..<start + 500).map { record("l\($0)") }, completion: done)
            }
            #expect(results.allSatisfy { if case .success(.accepted) = $0 { true } else { false } })
        }
        let before = client.knownHead.generation
        try loop.run("link up") { link.isUp }
        _ = try loop.command(link, "XTRIM", keys.log, "MAXLEN", "8700")
        let follower = loop.follower(server.endpoint)
        try loop.run("settled") {
            guard let status = follower.follower.status else { return false }
            return status.head.cursor.generation > before && status.damage == nil && !status.isRebuilding
        }
        let generations = try loop.command(link, "HGET", keys.meta, "k").text ?? ""
        #expect(generations.split(separator: " ").count == 2, "\(generations)")
        #expect(try loop.command(link, "HLEN", keys.ids).integer == 8_700)
    }

    /// The next probe finds nothing more.
    private func expectFitting(
        _ loop: TestLoop, _ client: LogClient, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let status: Result<LogStatus, LogError> = try loop.value("probe") { client.maintain(completion: $0) }
        #expect(try status.get().damage == nil, sourceLocation: sourceLocation)
        #expect(try !status.get().isRebuilding, sourceLocation: sourceLocation)
    }
}
