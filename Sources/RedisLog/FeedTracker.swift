public import ThreatFeed

/// Follows the log: turns messages, which may be lost, and reads, which may fail, into one gapless order.
///
/// Sans I/O. Messages are only the fast path: each is checked against the tracker's own head, and the stream is read
/// on every (re)subscribe, after every gap and whenever a probe shows a higher head. Messages that arrive while a
/// read is under way wait in a bounded buffer; what does not fit is found again by reading.
public struct FeedTracker {
    /// What the owner has to do, in this order.
    public enum Action: Hashable, Sendable {
        /// Read the newest entries and answer with `newestAnswered` or `readFailed`.
        case readNewest(ReadNumber, limit: Int)
        /// Read what follows and answer with `readAnswered` or `readFailed`.
        case read(ReadNumber, after: Cursor, limit: Int)
        /// Contiguous, in order, each entry once.
        case deliver([LogEntry])
        /// The log moved under the reader. Entries after `to` follow.
        case reset(from: Cursor, to: Cursor, reason: ResetReason)
        /// Redis shows a head below entries already delivered, or a log that does not know their generation: settle
        /// that (`LogClient.recover`), then say `forkFinished` or `readFailed`.
        case fork(ReadNumber, observed: Cursor)

        var isReset: Bool {
            if case .reset = self { true } else { false }
        }
    }

    public enum ResetReason: String, Hashable, Sendable {
        case lost = "the log lost entries and goes on in a new generation"
        /// Redis started anew or another server took over; nothing of what was delivered is missing.
        case moved = "Redis was restarted or replaced, and the log goes on in a new generation"
        case trimmed = "entries were trimmed before this replica could read them"
    }

    /// Tells the answer to one request from late answers to earlier ones.
    public struct ReadNumber: Hashable, Sendable {
        let number: UInt64
    }

    private enum State: Hashable {
        /// No subscription yet: nothing was read.
        case down
        /// The last read failed.
        case stale
        case priming(ReadNumber)
        case reading(ReadNumber)
        case forking(ReadNumber)
        case live
    }

    /// The last entry delivered, or the position a reset led to.
    public private(set) var head = Cursor.zero

    private var state = State.down
    /// Whether the newest entries were read once.
    public private(set) var isPrimed = false
    private var lastNumber: UInt64 = 0
    private var buffer: [[LogEntry]] = []
    private var bufferedCount = 0
    /// Of `head`, when the log did not know it and was told of it.
    private var toldGeneration: UInt64?
    private let primeCount: Int
    private let readLimit: Int
    private let bufferedMax: Int

    /// - Parameters:
    ///   - primeCount: How many of the newest entries the first read gives.
    ///   - readLimit: Entries per read after a gap.
    ///   - bufferedMax: Entries that may wait while a read is under way.
    public init(primeCount: Int = 1_024, readLimit: Int = 512, bufferedMax: Int = 4_096) {
        self.primeCount = primeCount
        self.readLimit = readLimit
        self.bufferedMax = bufferedMax
    }

    /// Whether every entry up to the newest message is delivered.
    public var isLive: Bool { state == .live }

    /// Whether `retry` would ask for a read.
    public var needsRetry: Bool { state == .stale }

    /// The subscription stands, for the first time or again.
    public mutating func subscribed() -> [Action] {
        clearBuffer()
        return [requestRead()]
    }

    /// The subscription is gone. Until there is another, probes tell what is new.
    public mutating func linkWentDown() {
        clearBuffer()
    }

    /// Asks again for what could not be read.
    public mutating func retry() -> [Action] {
        needsRetry ? [requestRead()] : []
    }

    /// A message of the channel.
    /// - Parameter entries: Contiguous, at least one.
    public mutating func received(_ entries: [LogEntry]) -> [Action] {
        switch state {
        case .down, .stale: return []
        case .priming, .reading, .forking:
            if bufferedCount + entries.count <= bufferedMax {
                buffer.append(entries)
                bufferedCount += entries.count
            }
            return []
        case .live: return apply(entries)
        }
    }

    /// A message that could not be read; its entries are in the stream.
    public mutating func receivedUnreadable() -> [Action] {
        isLive ? [requestRead()] : []
    }

    /// The head as a probe showed it.
    /// - Parameter headAtProbe: `head` when the probe was sent. Messages may overtake the probe's answer, so a head
    ///   below the present one proves nothing.
    public mutating func headSeen(_ seen: LogHead, headAtProbe: Cursor) -> [Action] {
        switch state {
        case .down, .priming, .reading, .forking: return []
        case .stale: return [requestRead()]
        case .live:
            if seen.cursor < headAtProbe { return [requestFork(observed: seen.cursor)] }
            return seen.cursor > head ? [requestRead()] : []
        }
    }

    public mutating func readFailed(_ number: ReadNumber) {
        switch state {
        case .priming(number), .reading(number), .forking(number):
            state = .stale
            clearBuffer()
        case .down, .stale, .live, .priming, .reading, .forking: break
        }
    }

    public mutating func forkFinished(_ number: ReadNumber) -> [Action] {
        state == .forking(number) ? [requestRead()] : []
    }

    /// - Parameter page: Newest first, as Redis gives them.
    public mutating func newestAnswered(_ number: ReadNumber, _ page: LogPage) -> [Action] {
        guard state == .priming(number) else { return [] }
        var actions = deliver(Self.newestRun(of: page.entries).reversed(), reason: .moved)
        if page.head.cursor > head { actions += move(to: page.head.cursor, reason: .moved) }
        head = page.head.cursor
        isPrimed = true
        return actions + drain()
    }

