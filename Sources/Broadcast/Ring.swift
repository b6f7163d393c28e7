import DequeModule
public import ThreatFeed

/// A place in the feed as one event loop counts it: entries get consecutive positions as they arrive.
public typealias FeedPosition = UInt64

/// The newest entries of the feed, bounded in number and bytes. The oldest leave first.
public struct Ring {
    public struct Bounds: Sendable {
        public var entriesMax: Int
        public var bytesMax: Int

        public init(entriesMax: Int, bytesMax: Int) {
            precondition(entriesMax > 0 && bytesMax > 0, "a ring holds something")
            self.entriesMax = entriesMax
            self.bytesMax = bytesMax
        }
    }

    private let bounds: Bounds
    private var entries: Deque<FeedEntry> = []
    /// Position of the oldest entry held.
    public private(set) var tail: FeedPosition = 0
    /// Bytes of all entries held.
    public private(set) var byteCount = 0
    /// Cursor just before the oldest entry: whoever stands there misses nothing.
    public private(set) var cursorBeforeTail: Cursor
    /// Cursor of the newest entry, or where the feed began.
    public private(set) var headCursor: Cursor
    /// What retention has let go of: entries up to here are no longer shown, though clients on their way to the head
    /// still get them.
    public private(set) var trimmedThrough = Cursor.zero

    /// - Parameter cursor: Where the feed stands before the first entry is appended.
    public init(bounds: Bounds, startingAfter cursor: Cursor) {
        self.bounds = bounds
        cursorBeforeTail = cursor
        headCursor = cursor
    }

    /// Position that the next entry will get; a client that stands here has everything.
    public var head: FeedPosition { tail + FeedPosition(entries.count) }

    public var count: Int { entries.count }

    public subscript(position: FeedPosition) -> FeedEntry {
        precondition(position >= tail && position < head, "the ring holds that position")
        return entries[Int(position - tail)]
    }

    /// Appends an entry and lets the oldest go while a bound is passed. The newest always stays.
    public mutating func append(_ entry: FeedEntry) {
        precondition(entry.cursor >= headCursor, "cursors never go back")
        // An empty log has no generation yet, and cursors of any other must not seem to lie in this one.
        if cursorBeforeTail == .zero, entries.isEmpty { cursorBeforeTail = entry.cursor.predecessor }
        entries.append(entry)
        byteCount += entry.byteCount
        headCursor = entry.cursor
        while entries.count > 1, entries.count > bounds.entriesMax || byteCount > bounds.bytesMax {
            let oldest = entries.removeFirst()
            byteCount -= oldest.byteCount
            cursorBeforeTail = oldest.cursor
            tail += 1
        }
    }

    /// Notes what retention has let go of.
    public mutating func trim(through cursor: Cursor) {
        trimmedThrough = max(trimmedThrough, cursor)
    }

    /// Where a client continues that has got everything up to `cursor`.
    /// - Returns: `nil` when only the log can tell: entries after `cursor` have left the ring or were let go of, or the
    ///   ring has not seen `cursor`.
    public func position(after cursor: Cursor) -> FeedPosition? {
        guard cursor >= cursorBeforeTail, cursor <= headCursor, cursor >= trimmedThrough || cursor == headCursor else {
            return nil
        }
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].cursor <= cursor { low = middle + 1 } else { high = middle }
        }
        // A cursor that no entry has may come from another log: what lies between it and the ring is not known.
        let isKnown = low == 0 ? cursor == cursorBeforeTail : entries[low - 1].cursor == cursor
        return isKnown ? tail + FeedPosition(low) : nil
    }

    /// The entries of the log held after `cursor`, in order.
    public func logEntries(after cursor: Cursor) -> [LogEntry] {
        entries.compactMap { $0.cursor > cursor ? $0.logEntry : nil }
    }

    /// The cursor of a client that continues at `position`.
    public func cursor(before position: FeedPosition) -> Cursor {
        position <= tail ? cursorBeforeTail : self[position - 1].cursor
    }
}

extension Cursor {
    /// The cursor just before this one in its generation.
    var predecessor: Cursor {
        Cursor(generation: generation, sequence: sequence - min(1, sequence))
    }
}
