public import ThreatFeed

/// What the log answered to one read, as every client wants it that stands within what was read.
///
/// Between entries of two generations stands a move, which clients are told with a `reset`.
public struct ResumePage: Sendable {
    /// What a client gets next.
    public enum Step: Hashable, Sendable {
        case entry(LogEntry)
        /// The log went on in a higher generation: `from` is the entry before, `to` lies just before the next one.
        case move(from: Cursor, to: Cursor)

        /// Where a client stands that has had it.
        public var cursor: Cursor {
            switch self {
            case .entry(let entry): entry.cursor
            case .move(_, let to): to
            }
        }
    }

    /// What the log had to say about the cursor that was asked for.
    public enum Answer: Sendable {
        /// What follows it, oldest first, without a gap; empty when nothing does.
        case entries([LogEntry])
        /// The log ends before it.
        case ahead
        /// What follows it is no longer kept, at least not all of it.
        case trimmed
        /// There never was a generation of that number.
        case unknownGeneration
    }

    private enum Content: Sendable {
        case steps([Step], isLast: Bool)
        case refused(Refusal)
    }

    private enum Refusal: Sendable {
        case ahead
        case trimmed
        case unknownGeneration
    }

    /// The cursor that was asked for.
    public let after: Cursor
    /// The last entry of the log at that moment, or where the last move led; `Cursor.zero` when there is no log.
    public let head: Cursor
    /// The log can be read without a gap from here on.
    public let resumableFrom: Cursor
    private let content: Content

    public init(after: Cursor, head: Cursor, resumableFrom: Cursor, answer: Answer) {
        self.after = after
        self.head = head
        self.resumableFrom = resumableFrom
        content =
            switch answer {
            case .entries(let entries):
                .steps(
                    Self.steps(entries, after: after, head: head),
                    // Less than was asked for may also be the bound on one reply's size: the head decides.
                    isLast: entries.isEmpty || entries.last?.cursor == head)
            case .ahead: .refused(.ahead)
            case .trimmed: .refused(.trimmed)
            case .unknownGeneration: .refused(.unknownGeneration)
            }
    }

    /// Everything that follows `after`, in order; empty when the log refused to say.
    public var steps: [Step] {
        switch content {
        case .steps(let steps, _): steps
        case .refused: []
        }
    }

    /// What a client gets that stands at a cursor which this page covers.
    public func steps(after cursor: Cursor) -> ArraySlice<Step> {
        let steps = steps
        var low = 0
        var high = steps.count
        while low < high {
            let middle = (low + high) / 2
            if steps[middle].cursor <= cursor { low = middle + 1 } else { high = middle }
        }
        return steps[low...]
    }

    /// Whether a client at `cursor` gets something from this page, whenever it was read.
    public func offers(_ cursor: Cursor) -> Bool {
        cursor >= after && cursor < (steps.last?.cursor ?? after)
    }

    /// Whether the log said that it never had the generation of `cursor`.
    func knowsNothing(of cursor: Cursor) -> Bool {
        switch content {
        case .steps, .refused(.ahead), .refused(.trimmed): false
        case .refused(.unknownGeneration): cursor.generation == after.generation
        }
    }

    /// Whether the log said that what follows `after` is gone. It may be a hole in the middle of the log: what stands
    /// before it can still be read.
    var tellsOfHole: Bool {
        switch content {
        case .steps, .refused(.ahead), .refused(.unknownGeneration): false
        case .refused(.trimmed): true
        }
    }

    /// Whether everything that a client at `cursor` gets next was known when this page was read.
    func covers(_ cursor: Cursor) -> Bool {
        switch content {
        case .refused: false
        case .steps(let steps, let isLast):
            cursor >= after && (isLast || cursor < (steps.last?.cursor ?? after))
        }
    }

    /// Whether this page proves that the log had the cursor's generation.
    func provesGeneration(of cursor: Cursor) -> Bool {
        let generation = cursor.generation
        if generation == after.generation || generation == head.generation { return true }
        return steps.contains { $0.cursor.generation == generation }
    }

    private static func steps(_ entries: [LogEntry], after: Cursor, head: Cursor) -> [Step] {
        var steps: [Step] = []
        steps.reserveCapacity(entries.count + 1)
        var last = after
        for entry in entries {
            let before = entry.cursor.predecessor
            if isMove(from: last, to: before) { steps.append(.move(from: last, to: before)) }
            steps.append(.entry(entry))
            last = entry.cursor
        }
        // Moved, and nothing appended since.
        if entries.isEmpty, isMove(from: after, to: head) { steps.append(.move(from: after, to: head)) }
        return steps
    }

    /// A log that begins does not move; one that goes on from further than its first entry does, also for a client that
    /// saw it empty: what it may have had meanwhile was lost.
    private static func isMove(from last: Cursor, to: Cursor) -> Bool {
        to.generation > last.generation && (last != .zero || to.sequence > 0)
    }
}