    public mutating func readAnswered(_ number: ReadNumber, _ outcome: ResumeOutcome) -> [Action] {
        guard state == .reading(number) else { return [] }
        switch outcome {
        case .ahead(let seen): return [requestFork(observed: seen.cursor)]
        case .unknownGeneration(let seen):
            guard toldGeneration != head.generation else {
                // The log was told and does not know it all the same; the next probe tries again.
                toldGeneration = nil
                readFailed(number)
                return []
            }
            toldGeneration = head.generation
            return [requestFork(observed: seen.cursor)]
        case .trimmed(let seen):
            let from = head
            head = max(seen.resumableFrom, head)
            guard from != .zero || head.sequence > 0 else { return [requestRead()] }
            let reason = from != .zero && head.generation > from.generation ? ResetReason.lost : .trimmed
            return [.reset(from: from, to: head, reason: reason), requestRead()]
        case .entries(let entries, let seen, let anchored):
            toldGeneration = nil
            return apply(entries, seen, anchored: anchored)
        }
    }
}

extension FeedTracker {
    /// The newest entries up to the first hole in a generation: what was lost there stays lost, and nobody is led across.
    /// - Parameter entries: Newest first.
    private static func newestRun(of entries: [LogEntry]) -> ArraySlice<LogEntry> {
        for (index, pair) in zip(entries, entries.dropFirst()).enumerated() {
            let (newer, older) = (pair.0.cursor, pair.1.cursor)
            if newer.generation == older.generation, newer.sequence != older.sequence + 1 { return entries[...index] }
        }
        return entries[...]
    }

    private mutating func nextNumber() -> ReadNumber {
        lastNumber += 1
        return ReadNumber(number: lastNumber)
    }

    private mutating func requestRead() -> Action {
        let number = nextNumber()
        guard isPrimed else {
            state = .priming(number)
            return .readNewest(number, limit: primeCount)
        }
        state = .reading(number)
        return .read(number, after: head, limit: readLimit)
    }

    private mutating func requestFork(observed: Cursor) -> Action {
        let number = nextNumber()
        state = .forking(number)
        return .fork(number, observed: observed)
    }

    private mutating func clearBuffer() {
        buffer = []
        bufferedCount = 0
    }

    /// Delivers what is new and contiguous in a message; anything else needs a look into the stream.
    private mutating func apply(_ message: [LogEntry]) -> [Action] {
        guard let first = message.first?.cursor, let last = message.last?.cursor else { return [] }
        guard first.generation == head.generation else {
            // Of an older generation: left over from before a fork, or Redis went back. A probe tells.
            return first.generation < head.generation ? [] : [requestRead()]
        }
        if last.sequence <= head.sequence { return [] }
        guard first.sequence <= head.sequence + 1 else { return [requestRead()] }
        let entries = message.filter { $0.cursor > head }
        head = last
        return [.deliver(entries)]
    }

    /// Delivers the answer of a read.
    /// - Parameter anchored: Whether the entry this tracker stands at is still in the log. Only then nothing of what
    ///   was delivered is lost.
    private mutating func apply(_ entries: [LogEntry], _ seen: LogHead, anchored: Bool) -> [Action] {
        let reason = anchored ? ResetReason.moved : .lost
        let new = entries.filter { $0.cursor > head }
        var actions = deliver(new, reason: reason)
        if seen.cursor > head {
            // Less than the limit may also be the bound on one reply's size: the head decides.
            if !new.isEmpty { return actions + [requestRead()] }
            // Forked, and nothing appended since.
            actions += move(to: seen.cursor, reason: reason)
            head = seen.cursor
        }
        return actions + drain()
    }

    /// Delivers entries read from the stream, each generation by itself.
    /// - Parameter reason: Of the first move.
    private mutating func deliver(_ entries: [LogEntry], reason: ResetReason) -> [Action] {
        var actions: [Action] = []
        var reason = reason
        var rest = entries[...]
        while let first = rest.first {
            let before = first.cursor.sequence - min(1, first.cursor.sequence)
            actions += move(to: Cursor(generation: first.cursor.generation, sequence: before), reason: reason)
            reason = .moved
            let run = rest.prefix { $0.cursor.generation == first.cursor.generation }
            rest = rest.dropFirst(run.count)
            if let last = run.last { head = last.cursor }
            actions.append(.deliver(Array(run)))
        }
        return actions
    }

    /// Tells of a move into a higher generation.
    private func move(to: Cursor, reason: ResetReason) -> [Action] {
        isMove(from: head, to: to) ? [.reset(from: head, to: to, reason: reason)] : []
    }

    /// A log that begins does not move. One that this tracker saw empty does if it goes on from further than its first
    /// entry: what came meanwhile was lost. Where the first read finds it nothing was delivered that could move.
    private func isMove(from: Cursor, to: Cursor) -> Bool {
        to.generation > from.generation && (from != .zero || isPrimed && to.sequence > 0)
    }

    /// Goes live with the messages that waited, as far as they join on.
    private mutating func drain() -> [Action] {
        state = .live
        let waiting = buffer
        clearBuffer()
        var actions: [Action] = []
        for message in waiting {
            actions += isLive ? apply(message) : received(message)
        }
        return actions
    }
}
