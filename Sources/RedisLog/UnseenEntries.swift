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

    mutating func append(_ entry: LogEntry) {
        entries.append(entry)
        byteCount += entry.record.tail.count
        while entries.count > Self.countMax || byteCount > Self.bytesMax { removeFirst() }
    }

    /// The ring has everything of the head's generation up to it.
    mutating func delivered(through head: Cursor) {
        ringHead = head
        while let first = entries.first, first.cursor.generation == head.generation, first.cursor <= head {
            removeFirst()
        }
    }

    /// Whether there is something of another generation than the ring's: the log went on without it, perhaps.
    var isRepairOwed: Bool {
        entries.first.map { $0.cursor.generation != ringHead.generation } ?? false
    }

    /// The log that the ring follows has all of these.
    mutating func repaired(_ those: [LogEntry]) {
        guard let last = those.last?.cursor else { return }
        while let first = entries.first, first.cursor <= last { removeFirst() }
    }

    private mutating func removeFirst() {
        byteCount -= entries.removeFirst().record.tail.count
    }
}
