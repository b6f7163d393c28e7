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
    /// Acknowledged threats that a client did not receive.
    public internal(set) var undelivered = 0
    /// Deliveries whose id and cursor are not those of the HTTP answer.
    public internal(set) var mismatches = 0
    /// Resumes that were refused.
    public internal(set) var failedResumes = 0
    /// Moves of the log to a new generation, seen by all clients together.
    public internal(set) var resets = 0
    /// The first findings, one line each; at most `findingsMax`.
    public internal(set) var findings: [String] = []

    public static let findingsMax = 20

    public var isKept: Bool {
        gaps == 0 && duplicates == 0 && disorder == 0 && undelivered == 0 && mismatches == 0 && failedResumes == 0
    }

    /// - Parameter acknowledged: Cursor and id of every threat that was acknowledged while the clients listened.
    public init(records: [FeedRecord], acknowledged: [(threatID: String, cursor: Cursor)]) {
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
    }

    private mutating func check(
        _ record: FeedRecord, client: Int, cursors: [String: Cursor], order: inout [Cursor: String]
    ) {
        delivered += record.deliveries.count
        failedResumes += record.failedResumes
        resets += record.resets.count
        if record.failedResumes > 0 { find("client \(client) could not resume \(record.failedResumes) times") }
        var last = record.joinedAfter
        var seen: Set<String> = []
        var seenCursors: Set<Cursor> = []
        var pendingResets = record.resets[...]
        for (index, delivery) in record.deliveries.enumerated() {
            while let reset = pendingResets.first, reset.index <= index {
                last = reset.to
                // Entries after a move may repeat an id already seen (contract, "reset").
                seen = []
                pendingResets.removeFirst()
            }
            if !seen.insert(delivery.threatID).inserted || !seenCursors.insert(delivery.cursor).inserted {
                duplicates += 1
                find("client \(client) received \(delivery.threatID) at \(delivery.cursor) again")
            } else {
                checkOrder(delivery, after: last, client)
            }
            if let known = cursors[delivery.threatID], known != delivery.cursor, record.resets.isEmpty {
                mismatches += 1
                find("client \(client): \(delivery.threatID) at \(delivery.cursor), answered as \(known)")
            }
            if let other = order.updateValue(delivery.threatID, forKey: delivery.cursor), other != delivery.threatID {
                disorder += 1
                find("\(delivery.cursor) is \(delivery.threatID) at client \(client) and \(other) at another")
            }
            last = max(last ?? delivery.cursor, delivery.cursor)
        }
        checkCompleteness(record, client, cursors)
    }

    private mutating func checkOrder(_ delivery: Delivery, after last: Cursor?, _ client: Int) {
        guard let last else { return }
        if delivery.cursor < last {
            disorder += 1
            find("client \(client) received \(delivery.cursor) after \(last)")
        } else if delivery.cursor.sequence > last.sequence + 1 {
            gaps += Int(clamping: delivery.cursor.sequence - last.sequence - 1)
            find("client \(client) received \(delivery.cursor) right after \(last)")
        }
    }

    private mutating func checkCompleteness(_ record: FeedRecord, _ client: Int, _ cursors: [String: Cursor]) {
        let received = Set(record.deliveries.map(\.threatID))
        for (id, cursor) in cursors {
            // What was in the log before the client joined is not owed to it.
            if let joined = record.joinedAfter, cursor <= joined { continue }
            expected += 1
            guard !received.contains(id) else { continue }
            undelivered += 1
            find("client \(client) never received \(id), acknowledged at \(cursor)")
        }
    }

    private mutating func find(_ finding: String) {
        if findings.count < Self.findingsMax { findings.append(finding) }
    }
}
