import Broadcast
import PosixIO
import RedisLog
import ThreatFeed

/// One log as one event loop serves it: the way to Redis, the newest entries at hand, and the clients who get them.
///
/// A loop has a lane for each log that its replica serves; every connection knows its own. Owned by one loop.
final class Lane {
    let served: ServedLog
    /// Commands to Redis: publishes and reads for this loop's clients.
    let log: LogClient
    /// The subscription to the log; on one loop only.
    var follower: FeedSource?
    /// `nil` until the log has been read once.
    private(set) var feed: Feed?
    var sweep = Sweep()
    /// Connections on their way through the log into the ring.
    var catchingUp: [PollToken] = []
    /// Reads the log for all of them.
    var reader = ResumeReader()
    var firstFrame = FirstFrame()
    /// `nil` while the log is followed.
    var logOutage: OutageCourse?
    /// The number of the outage, from 1 on and around.
    var outagesBegun: UInt8 = 0
    /// The first slot of the connections that may not have been told yet what has become of the log; `nil` when all have.
    var untoldSlot: Int?
    /// Whether the other loops know that this one has a link to Redis.
    var isKnownUp = false
    var linkOutage = LinkOutage()
    let metrics: LaneMetrics
    let tokens: LaneTokens
    private let ringBounds: Ring.Bounds
    /// More than other loops are behind, as a rule.
    private static let departedMax = 128

    init(
        _ served: ServedLog, shared: ReplicaShared, metrics: LaneMetrics, poller: Poller, tokens: LaneTokens,
        randomSeed: UInt64
    ) {
        self.served = served
        self.metrics = metrics
        self.tokens = tokens
        ringBounds = shared.ringBounds(of: served)
        log = LogClient(
            link: RedisLink(
                endpoint: shared.endpoint, poller: poller, token: tokens.commands,
                name: shared.linkName("commands", of: served), randomSeed: randomSeed, limits: shared.linkLimits,
                directory: shared.directory),
            keys: shared.keys(of: served), retention: shared.retention(of: served),
            replicasMin: shared.configuration.redisMinReplicas, membership: shared.membership(of: served),
            unixMilliseconds: { [clock = shared.steadyClock] in clock.unixMilliseconds() })
        log.heldEntries = { [weak self] in self?.heldEntries(after: $0) ?? [] }
    }

    /// What this loop still has of the log after a cursor, in order.
    func heldEntries(after cursor: Cursor) -> [LogEntry] { feed?.ring.logEntries(after: cursor) ?? [] }

    func start(now: MonotonicTime) {
        log.link.start(now: now)
        follower?.start(now: now)
    }

    /// Closes the ways to Redis; what waits for an answer fails.
    func stop() {
        log.stop()
        follower?.stop()
        metrics.ring(entries: 0, bytes: 0)
    }

    /// Whether any stream of this loop is on it.
    var hasClients: Bool { !sweep.clients.isEmpty || !catchingUp.isEmpty }

    /// The log stands after `cursor`: from here on clients can be given what is new.
    func begin(after cursor: Cursor) {
        var bounds = ringBounds
        // This loop makes the entries.
        if follower != nil { bounds.departedMax = Self.departedMax }
        feed = Feed(bounds: bounds, startingAfter: cursor)
        log.observe(head: cursor)
    }

    /// - Returns: Whether so much came since the last pass over the clients that the ring might drop what they lack.
    func append(_ entry: FeedEntry) -> Bool {
        feed?.append(entry)
        sweep.want(byteCount: entry.byteCount)
        return sweep.unsentEntries >= ringBounds.entriesMax / 2 || sweep.unsentBytes >= ringBounds.bytesMax / 2
    }

    /// Notes where the log stands after entries were appended.
    func appended(through cursor: Cursor) {
        log.observe(head: cursor)
        if let feed { metrics.ring(entries: feed.entryCount, bytes: feed.byteCount) }
    }

    func handle(_ source: PollToken, _ events: PollEvents, now: MonotonicTime) {
        if source == tokens.commands { return log.link.handle(events, now: now) }
        follower?.handle(source, events, now: now)
    }

    /// Does what time has made due.
    func tick(now: MonotonicTime) {
        if let deadline = log.link.nextDeadline, now >= deadline {
            log.link.readAhead(now: now)
            log.link.tick(now: now)
        }
        if let deadline = follower?.nextDeadline, now >= deadline { follower?.tick(now: now) }
    }

    func nextDeadline(before limit: MonotonicTime) -> MonotonicTime {
        var next = limit
        if let deadline = log.nextDeadline { next = min(next, deadline) }
        if let deadline = follower?.nextDeadline { next = min(next, deadline) }
        return next
    }
}

/// What a lane's connections to Redis and its Sentinels are called in the poller.
struct LaneTokens {
    let commands: PollToken
    let subscription: PollToken
    let followerCommands: PollToken
    let sentinel: PollToken

    /// The slots that lanes may take; connections have those below `first`.
    private static let slotsPerLane: UInt32 = 4
    private static let last = UInt32.max - 2
    static let first = last + 1 - slotsPerLane * UInt32(ServedLog.allCases.count)

    /// - Parameter generation: Tells a lane's connections from those of an earlier lane of the same log.
    init(_ served: ServedLog, generation: UInt32) {
        let slot = Self.last - served.rawValue * Self.slotsPerLane
        commands = PollToken(slot: slot, generation: generation)
        subscription = PollToken(slot: slot - 1, generation: generation)
        followerCommands = PollToken(slot: slot - 2, generation: generation)
        sentinel = PollToken(slot: slot - 3, generation: generation)
    }

    /// The log whose lane a token belongs to.
    static func served(_ token: PollToken) -> ServedLog? {
        token.slot > last ? nil : ServedLog(rawValue: (last - token.slot) / slotsPerLane)
    }
}
