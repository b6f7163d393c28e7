public import ThreatFeed

/// The names of a tenant's keys. All lie in one hash slot, that of `{tenant}`.
public struct LogKeys: Hashable, Sendable {
    public let log: String
    public let ids: String
    public let counts: String
    public let meta: String
    /// The pub/sub channel.
    public let feed: String

    public init(prefix: String = "tocsin", tenant: String = "default") {
        let base = "\(prefix):{\(tenant)}:"
        log = base + "log"
        ids = base + "ids"
        counts = base + "counts"
        meta = base + "meta"
        feed = base + "feed"
    }
}

/// How much of the log is kept. What either bound lets go of is trimmed together with its index.
public struct LogRetention: Hashable, Sendable {
    /// Up to `max(16, entriesMax / 100)` more may stand, so that trimming is done in batches.
    public var entriesMax: Int
    public var ageMax: Duration
    /// How long the whole log stays in Redis after nobody follows it or publishes to it any more; `nil` for ever.
    public var lease: Duration?

    public init(entriesMax: Int = 100_000, ageMax: Duration = .seconds(7 * 86_400), lease: Duration? = nil) {
        self.entriesMax = entriesMax
        self.ageMax = ageMax
        self.lease = lease
    }
}

/// What became of a record that was published and kept.
public enum PublishOutcome: Hashable, Sendable {
    case accepted(Cursor)
    /// The same id and content are in the log already.
    case replayed(LogEntry)
    /// The id stands for other content, at this cursor.
    case conflict(Cursor)
}

/// Why Redis did not do what was asked.
public enum LogError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Redis cannot be reached or refuses. Whether a record was kept is unknown when the connection broke.
    case unavailable(reason: String)
    /// Redis shows a head below one already seen, and the fork did not succeed either.
    case lost(head: Cursor)
    /// Redis has lost entries, and for a moment accepts only those that replicas still hold.
    case repairing
    /// Too few replicas of Redis have the record; it may be delivered all the same, and a retry with its id may
    /// succeed.
    case tooFewReplicas(acknowledged: Int, needed: Int)

    public var description: String {
        switch self {
        case .unavailable(let reason): reason
        case .lost(let head): "the log in Redis ends at \(head), before entries already seen"
        case .repairing: "the log is being repaired after a loss in Redis"
        case .tooFewReplicas(let acknowledged, let needed):
            "\(acknowledged) of \(needed) replicas of Redis have it"
        }
    }
}

public typealias PublishResult = Result<PublishOutcome, LogError>

/// Where the log stands.
public struct LogHead: Hashable, Sendable {
    /// The last entry; `Cursor.zero` when there is no log.
    public var cursor: Cursor
    /// The log can be read without a gap from any cursor at or after this one.
    public var resumableFrom: Cursor
    /// At the last fork, the last entry that Redis still had; `Cursor.zero` without a fork.
    public var forkedAt: Cursor

    public init(cursor: Cursor, resumableFrom: Cursor, forkedAt: Cursor) {
        self.cursor = cursor
        self.resumableFrom = resumableFrom
        self.forkedAt = forkedAt
    }

    public static let none = LogHead(cursor: .zero, resumableFrom: .zero, forkedAt: .zero)
}

/// The answer to a read after a cursor.
public enum ResumeOutcome: Hashable, Sendable {
    /// What follows, oldest first; fewer than the limit means all there is. `anchored` tells whether the entry at the
    /// cursor itself is still in the log, hence that what follows was appended after it.
    case entries([LogEntry], head: LogHead, anchored: Bool)
    /// The cursor is beyond the log's head.
    case ahead(head: LogHead)
    /// What follows the cursor was trimmed or lost in part; `head.resumableFrom` is from where on nothing is missing.
    case trimmed(head: LogHead)
    /// The log never had the generation of the cursor.
    case unknownGeneration(head: LogHead)
}

/// Entries as Redis has them, with the head at the same moment.
public struct LogPage: Hashable, Sendable {
    public var entries: [LogEntry]
    public var head: LogHead

    public init(entries: [LogEntry], head: LogHead) {
        self.entries = entries
        self.head = head
    }
}

/// What is retained, counted.
public struct LogAnalytics: Hashable, Sendable {
    /// All threats ever accepted.
    public var acceptedTotal: UInt64
    public var retained: Int
    /// Entries retained, by facets.
    public var counts: [Facets: Int]
    /// The last entry at that moment; `Cursor.zero` when there is no log.
    public var head: Cursor

    public init(acceptedTotal: UInt64, retained: Int, counts: [Facets: Int], head: Cursor) {
        self.acceptedTotal = acceptedTotal
        self.retained = retained
        self.counts = counts
        self.head = head
    }
}

/// The answer to the probe made every second.
public struct LogStatus: Hashable, Sendable {
    public var head: LogHead
    public var retained: Int
    public var acceptedTotal: UInt64
    /// Entries that this probe let go of.
    public var trimmed: Int
    /// Why Redis takes no writes at the moment; `nil` while it does.
    public var writesRefused: String?
    /// The incarnation of the server that the log was last adopted in (`ServerFacts`); empty for none.
    public var incarnation: String
    /// Which log it is; `nil` for none, and for one of a version that gave no identities.
    public var identity: LogIdentity?
    /// What its keys do not agree on: something of it was lost (`Vouching`), and nobody has settled that yet.
    public var damage: String?
    /// The last loss of that kind that was settled, with the generation that the log went on in.
    public var settledDamage: String?
    /// The index is being made again.
    public var isRebuilding = false

    /// The most entries that one probe lets go of; after that many there may be more.
    public static let trimmedMax = 256

    public init(
        head: LogHead, retained: Int, acceptedTotal: UInt64, trimmed: Int, writesRefused: String?,
        incarnation: String = "", identity: LogIdentity? = nil
    ) {
        self.head = head
        self.retained = retained
        self.acceptedTotal = acceptedTotal
        self.trimmed = trimmed
        self.writesRefused = writesRefused
        self.incarnation = incarnation
        self.identity = identity
    }
}
