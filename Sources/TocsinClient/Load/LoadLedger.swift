import Glibc
package import Histogram
package import PosixIO
package import ThreatFeed

/// What all clients of one loop have received, judged while it comes.
///
/// Every client is owed the same entries, and a replica sends an entry to all of them in the same bytes. So the first
/// client's are read, checked and kept for a while; those of the others are compared with them, which costs no more
/// than a glance at each byte and no allocation. What does not compare equal is read like a first one.
package struct LoadLedger: Sendable {
    private struct Entry {
        var cursor = Cursor.zero
        /// -1 for an entry that is not of this load.
        var number = -1
        var due = MonotonicTime(nanoseconds: 0)
        /// Where its bytes begin, counted since the first that were kept.
        var start = 0
        /// 0 when no bytes are kept.
        var byteCount = 0
    }

    private static let entriesMax = 1 << 16
    private static let keptBytesMax = 16 << 20
    /// Ten minutes; a receipt later than that counts as so late.
    private static let latencyMicrosecondsMax: UInt64 = 600_000_000

    private let idPrefix: String
    /// Whether clients have filters, so that entries of others between theirs are not owed to them.
    private let isFiltered: Bool
    /// Threats with a higher number are taken for those of others.
    private let threatsMax: Int
    private var entries = [Entry](repeating: Entry(), count: LoadLedger.entriesMax)
    private var kept = [UInt8](repeating: 0, count: LoadLedger.keptBytesMax)
    private var keptTotal = 0

    /// Receipts of threats of this load.
    package private(set) var deliveries = 0
    /// Receipts of other entries.
    package private(set) var others = 0
    /// Entries that a client missed between two that it received, or before a heartbeat.
    package private(set) var gaps = 0
    /// Entries that a client received twice running.
    package private(set) var duplicates = 0
    /// Entries received after one with a higher cursor, of a new generation without a word, or with another threat
    /// than another client received.
    package private(set) var disorder = 0
    package private(set) var tallies = LoadTallies()
    /// From when the post was due to each receipt, in microseconds.
    package private(set) var latency = LoadLedger.newHistogram()
    package private(set) var lastReceipt: MonotonicTime?

    package init(idPrefix: String, isFiltered: Bool, threatsMax: Int = LoadTallies.talliesMax) {
        self.idPrefix = idPrefix
        self.isFiltered = isFiltered
        self.threatsMax = threatsMax
    }

    /// For microseconds, with three significant digits.
    package static func newHistogram() -> Histogram<UInt64> {
        Histogram(highestTrackableValue: latencyMicrosecondsMax)
    }

    package static func microseconds(_ latency: Duration) -> UInt64 {
        UInt64(min(Int64(latencyMicrosecondsMax), max(0, latency.nanoseconds / 1_000)))
    }

    /// Takes the entries at the beginning of `bytes` that are known from another client.
    /// - Parameters:
    ///   - position: Where the client stands; moves on with each.
    /// - Returns: How many bytes they were.
    package mutating func takeKnown(
        _ bytes: UnsafeRawBufferPointer, position: inout Cursor, now: MonotonicTime
    ) -> Int {
        var taken = 0
        while taken < bytes.count {
            let next = position.sequence &+ 1
            let entry = entries[Int(truncatingIfNeeded: next) & (Self.entriesMax - 1)]
            guard entry.cursor.sequence == next, entry.cursor.generation == position.generation,
                entry.byteCount > 0, entry.byteCount <= bytes.count - taken, isKept(entry),
                compare(entry, UnsafeRawBufferPointer(rebasing: bytes[taken...]))
            else { break }
            taken += entry.byteCount
            position = entry.cursor
            count(entry.number, entry.due, now)
        }
        return taken
    }

    /// Takes an entry that was read.
    /// - Parameters:
    ///   - wire: Its bytes as received, to know them again; empty when they did not come in one piece.
    package mutating func take(
        _ cursor: Cursor, threatID: String?, wire: ArraySlice<UInt8>, position: inout Cursor, now: MonotonicTime
    ) {
        guard check(cursor, after: position) else { return }
        position = cursor
        let stamp = threatID.flatMap { id in
            LoadStamp(id: id, prefix: idPrefix).flatMap { $0.number < threatsMax ? $0 : nil }
        }
        let slot = Int(truncatingIfNeeded: cursor.sequence) & (Self.entriesMax - 1)
        if entries[slot].cursor == cursor {
            if entries[slot].number != stamp?.number ?? -1 { disorder += 1 }
        } else if entries[slot].cursor < cursor {
            var entry = Entry(cursor: cursor)
            if let stamp { (entry.number, entry.due) = (stamp.number, stamp.due) }
            keep(wire, &entry)
            entries[slot] = entry
        }
        if let stamp { count(stamp.number, stamp.due, now) } else { others += 1 }
    }

    /// Takes the word of a replica that everything up to a cursor was sent.
    package mutating func take(heartbeat cursor: Cursor, position: inout Cursor) {
        guard cursor > position else { return }
        noteGap(before: cursor.sequence &+ 1, after: position)
        position = cursor
    }

    /// - Returns: Whether the entry is new to the client.
    private mutating func check(_ cursor: Cursor, after position: Cursor) -> Bool {
        guard cursor != position else {
            duplicates += 1
            return false
        }
        guard cursor > position else {
            disorder += 1
            return false
        }
        // A client of the empty log stands at 0-0, before the first generation.
        if cursor.generation > position.generation, position != .zero { disorder += 1 }
        noteGap(before: cursor.sequence, after: position)
        return true
    }

    private mutating func noteGap(before sequence: UInt64, after position: Cursor) {
        guard !isFiltered, sequence > position.sequence &+ 1 else { return }
        gaps += Int(clamping: sequence - position.sequence - 1)
    }

    private mutating func count(_ number: Int, _ due: MonotonicTime, _ now: MonotonicTime) {
        guard number >= 0 else {
            others += 1
            return
        }
        lastReceipt = now
        deliveries += 1
        let microseconds = Self.microseconds(now - due)
        latency.record(microseconds)
        tallies.count(number, latencyMicroseconds: UInt32(microseconds))
    }

    // MARK: - Bytes that are kept

    private func isKept(_ entry: Entry) -> Bool { keptTotal - entry.start <= Self.keptBytesMax }

    private func compare(_ entry: Entry, _ bytes: UnsafeRawBufferPointer) -> Bool {
        // SAFETY: both ranges were checked: the entry's lies within `kept`, and `bytes` holds as many.
        kept.withUnsafeBytes { kept in
            guard let known = kept.baseAddress, let received = bytes.baseAddress else { return false }
            return memcmp(known + entry.start % Self.keptBytesMax, received, entry.byteCount) == 0
        }
    }

    private mutating func keep(_ wire: ArraySlice<UInt8>, _ entry: inout Entry) {
        guard !wire.isEmpty, wire.count <= Self.keptBytesMax / 16 else { return }
        let left = Self.keptBytesMax - keptTotal % Self.keptBytesMax
        if left < wire.count { keptTotal += left }
        entry.start = keptTotal
        entry.byteCount = wire.count
        let start = keptTotal % Self.keptBytesMax
        kept.replaceSubrange(start..<(start + wire.count), with: wire)
        keptTotal += wire.count
    }
}
