public import ThreatFeed

/// Whether the promises were kept: what clients received against what replicas acknowledged.
public struct FeedVerdict: Sendable {
    public internal(set) var clients = 0
    public internal(set) var acknowledged = 0
    /// Entries received by all clients together.
    public internal(set) var delivered = 0
    /// Entries each client should have received, summed.
    public internal(set) var expected = 0
    /// Sequence numbers a client missed between two that it received.
    public internal(set) var gaps = 0
    /// Entries a client received more than once, by cursor or by id.
    public internal(set) var duplicates = 0
    /// Entries received after one with a higher cursor, and cursors that carry another threat at another client.
    public internal(set) var disorder = 0
    /// Acknowledged threats that a client did not receive although another did, or that nobody received; summed over
    /// the clients.
    public internal(set) var undelivered = 0
    /// Ids of acknowledged threats that not one of the clients they are owed to received.
    public internal(set) var lost: Set<String> = []
    /// Deliveries whose id and cursor are not those of the HTTP answer.
    public internal(set) var mismatches = 0
    /// Resumes that were refused.
    public internal(set) var failedResumes = 0
    /// Moves of the log to a new generation, seen by all clients together.
    public internal(set) var resets = 0
    /// Entries of a higher generation that came without a `reset` before them.
    public internal(set) var unannounced = 0
    /// The first findings, one line each; at most `findingsMax`.
    public internal(set) var findings: [String] = []

    public static let findingsMax = 20
    private let allowsFailedResumes: Bool

    public var isKept: Bool {
        gaps == 0 && duplicates == 0 && disorder == 0 && undelivered == 0 && mismatches == 0 && unannounced == 0
            && (failedResumes == 0 || allowsFailedResumes)
    }

    /// - Parameters:
    ///   - acknowledged: Cursor and id of every threat that was acknowledged while the clients listened.
    ///   - toleratesLoss: Whether a threat that nobody received counts in `lost` only: Redis was made to forget what it
    ///     had acknowledged.
    ///   - allowsFailedResumes: Whether clients may have been told that they cannot resume. What they missed by it is
    ///     not owed to them either way.
    public init(
        records: [FeedRecord], acknowledged: [(threatID: String, cursor: Cursor)], toleratesLoss: Bool = false,
        allowsFailedResumes: Bool = false
    ) {
        self.allowsFailedResumes = allowsFailedResumes
        clients = records.count
        self.acknowledged = acknowledged.count
        var cursors: [String: Cursor] = [:]
        for entry in acknowledged {
            if let other = cursors.updateValue(entry.cursor, forKey: entry.threatID), other != entry.cursor {
                mismatches += 1
                find("\(entry.threatID) was acknowledged at \(other) and at \(entry.cursor)")
            }
        }
        var order: [Cursor: String] = [:]
        for (index, record) in records.enumerated() {
            check(record, client: index, cursors: cursors, order: &order)
        }
        checkCompleteness(records, cursors, toleratesLoss: toleratesLoss)
    }

    private mutating func check(
        _ record: FeedRecord, client: Int, cursors: [String: Cursor], order: inout [Cursor: String]
    ) {
        delivered += record.deliveries.count
        failedResumes += record.failedResumes
        resets += record.resets.count
        if !allowsFailedResumes {
            for skip in record.skips {
                find("client \(client) could not resume after \(skip.from), only after \(skip.to): \(skip.reason)")
            }
        }
        var last = record.joinedAfter
        var seen: Set<String> = []
        var seenCursors: Set<Cursor> = []
        var pendingMoves = moves(of: record)[...]
        for (index, delivery) in record.deliveries.enumerated() {
            while let move = pendingMoves.first, move.index <= index {
                last = move.to
                // Entries after a move may repeat an id already seen (contract, "reset").
                seen = []
                pendingMoves.removeFirst()
            }
            if !seen.insert(delivery.threatID).inserted || !seenCursors.insert(delivery.cursor).inserted {
                duplicates += 1
                find("client \(client) received \(delivery.threatID) at \(delivery.cursor) again")
            } else {
                checkOrder(delivery, after: last, client)
            }
            // What was appended again after a loss stands in a higher generation than the answer said.
            if let known = cursors[delivery.threatID], known != delivery.cursor,
                known.generation == delivery.cursor.generation
            {
                mismatches += 1
                find("client \(client): \(delivery.threatID) at \(delivery.cursor), answered as \(known)")
            }
            if let other = order.updateValue(delivery.threatID, forKey: delivery.cursor), other != delivery.threatID {
                disorder += 1
                find("\(delivery.cursor) is \(delivery.threatID) at client \(client) and \(other) at another")
            }
            last = max(last ?? delivery.cursor, delivery.cursor)
        }
    }

    /// Where a client was told that it goes on elsewhere.
    private func moves(of record: FeedRecord) -> [(index: Int, to: Cursor)] {
        let skips = record.skips.map { (index: $0.index, to: $0.to) }
        return (record.resets + skips).sorted { ($0.index, $0.to) < ($1.index, $1.to) }
    }

    private mutating func checkOrder(_ delivery: Delivery, after last: Cursor?, _ client: Int) {
        guard let last else { return }
        // A client of the empty log stands at 0-0, before the first generation.
        if delivery.cursor.generation > last.generation, last != .zero {
            unannounced += 1
            find("client \(client) received \(delivery.cursor) after \(last) without a reset")
        }
        if delivery.cursor < last {
            disorder += 1
            find("client \(client) received \(delivery.cursor) after \(last)")
        } else if delivery.cursor.sequence > last.sequence + 1 {
            gaps += Int(clamping: delivery.cursor.sequence - last.sequence - 1)
            find("client \(client) received \(delivery.cursor) right after \(last)")
        }
    }

    private mutating func checkCompleteness(
        _ records: [FeedRecord], _ cursors: [String: Cursor], toleratesLoss: Bool
    ) {
        let received = records.map { Set($0.deliveries.map(\.threatID)) }
        for (id, cursor) in cursors {
            let owed = records.indices.filter { isOwed(cursor, to: records[$0]) }
            expected += owed.count
            let missing = owed.filter { !received[$0].contains(id) }
            guard !missing.isEmpty else { continue }
            if missing.count == owed.count {
                lost.insert(id)
                if toleratesLoss { continue }
            }
            undelivered += missing.count
            for client in missing { find("client \(client) never received \(id), acknowledged at \(cursor)") }
        }
    }

    private func isOwed(_ cursor: Cursor, to record: FeedRecord) -> Bool {
        // What was in the log before a client joined is not owed to it.
        if let joined = record.joinedAfter, cursor <= joined { return false }
        // A refused resume was told; whether it may happen is judged by itself.
        return !record.skips.contains { cursor > $0.from && cursor <= $0.to }
    }

    private mutating func find(_ finding: String) {
        if findings.count < Self.findingsMax { findings.append(finding) }
    }
}
