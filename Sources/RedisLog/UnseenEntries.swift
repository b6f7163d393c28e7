import DequeModule
import ThreatFeed

/// What a client acknowledged, until it has come back to the ring by the subscription. If Redis loses it before that,
/// nobody else in this process has it.
///
/// Bounded; what is too much is left to the ring.
struct UnseenEntries {
    private static let countMax = 4_096
    private static let bytesMax = 4 << 20

    private(set) var entries: Deque<LogEntry> = []
    /// Up to where the ring has the log.
    private(set) var ringHead = Cursor.zero
    private var byteCount = 0
    /// Entries up to `through` stand in the log up to `head`, where the ring has yet to come.
    private var settled: (through: Cursor, head: Cursor)?

    mutating func append(_ entry: LogEntry) {
        entries.append(entry)
        byteCount += entry.record.tail.count
        while entries.count > Self.countMax || byteCount > Self.bytesMax { removeFirst() }
    }

    /// The ring has everything of the head's generation up to it.
    mutating func delivered(through head: Cursor) {
        ringHead = head
        if let settled, settled.head <= head {
            // In another generation the log went on without them, perhaps.
            if settled.head.generation == head.generation { removeAll(through: settled.through) }
            self.settled = nil
        }
        while let first = entries.first, first.cursor.generation == head.generation, first.cursor <= head {
            removeFirst()
        }
    }

    /// Whether there is something of another generation than the ring's: the log went on without it, perhaps.
    var isRepairOwed: Bool {
        guard let first = entries.first?.cursor, first.generation != ringHead.generation else { return false }
        return settled.map { first > $0.through } ?? true
    }

    /// The log that the ring follows has all of these up to `head`. They are kept until the ring has come there: its
    /// server may be one that was replaced, or be lost the moment after.
    mutating func repaired(_ those: [LogEntry], head: Cursor) {
        guard let last = those.last?.cursor else { return }
        settled = (last, head)
        delivered(through: ringHead)
    }

    private mutating func removeAll(through cursor: Cursor) {
        while let first = entries.first, first.cursor <= cursor { removeFirst() }
    }

    private mutating func removeFirst() {
        byteCount -= entries.removeFirst().record.tail.count
    }
}
