import TestSupport
import Testing
import ThreatFeed

@testable import RedisLog

/// The log as Redis would have it, with everything that ever stood in it.
private struct SimulatedLog {
    private(set) var head = LogHead.none
    private(set) var entries: [LogEntry] = []
    /// The entry before each one, as the log stood when it was appended.
    private(set) var predecessor: [Cursor: Cursor] = [:]
    /// The highest cursor anybody has seen.
    private(set) var known = Cursor.zero
    private var nextID = 0

    mutating func append(_ count: Int) -> [LogEntry] {
        if head.cursor < known { fork() }
        if head.cursor == .zero {
            head = LogHead(
                cursor: Cursor(generation: 1_000, sequence: 0),
                resumableFrom: Cursor(generation: 1_000, sequence: 0), forkedAt: .zero)
        }
        let new = (0..<count).map { _ -> LogEntry in
            let cursor = Cursor(generation: head.cursor.generation, sequence: head.cursor.sequence + 1)
            predecessor[cursor] = entries.last?.cursor ?? head.resumableFrom
            nextID += 1
            let entry = LogEntry(cursor: cursor, record: record("e\(nextID)", receivedAt: 0))
            entries.append(entry)
            head.cursor = cursor
            return entry
        }
        known = head.cursor
        return new
    }

    /// A failover that loses the newest entries.
    mutating func lose(_ count: Int) {
        entries.removeLast(min(count, entries.count))
        let last = entries.last?.cursor ?? head.resumableFrom
        // The head may also stand in a generation in which nothing was appended.
        head.cursor = min(head.cursor, last)
        head.resumableFrom = min(head.resumableFrom, head.cursor)
    }

    mutating func fork() {
        guard head.cursor < known else { return }
        let old = head.cursor
        head.cursor = Cursor(generation: known.generation + 1_000, sequence: known.sequence)
        head.forkedAt = old
        known = head.cursor
    }

    mutating func trim(_ count: Int) {
        let going = entries.prefix(count)
        guard let last = going.last?.cursor else { return }
        head.resumableFrom = last
        entries.removeFirst(going.count)
    }

    func newest(_ limit: Int) -> LogPage {
        LogPage(entries: entries.suffix(limit).reversed(), head: head)
    }

    func resume(after cursor: Cursor, limit: Int) -> ResumeOutcome {
        if cursor > head.cursor { return .ahead(head: head) }
        if cursor < head.resumableFrom { return .trimmed(head: head) }
        let following = entries.filter { $0.cursor > cursor }.prefix(limit)
        return .entries(Array(following), head: head, anchored: entries.contains { $0.cursor == cursor })
    }
}

/// A tracker between a log and a network that loses, repeats and delays.
private struct Simulation {
    private var random: SplitMix64
    private var log = SimulatedLog()
    private var tracker = FeedTracker(primeCount: 8, readLimit: 5, bufferedMax: 12)
    private var isSubscribed = false
    private var messages: [[LogEntry]] = []
    private var requests: [FeedTracker.Action] = []
    private var probe: (head: LogHead, headAtProbe: Cursor)?
    private var last: Cursor?
    private var resetTo: Cursor?
    private(set) var deliveredCount = 0
    private(set) var resetCount = 0
    private(set) var violations: [String] = []

    init(seed: UInt64) {
        random = SplitMix64(state: seed)
    }

    mutating func run(steps: Int, faults: Bool) {
        for _ in 0..<steps { step(faults: faults) }
        settle()
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func step(faults: Bool) {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<40: publish(loss: faults ? 15 : 0)
        case 40..<65: deliverMessage(repeating: faults && chance(10))
        case 65..<80: answer(failing: faults && chance(20))
        case 80..<88: toggleProbe()
        case 88..<92:
            if !isSubscribed || faults { reconnect() }
        case 92..<94:
            if faults { log.lose(Int.random(in: 0...6, using: &random)) }
        case 94..<96: log.trim(Int.random(in: 0...3, using: &random))
        default: perform(tracker.retry())
        }
    }

