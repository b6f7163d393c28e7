import DequeModule
public import ThreatFeed

/// A place in the feed as one event loop counts it: entries get consecutive positions as they arrive.
public typealias FeedPosition = UInt64

/// The newest entries of the feed, bounded in number and bytes. The oldest leave first.
public struct Ring {
    public struct Bounds: Sendable {
        public var entriesMax: Int
        public var bytesMax: Int
        /// How many entries, of a sixteenth of `bytesMax` at most, are held a while longer after they have left. What one
        /// thread makes and another lets go of last goes back to the allocator through a lock; the thread that makes
        /// entries holds them longest.
        public var departedMax: Int

        public init(entriesMax: Int, bytesMax: Int, departedMax: Int = 0) {
            precondition(entriesMax > 0 && bytesMax > 0, "a ring holds something")
            self.entriesMax = entriesMax
            self.bytesMax = bytesMax
            self.departedMax = departedMax
        }
    }

    /// An entry with what the ring asks of it, so that entries nobody has looked at for long, and no cache holds, leave
    /// without being read.
    private struct Place {
        let entry: FeedEntry
        let cursor: Cursor
        let byteCount: Int
    }

    private let bounds: Bounds
    private var places: Deque<Place> = []
    /// Entries that have left, oldest first; nobody gets them any more.
    private var departed: Deque<Place> = []
    private var departedBytes = 0
    /// Position of the oldest entry held.
    public private(set) var tail: FeedPosition = 0
    /// Position that the next entry will get; a client that stands here has everything.
    public private(set) var head: FeedPosition = 0
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

    public var count: Int { places.count }

    public subscript(position: FeedPosition) -> FeedEntry {
        precondition(position >= tail && position < head, "the ring holds that position")
        return places[Int(position - tail)].entry
    }

    /// Appends an entry and lets the oldest go while a bound is passed. The newest always stays.
    public mutating func append(_ entry: FeedEntry) {
        precondition(entry.cursor >= headCursor, "cursors never go back")
        // An empty log has no generation yet, and cursors of any other must not seem to lie in this one.
        if cursorBeforeTail == .zero, places.isEmpty { cursorBeforeTail = entry.cursor.predecessor }
        let place = Place(entry: entry, cursor: entry.cursor, byteCount: entry.byteCount)
        places.append(place)
        head += 1
        byteCount += place.byteCount
        headCursor = place.cursor
        while places.count > 1, places.count > bounds.entriesMax || byteCount > bounds.bytesMax {
            let oldest = places.removeFirst()
            byteCount -= oldest.byteCount
            cursorBeforeTail = oldest.cursor
            tail += 1
            if bounds.departedMax > 0 { hold(oldest) }
        }
    }

    private mutating func hold(_ place: Place) {
        departed.append(place)
        departedBytes += place.byteCount
        while departed.count > bounds.departedMax || departedBytes > bounds.bytesMax / 16, !departed.isEmpty {
            departedBytes -= departed.removeFirst().byteCount
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
        var high = places.count
        while low < high {
            let middle = (low + high) / 2
            if places[middle].cursor <= cursor { low = middle + 1 } else { high = middle }
        }
        // A cursor that no entry has may come from another log: what lies between it and the ring is not known.
        let isKnown = low == 0 ? cursor == cursorBeforeTail : places[low - 1].cursor == cursor
        return isKnown ? tail + FeedPosition(low) : nil
    }

    /// The entries of the log held after `cursor`, in order.
    public func logEntries(after cursor: Cursor) -> [LogEntry] {
        places.compactMap { $0.cursor > cursor ? $0.entry.logEntry : nil }
    }

    /// The cursor of a client that continues at `position`.
    public func cursor(before position: FeedPosition) -> Cursor {
        position <= tail ? cursorBeforeTail : places[Int(position - 1 - tail)].cursor
    }
}

extension Cursor {
    /// The cursor just before this one in its generation.
    var predecessor: Cursor {
        Cursor(generation: generation, sequence: sequence - min(1, sequence))
    }
}
