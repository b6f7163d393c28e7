public import ThreatFeed

/// How one client gets from the cursor it gave, or from any place in the log, into the ring.
///
/// Sans I/O. The owner asks `advance` whenever the client has taken all it was given, and performs what it says; a page
/// of the log may serve many clients at once. Time is counted in ticks, about a second each.
///
/// The rules: a first frame is sent before anything else, `resumed` only if everything after the cursor can be had.
/// Every move of the log into a higher generation is told with a `reset` that begins where the client stands. What only
/// the log can judge, the ring does not: a cursor of another generation than the ring's head may come from a branch
/// that was lost.
public struct ResumeJoin: Sendable {
    /// Where the client goes on.
    public enum Advance: Hashable, Sendable {
        /// The ring has all that follows the cursor: put the client there. `first` is its first frame if it had none
        /// yet.
        case join(first: FirstFrame?)
        /// Read what follows the cursor, then call `received` or `readFailed`.
        case read(after: Cursor)
        /// Nothing to do until the ring moves or a tick has passed.
        case wait
    }

    /// What a page means for the client, to be performed in the order of the members.
    public enum Answer: Hashable, Sendable {
        /// The page says nothing about where the client stands, or nothing new: ask `advance`.
        case nothing
        /// Send the first frame, if any, then `reset`, if any, then what the page has after the cursor; say with `sent`
        /// how far that came.
        case send(first: FirstFrame?, reset: Reset?)
        /// The client cannot resume; it gets the newest threats and this reason, and the join is over.
        case startFresh(Refusal)
        /// Close as too slow: what the client still lacks is no longer kept. Only after its first frame.
        case overtaken
        /// Close, to be tried again: the log cannot say yet. Only before the first frame.
        case comeBack
    }

    /// `resumed`, with the cursor that the client gave.
    public struct FirstFrame: Hashable, Sendable {
        public let cursor: Cursor
    }

    public struct Reset: Hashable, Sendable {
        public let from: Cursor
        public let to: Cursor
    }

    /// Why a client that asked to resume cannot.
    public enum Refusal: Hashable, Sendable, CustomStringConvertible {
        case malformed
        case ahead(Cursor, head: Cursor)
        case trimmed(Cursor, resumableFrom: Cursor)
        case unknownGeneration(Cursor)
        case beyondGeneration(Cursor)

        /// A sentence's part for the frame's `reason`.
        public var description: String {
            switch self {
            case .malformed: "what was given is not a cursor; a cursor is G-S, as the frames have it"
            case .ahead(let cursor, let head): "the cursor \(cursor) is ahead of the log, which ends at \(head)"
            case .trimmed(let cursor, let resumableFrom):
                "threats after \(cursor) are no longer kept; the log reaches back to \(resumableFrom)"
            case .unknownGeneration(let cursor):
                "the log never had the generation of \(cursor), or lost all of it"
            case .beyondGeneration(let cursor): "generation \(cursor.generation) of the log ended before \(cursor)"
            }
        }
    }

    private enum Stage: Hashable {
        /// It asked to resume; whether that is possible is not known yet.
        case resuming
        /// It has had its first frame and reads on.
        case reading
    }

    /// How often the log may be found to end before the cursor, or not to know its generation, until that is believed:
    /// where the log has lost its end or all of it, or left a branch, a replica that knows settles that within a tick
    /// or two.
    private static let aheadAnswersMax = 4
    /// The same for a cursor of a higher generation than the log's: it may come from a replica that knows of a move
    /// which this one has not seen yet.
    private static let laterGenerationAnswersMax = 6
    /// The same for a cursor that this replica has seen itself.
    private static let lostAnswersMax = 10
    /// How far a replica may have been ahead of the one that ended a generation, in entries.
    public static let leeway: UInt64 = 65_536

    /// Everything that matches up to here was given to the client.
    public private(set) var cursor: Cursor
    private var stage: Stage
    /// The log had nothing more: only what the ring does, or a tick, is a reason to ask again.
    private var isAtEnd = false
    /// Asking again is no use before the next tick.
    private var awaitsTick = false
    private var aheadAnswers = 0

    /// - Parameter cursor: Where the client says it stands.
    public static func resuming(after cursor: Cursor) -> ResumeJoin { ResumeJoin(cursor, .resuming) }

    /// - Parameter cursor: Where a client stands that has had its first frame.
    public static func reading(after cursor: Cursor) -> ResumeJoin { ResumeJoin(cursor, .reading) }

    private init(_ cursor: Cursor, _ stage: Stage) {
        self.cursor = cursor
        self.stage = stage
    }

    /// Whether the client has had no frame yet, so that nothing else may be sent to it.
    public var awaitsFirstFrame: Bool { stage == .resuming }