    private mutating func publish(loss: Int) {
        let entries = log.append(Int.random(in: 1...4, using: &random))
        if isSubscribed, !chance(loss) { messages.append(entries) }
    }

    private mutating func deliverMessage(repeating: Bool) {
        guard !messages.isEmpty else { return }
        perform(tracker.received(repeating ? messages[0] : messages.removeFirst()))
    }

    private mutating func toggleProbe() {
        if let answered = probe {
            probe = nil
            perform(tracker.headSeen(answered.head, headAtProbe: answered.headAtProbe))
        } else {
            probe = (log.head, tracker.head)
        }
    }

    private mutating func reconnect() {
        tracker.linkWentDown()
        isSubscribed = chance(80)
        // What the old connection still had may come after the new one stands, in any order.
        messages.shuffle(using: &random)
        if chance(50) { messages = [] }
        if isSubscribed { perform(tracker.subscribed()) }
    }

    private mutating func answer(failing: Bool) {
        guard !requests.isEmpty else { return }
        // Late answers to superseded requests come as well, and before newer ones or after.
        let request = requests.remove(at: Int.random(in: 0..<requests.count, using: &random))
        switch request {
        case .readNewest(let number, let limit):
            if failing {
                tracker.readFailed(number)
            } else {
                perform(tracker.newestAnswered(number, log.newest(limit)))
            }
        case .read(let number, let after, let limit):
            if failing {
                tracker.readFailed(number)
            } else {
                perform(tracker.readAnswered(number, log.resume(after: after, limit: limit)))
            }
        case .fork(let number, _):
            if failing {
                tracker.readFailed(number)
            } else {
                log.fork()
                perform(tracker.forkFinished(number))
            }
        case .deliver, .reset: violations.append("not a request: \(request)")
        }
    }

    private mutating func settle() {
        if !isSubscribed {
            isSubscribed = true
            perform(tracker.subscribed())
        }
        for _ in 0..<200 {
            while !messages.isEmpty { deliverMessage(repeating: false) }
            while !requests.isEmpty { answer(failing: false) }
            perform(tracker.headSeen(log.head, headAtProbe: tracker.head))
            if requests.isEmpty, messages.isEmpty, tracker.head == log.head.cursor { break }
        }
        if tracker.head != log.head.cursor { violations.append("ends at \(tracker.head), log at \(log.head.cursor)") }
        if !tracker.isLive { violations.append("not live in the end") }
    }

    private mutating func perform(_ actions: [FeedTracker.Action]) {
        for action in actions {
            switch action {
            case .deliver(let entries): for entry in entries { check(entry) }
            case .reset(let from, let to, _):
                resetCount += 1
                if from >= to { violations.append("reset from \(from) back to \(to)") }
                if let last, last > from { violations.append("reset from \(from) but delivered \(last)") }
                resetTo = to
            case .read, .readNewest, .fork: requests.append(action)
            }
        }
    }

    /// Every entry follows the one before it, in the log and not only in number.
    private mutating func check(_ entry: LogEntry) {
        deliveredCount += 1
        let cursor = entry.cursor
        defer {
            last = cursor
            resetTo = nil
        }
        if let last, cursor <= last { violations.append("\(cursor) after \(last)") }
        if let resetTo {
            let joins = cursor.generation == resetTo.generation && cursor.sequence == resetTo.sequence + 1
            if !joins, log.predecessor[cursor] != resetTo, cursor.generation == resetTo.generation {
                violations.append("\(cursor) after reset to \(resetTo)")
            }
        } else if let last, log.predecessor[cursor] != last {
            violations.append("\(cursor) follows \(String(describing: log.predecessor[cursor])), not \(last)")
        }
    }
}

