import Corpora
import PosixIO
import RedisLog
import TestSupport
import Testing
import ThreatFeed

/// The same random commands for the model and for a real redis-server.
private struct Comparison {
    private static let incarnations = ["one", "two"]
    private static let start: Int64 = 1_000

    private let real: RealLog
    private var model = ModelLog()
    private var random: SplitMix
    private var messages: [[LogEntry]] = []
    private var time = start

    init(seed: UInt64, real: RealLog) throws {
        self.real = real
        random = SplitMix(seed: seed)
        _ = try real.command("FLUSHALL")
        messages = real.messages
    }

    mutating func run(steps: Int) throws {
        for _ in 0..<steps { try step() }
        #expect(try real.messages(count: messages.count) == messages)
        #expect(try real.counts() == model.counts)
        for entry in model.entries {
            #expect(try real.find(id: entry.record.id) == model.find(id: entry.record.id))
        }
    }

    private mutating func step() throws {
        time += Int64(pick(0...20))
        switch pick(0...99) {
        case 0..<50: try publish()
        case 50..<60:
            let (count, oldest) = (pick(1...30), oldest())
            #expect(
                try real.maintain(entriesMax: count, oldest: oldest)
                    == model.maintain(entriesMax: count, oldest: oldest))
        case 60..<70: try fork()
        case 70..<86:
            let (after, limit) = (cursor(), pick(1...10))
            #expect(try real.resume(after: after, limit: limit) == model.resume(after: after, limit: limit))
        case 86..<88:
            let ids = (0..<pick(1...20)).map { _ in "id\(pick(0...60))" }
            #expect(try real.missing(ids) == model.missing(ids))
        case 88..<97:
            let (before, limit) = (pick(0...3) == 0 ? nil : cursor(), pick(1...10))
            #expect(try real.newest(before: before, limit: limit) == model.newest(before: before, limit: limit))
        default:
            if pick(0...3) == 0 {
                _ = try real.command("FLUSHALL")
                model = ModelLog()
            }
        }
    }

    private mutating func publish() throws {
        try forgetNearEnd()
        let records = (0..<pick(1...5)).map { _ in record() }
        let arguments = ModelLog.PublishArguments(
            known: pick(0...3) == 0 ? cursor() : model.head, entriesMax: pick(4...40), oldest: oldest(),
            incarnation: incarnation(), isAgain: pick(0...3) == 0, records: records)
        let started = unixMilliseconds()
        let answer = try real.publish(arguments)
        let (reply, message) = model.publish(arguments, clock: try clock(since: started))
        #expect(answer == reply)
        if !message.isEmpty { messages.append(message) }
    }

    private mutating func fork() throws {
        let arguments = ModelLog.ForkArguments(
            observed: pick(0...4) == 0 ? cursor() : model.head, known: cursor(),
            incarnation: incarnation(), keepsAllAnswered: pick(0...1) == 0,
            repairMilliseconds: pick(0...1) == 0 ? 0 : 1_000, lineage: lineage(),
            knownIn: pick(0...5) == 0 ? ["*"] : Self.incarnations.filter { _ in pick(0...1) == 0 })
        let started = unixMilliseconds()
        let answer = try real.fork(arguments)
        let (head, hasForked, _) = model.fork(arguments, clock: try clock(since: started))
        #expect(answer == head)
        if hasForked { messages.append([]) }
    }

    /// Some of those that were, and others.
    private mutating func lineage() -> [Cursor] {
        var lineage: [Cursor] = []
        let strange = Cursor(generation: model.head.generation + 1, sequence: UInt64(pick(0...40)))
        if pick(0...3) == 0 { return [strange] }
        for generation in model.generations + [model.head.generation + 1] where pick(0...2) > 0 {
            let sequence = Int(model.head.sequence) - pick(-3...20)
            lineage.append(Cursor(generation: generation, sequence: UInt64(max(0, sequence))))
        }
        return lineage
    }

    /// The server's clock when it ran the last command, as far as that shows in the log.
    private func clock(since started: Int64) throws -> Int64 {
        let now = unixMilliseconds()
        let generation = Int64(try real.generation())
        return generation >= started && generation <= now ? generation : now
    }

    /// When the time for held entries is about to end, the model and the server might read their clocks on either
    /// side of it.
    private mutating func forgetNearEnd() throws {
        guard let heldUntil = model.heldUntil else { return }
        let left = heldUntil - unixMilliseconds()
        guard left > -5, left < 800 else { return }
        _ = try real.command("HDEL", LogKeys().meta, "h")
        model.forgetRepair()
    }

    /// One that may be in the log, beside it, or of a generation that never was.
    private mutating func cursor() -> Cursor {
        if pick(0...9) == 0 { return .zero }
        if let entry = model.entries.randomElement(using: &random), pick(0...1) == 0 { return entry.cursor }
        let head = model.head
        return Cursor(
            generation: UInt64(max(0, Int(head.generation) + pick(-2...2))),
            sequence: UInt64(max(0, Int(head.sequence) + pick(-12...3))))
    }

    private mutating func record() -> ThreatRecord {
        let id = "id\(pick(0...40))"
        let content = UInt8(pick(0...9) == 0 ? 1 : 0)
        let facets = Facets(
            severity: pick(0...1) == 0 ? .low : .high, threatType: "malware",
            customerName: pick(0...2) == 0 ? "Åbo Ltd" : nil)
        return ThreatRecord(
            id: id, digest: ContentDigest(prefixOf: Array(repeating: content, count: 16)),
            receivedAtMilliseconds: time, facets: facets, tail: Array(#""id":"\#(id)"}"#.utf8))
    }

    private mutating func oldest() -> Int64 { pick(0...3) == 0 ? time - Int64(pick(0...400)) : 0 }
    private mutating func incarnation() -> String {
        pick(0...9) == 0 ? Self.incarnations[pick(0...1)] : model.incarnation ?? Self.incarnations[0]
    }
    private mutating func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
}

@Suite("The model of the log")
struct ModelTests {
    @Test("answers every script as a real redis-server does, and sends the same messages")
    func matchesRedis() throws {
        let real = try RealLog()
        let seed = TestSeed.value
        print("model against redis-server, seed \(seed)")
        for number in 0..<UInt64(20) {
            var comparison = try Comparison(seed: seed &+ number, real: real)
            try comparison.run(steps: 150)
        }
        withExtendedLifetime(real) {}
    }
}