    /// A tick has passed.
    public mutating func ticked() {
        isAtEnd = false
        awaitsTick = false
    }

    /// Where to go on.
    public mutating func advance(in ring: Ring) -> Advance {
        // Of an earlier generation the ring may hold entries that the log has lost since.
        if cursor.generation == ring.headCursor.generation, ring.position(after: cursor) != nil {
            let first = takeFirstFrame()
            return .join(first: first)
        }
        if awaitsTick || isAtEnd && ring.headCursor <= cursor { return .wait }
        return .read(after: cursor)
    }

    /// Takes a page that was read after the client had been told to read, whoever it was read for.
    /// - Parameter ring: What this replica has seen of the log.
    public mutating func received(_ page: ResumePage, ring: Ring) -> Answer {
        if cursor > page.head { return endsBefore(page.head, seen: ring.headCursor) }
        if page.knowsNothing(of: cursor) { return doesNotKnow() }
        // A client of the empty log has 0-0; it missed nothing as long as nothing was trimmed.
        let sawEmptyLog = cursor == .zero && page.resumableFrom.sequence == 0
        if cursor < page.resumableFrom, !sawEmptyLog {
            // Where nothing was trimmed it tells where the log began. Whether that was behind a loss that is not settled
            // yet, only a page that was read for this cursor can say.
            if page.resumableFrom.sequence == 0, page.after != cursor { return .nothing }
            if page.tellsOfHole, cursor < page.after { return .nothing }
            return stage == .reading ? .overtaken : .startFresh(.trimmed(cursor, resumableFrom: page.resumableFrom))
        }
        guard page.covers(cursor), stage == .reading || page.provesGeneration(of: cursor) else { return .nothing }
        return follow(page, seen: ring.headCursor)
    }

    /// The read could not be made.
    /// - Returns: `comeBack` for a client without a first frame: silence would look like a feed without threats.
    public mutating func readFailed() -> Answer {
        awaitsTick = true
        return stage == .resuming ? .comeBack : .nothing
    }

    /// The client was given everything that matches up to `cursor`, be it only a part of the page.
    public mutating func sent(through cursor: Cursor) {
        guard cursor > self.cursor else { return }
        self.cursor = cursor
        isAtEnd = false
    }

    private mutating func follow(_ page: ResumePage, seen: Cursor) -> Answer {
        aheadAnswers = 0
        var reset: Reset?
        var rest = page.steps(after: cursor)
        if case .move(_, let to)? = rest.first {
            if stage == .resuming, cursor.sequence > to.sequence + min(Self.leeway, .max - to.sequence) {
                return .startFresh(.beyondGeneration(cursor))
            }
            // Who stands within the lost branch is not where the log moved on from.
            reset = Reset(from: cursor, to: to)
            rest = rest.dropFirst()
        }
        let first = takeFirstFrame()
        if let reset { cursor = reset.to }
        isAtEnd = rest.isEmpty
        // Seen here and not in the log: lost, which is settled soon.
        if isAtEnd, seen > cursor { awaitsTick = true }
        return first == nil && reset == nil && rest.isEmpty ? .nothing : .send(first: first, reset: reset)
    }

    /// The log ends before the cursor: lost, unless the client made it up.
    private mutating func endsBefore(_ head: Cursor, seen: Cursor) -> Answer {
        guard !awaitsTick else { return .nothing }
        awaitsTick = true
        aheadAnswers += 1
        // It was read from a log that is no more: a Redis server that was replaced, whose end nobody else has seen.
        if stage == .reading { return aheadAnswers < Self.lostAnswersMax ? .nothing : .overtaken }
        if seen >= cursor { return aheadAnswers < Self.lostAnswersMax ? .nothing : .comeBack }
        let patience =
            cursor.generation > head.generation ? Self.laterGenerationAnswersMax : Self.aheadAnswersMax
        return aheadAnswers < patience ? .nothing : .startFresh(.ahead(cursor, head: head))
    }

    /// The log never had the cursor's generation: it is of a branch that was left, unless the client made it up.
    private mutating func doesNotKnow() -> Answer {
        guard !awaitsTick else { return .nothing }
        awaitsTick = true
        aheadAnswers += 1
        if stage == .reading { return aheadAnswers < Self.lostAnswersMax ? .nothing : .overtaken }
        return aheadAnswers < Self.aheadAnswersMax ? .nothing : .startFresh(.unknownGeneration(cursor))
    }

    private mutating func takeFirstFrame() -> FirstFrame? {
        guard stage == .resuming else { return nil }
        stage = .reading
        return FirstFrame(cursor: cursor)
    }
}