@Suite("Feed tracker")
struct FeedTrackerTests {
    @Test("losses, repeats, reordering over reconnects, forks and trims: one contiguous order, nothing twice")
    func faults() {
        let seed = TestSeed.value
        print("feed tracker simulation, seed \(seed)")
        var delivered = 0
        var resets = 0
        for number in 0..<UInt64(200) {
            var simulation = Simulation(seed: seed &+ number)
            simulation.run(steps: 400, faults: true)
            #expect(simulation.violations.isEmpty, "seed \(seed), world \(number): \(simulation.violations.prefix(3))")
            guard simulation.violations.isEmpty else { return }
            delivered += simulation.deliveredCount
            resets += simulation.resetCount
        }
        #expect(delivered > 10_000)
        #expect(resets > 10)
    }

    private func entries(_ generation: UInt64, _ range: ClosedRange<UInt64>) -> [LogEntry] {
        range.map {
            LogEntry(cursor: Cursor(generation: generation, sequence: $0), record: record("e\($0)", receivedAt: 0))
        }
    }

    private func primed(at sequence: UInt64) throws -> FeedTracker {
        var tracker = FeedTracker()
        guard case .readNewest(let number, _) = tracker.subscribed().first else {
            throw TimedOut(description: "no first read")
        }
        let head = LogHead(cursor: Cursor(generation: 1, sequence: sequence), resumableFrom: .zero, forkedAt: .zero)
        _ = tracker.newestAnswered(number, LogPage(entries: entries(1, 1...sequence).reversed(), head: head))
        return tracker
    }

    @Test("a contiguous message is delivered, a repeated one ignored, an overlapping one cut")
    func messages() throws {
        var tracker = try primed(at: 5)
        #expect(tracker.received(entries(1, 6...7)) == [.deliver(entries(1, 6...7))])
        #expect(tracker.received(entries(1, 6...7)) == [])
        #expect(tracker.received(entries(1, 7...9)) == [.deliver(entries(1, 8...9))])
        #expect(tracker.head == Cursor(generation: 1, sequence: 9))
    }

    @Test("a gap is read, and messages meanwhile join on after the answer")
    func gap() throws {
        var tracker = try primed(at: 5)
        guard case .read(let number, let after, _) = tracker.received(entries(1, 8...8)).first else {
            Issue.record("a gap was not read")
            return
        }
        #expect(after.sequence == 5)
        #expect(tracker.received(entries(1, 9...9)) == [])
        let head = LogHead(cursor: Cursor(generation: 1, sequence: 8), resumableFrom: .zero, forkedAt: .zero)
        let actions = tracker.readAnswered(number, .entries(entries(1, 6...8), head: head, anchored: true))
        #expect(actions == [.deliver(entries(1, 6...8)), .deliver(entries(1, 9...9))])
    }

    @Test("a probe that shows a higher head reads; one overtaken by messages does not fork; a lower head forks")
    func probes() throws {
        var tracker = try primed(at: 5)
        let start = tracker.head
        _ = tracker.received(entries(1, 6...6))
        var seen = LogHead(cursor: start, resumableFrom: .zero, forkedAt: .zero)
        #expect(tracker.headSeen(seen, headAtProbe: start) == [])
        seen.cursor = Cursor(generation: 1, sequence: 4)
        var lower = tracker
        guard case .fork(_, let observed) = lower.headSeen(seen, headAtProbe: start).first else {
            Issue.record("a lower head was taken for good")
            return
        }
        #expect(observed == seen.cursor)
        seen.cursor = Cursor(generation: 1, sequence: 7)
        guard case .read = tracker.headSeen(seen, headAtProbe: start).first else {
            Issue.record("a higher head was not read")
            return
        }
    }

    @Test("while the subscription is away probes tell what is new, and it is read; a lower head forks all the same")
    func withoutSubscription() throws {
        var tracker = try primed(at: 5)
        tracker.linkWentDown()
        let seen = LogHead(cursor: Cursor(generation: 1, sequence: 7), resumableFrom: .zero, forkedAt: .zero)
        guard case .read(let number, let after, _) = tracker.headSeen(seen, headAtProbe: tracker.head).first else {
            Issue.record("a higher head was not read")
            return
        }
        #expect(after.sequence == 5)
        // The answer counts as well if the subscription goes while it is awaited.
        tracker.linkWentDown()
        let actions = tracker.readAnswered(number, .entries(entries(1, 6...7), head: seen, anchored: true))
        #expect(actions == [.deliver(entries(1, 6...7))])
        #expect(tracker.headSeen(seen, headAtProbe: tracker.head) == [])
        let lower = LogHead(cursor: Cursor(generation: 1, sequence: 6), resumableFrom: .zero, forkedAt: .zero)
        guard case .fork = tracker.headSeen(lower, headAtProbe: tracker.head).first else {
            Issue.record("a lower head was taken for good")
            return
        }
        // Before there was any subscription nothing is read.
        var fresh = FeedTracker()
        fresh.linkWentDown()
        #expect(fresh.headSeen(seen, headAtProbe: .zero) == [])
    }

    /// A tracker whose first read found no log.
    private func primedEmpty() throws -> FeedTracker {
        var tracker = FeedTracker()
        guard case .readNewest(let number, _) = tracker.subscribed().first else {
            throw TimedOut(description: "no first read")
        }
        #expect(tracker.newestAnswered(number, LogPage(entries: [], head: .none)) == [])
        return tracker
    }

    @Test("a log seen empty begins without a reset, unless its beginning was lost or trimmed before it was read")
    func emptyLog() throws {
        let outcomes: [(ResumeOutcome, [FeedTracker.Action])] = [
            (.entries(entries(2, 1...3), head: head(3), anchored: false), [.deliver(entries(2, 1...3))]),
            (
                .entries(entries(2, 6...8), head: head(8), anchored: false),
                [.reset(from: .zero, to: head(5).cursor, reason: .lost), .deliver(entries(2, 6...8))]
            ),
            (
                .entries([], head: head(5), anchored: false),
                [.reset(from: .zero, to: head(5).cursor, reason: .lost)]
            ),
        ]
        for (outcome, wanted) in outcomes {
            var tracker = try primedEmpty()
            guard case .read(let number, .zero, _) = tracker.received(entries(2, 9...9)).first else {
                Issue.record("a message of a log that was empty was not looked for")
                return
            }
            #expect(tracker.readAnswered(number, outcome).prefix(wanted.count) == wanted[...])
        }
        var tracker = try primedEmpty()
        guard case .read(let number, _, _) = tracker.received(entries(2, 9...9)).first else { return }
        var trimmed = head(9)
        trimmed.resumableFrom = head(4).cursor
        let actions = tracker.readAnswered(number, .trimmed(head: trimmed))
        #expect(actions.first == .reset(from: .zero, to: head(4).cursor, reason: .trimmed))
    }

    @Test("a log that does not know the generation is told of it once; then the next probe asks again")
    func unknownGeneration() throws {
        var tracker = try primed(at: 5)
        let other = LogHead(
            cursor: Cursor(generation: 9, sequence: 1), resumableFrom: .zero, forkedAt: .zero)
        for _ in 0..<2 {
            let began = tracker.headSeen(other, headAtProbe: tracker.head)
            guard case .read(let first, _, _) = began.first,
                case .fork(let fork, other.cursor) = tracker.readAnswered(first, .unknownGeneration(head: other)).first,
                case .read(let second, _, _) = tracker.forkFinished(fork).first
            else {
                Issue.record("the log is not told")
                return
            }
            #expect(tracker.readAnswered(second, .unknownGeneration(head: other)) == [])
            #expect(tracker.needsRetry)
        }
    }

    private func head(_ sequence: UInt64) -> LogHead {
        LogHead(cursor: Cursor(generation: 2, sequence: sequence), resumableFrom: .zero, forkedAt: .zero)
    }
}
