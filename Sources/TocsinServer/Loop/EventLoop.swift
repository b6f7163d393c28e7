import Broadcast
import Codecs
import HTTPProtocol
import PosixIO
import RedisLog
import ThreatFeed

/// One thread of the replica: its own poller, listener, connections, ring and Redis connection.
///
/// A turn (docs/architecture.md): wait, serve readable sockets, send the turn's publishes to Redis, take new entries,
/// look at deadlines, send answers, sweep the feed to the clients. Sending last lets everything that a turn made for
/// one client leave together.
///
/// Nothing in here is locked: a connection lives and dies on one loop.
final class EventLoop {
    let shared: ReplicaShared
    let metrics: LoopMetrics
    let mailbox: Mailbox<LoopMessage>
    let poller: Poller
    /// Commands to Redis: publishes and reads for this loop's clients.
    let log: LogClient
    /// The subscription to the log; on one loop only.
    var follower: FeedSource?

    var connections = ConnectionSlab()
    /// `nil` until the log has been read once.
    var feed: Feed?
    /// Slots of connections that have something of their own to send.
    var dirty: [PollToken] = []
    var sweep = Sweep()
    /// Connections on their way through the log into the ring.
    var catchingUp: [PollToken] = []
    /// Reads the log for all of them.
    var reader = ResumeReader()
    /// Streams that wait for their turn to start.
    var starts: StreamStarts

    /// Large reads of the log for streams, and those for lists, whose searches may be long: neither waits for the other.
    private(set) lazy var reads = ReadQueue { [unowned self] in connections.find($0) != nil }
    private(set) lazy var listReads = ReadQueue { [unowned self] in connections.find($0) != nil }

    /// WebSockets whose messages waited for their first frame, which has been put into the outbox.
    var heldMessages: [PollToken] = []

    var now = MonotonicTime.now
    /// Coarse time for deadlines of connections, set with `now`.
    private(set) var tick = Tick(count: 0)
    var httpDate = ""
    var threatParser = ThreatParser()
    var random = SystemRandomNumberGenerator()
    /// For all clients that agreed on compression: no context is kept between messages.
    let inflater = Inflater()
    /// Serves every read. SAFETY: owned by the loop, freed in deinit, never kept beyond one call.
    let scratch = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 256 << 10)

    /// What TLS makes of it. SAFETY: as `scratch`; `nil` base when there is no TLS.
    let plaintextScratch: UnsafeMutableRawBufferPointer

    /// `nil` once a drain no longer takes connections.
    private var listener: Listener?
    private let started = MonotonicTime.now
    private var nextTick: MonotonicTime
    private var drainEnd: MonotonicTime?
    private var listenEnd: MonotonicTime?
    private(set) var isFinished = false
    /// A tick so late means that the process did not run.
    private static let stopMin = Duration.seconds(2)

    /// Descriptors of the loop itself; connections have the slots below.
    enum Source {
        static let listener = PollToken(slot: .max, generation: 0)
        static let mailbox = PollToken(slot: .max - 1, generation: 0)
        static let log = PollToken(slot: .max - 2, generation: 0)
        static let subscription = PollToken(slot: .max - 3, generation: 0)
        static let followerCommands = PollToken(slot: .max - 4, generation: 0)
        static let sentinel = PollToken(slot: .max - 5, generation: 0)
        static let first: UInt32 = .max - 5
    }

    init(
        shared: ReplicaShared, handle: LoopHandle, listener: consuming FileDescriptor, peers: [LoopHandle]?
    ) throws(SystemError) {
        self.shared = shared
        metrics = handle.metrics
        mailbox = handle.mailbox
        poller = try Poller()
        let listener = Listener(socket: listener)
        self.listener = listener
        nextTick = started
        starts = StreamStarts(perSecond: Double(shared.limits.streamsPerSecondMax) / Double(shared.loops.count))
        plaintextScratch =
            shared.certificates == nil
            ? UnsafeMutableRawBufferPointer(start: nil, count: 0)
            : Self.makePlaintextScratch(readBytes: scratch.count)
        log = LogClient(
            link: RedisLink(
                endpoint: shared.endpoint, poller: poller, token: Source.log, name: shared.linkName("commands"),
                randomSeed: random.next()),
            keys: shared.keys, retention: shared.retention, replicasMin: shared.configuration.redisMinReplicas,
            unixMilliseconds: { [clock = shared.steadyClock] in clock.unixMilliseconds() })
        log.heldEntries = { [unowned self] in feed?.ring.logEntries(after: $0) ?? [] }
        if let peers {
            follower = FeedSource(
                shared: shared, poller: poller, peers: peers,
                tokens: (
                    subscription: Source.subscription, commands: Source.followerCommands, sentinel: Source.sentinel
                ),
                seed: random.next(),
                deliver: { [unowned self] in receive($0) },
                heldEntries: { [unowned self] in feed?.ring.logEntries(after: $0) ?? [] })
        }
        try poller.add(listener.descriptor, .readable, token: Source.listener)
        try poller.add(mailbox.descriptor, .readable, token: Source.mailbox)
    }

    deinit {
        scratch.deallocate()
        plaintextScratch.deallocate()
    }

    /// Serves until drained.
    func run() {
        updateDate()
        if shared.site.usesLog { log.link.start(now: now) }
        follower?.start(now: now)
        while !isFinished { turn() }
        connections = ConnectionSlab()
    }

    private func turn() {
        let count = poller.wait(timeoutMilliseconds: timeoutMilliseconds())
        now = .now
        tick = Tick(now, since: started)
        for index in 0..<count {
            let event = poller.event(at: index)
            if event.token.slot >= Source.first {
                serve(source: event.token, event.events)
            } else {
                serve(connection: event.token, event.events)
            }
        }
        serveHeldMessages()
        log.flush(now: now)
        if let deadline = log.link.nextDeadline, now >= deadline { log.link.tick(now: now) }
        if let deadline = follower?.nextDeadline, now >= deadline { follower?.tick(now: now) }
        if now >= nextTick { runTick() }
        if let turn = starts.nextTurn, now >= turn { startDueStreams() }
        serveReader()
        sendDirty()
        sweepSlice()
        log.flush(now: now)
        follower?.flush(now: now)
    }

    private func serve(source: PollToken, _ events: PollEvents) {
        switch source {
        case Source.listener: if let listener { acceptConnections(listener) }
        case Source.mailbox: for message in mailbox.take() { receive(message) }
        case Source.log: log.link.handle(events, now: now)
        default: follower?.handle(source, events, now: now)
        }
    }

    private func receive(_ message: LoopMessage) {
        switch message {
        case .begin(let cursor, let entries):
            feed = Feed(bounds: shared.ringBounds, startingAfter: cursor)
            take(entries)
        case .entries(let entries): take(entries)
        case .trimmed(let cursor): feed?.trim(through: cursor)
        case .masterMoved(let epoch): log.link.leaveMaster(before: epoch)
        case .drain(let period): beginDrain(within: period)
        case .stop: isFinished = true
        }
    }

    private func take(_ entries: [FeedEntry]) {
        for entry in entries {
            feed?.append(entry)
            sweep.isWanted = true
            sweep.unsentEntries += 1
            sweep.unsentBytes += entry.byteCount
            // More than the ring holds may come at once; nobody is slow who was not given the chance to take it.
            if sweep.unsentEntries >= shared.ringBounds.entriesMax / 2
                || sweep.unsentBytes >= shared.ringBounds.bytesMax / 2
            {
                while sweep.isDue { sweepSlice() }
            }
        }
        if let last = entries.last { log.observe(head: last.cursor) }
        if let ring = feed?.ring { metrics.ring(entries: ring.count, bytes: ring.byteCount) }
        advanceCatchUps()
    }

    private func timeoutMilliseconds() -> Int32 {
        if sweep.isDue || reader.isDue || !dirty.isEmpty || !heldMessages.isEmpty { return 0 }
        var next = nextTick
        if let turn = starts.nextTurn { next = min(next, turn) }
        if let deadline = log.link.nextDeadline { next = min(next, deadline) }
        if let deadline = follower?.nextDeadline { next = min(next, deadline) }
        return Int32(clamping: max(0, (next - .now).millisecondsRoundedUp))
    }

    private func runTick() {
        updateDate()
        // After a stop of the process what came meanwhile must be read before anybody is found to be silent.
        let wasStopped = now - nextTick > Self.stopMin
        // Between drains nothing needs finer time than a second; an idle replica should sleep.
        nextTick = now + (drainEnd == nil ? .seconds(1) : Tick.duration)
        advanceCatchUps(isTick: true)
        if !wasStopped { checkDeadlines() }
        if let listener { resumeAccepting(listener) }
        if let drainEnd, now >= drainEnd || hasNothingLeft { isFinished = true }
        if let listenEnd, now >= listenEnd { stopListening() }
    }

    /// Takes those who are in the backlog already, and then no more: what came later would be reset at the end.
    private func stopListening() {
        guard let listener else { return }
        acceptConnections(listener)
        self.listener = nil
        // A new connection is refused at once, so that its client tries another replica.
    }

    /// The loop that follows the log outlives the others: their clients want the feed until they are closed.
    private var hasNothingLeft: Bool {
        connections.count == 0 && (follower == nil || shared.runningLoops.value == 1)
    }

    private func updateDate() {
        httpDate = HTTPDate.format(unixSeconds: unixMilliseconds() / 1000)
    }

    private func beginDrain(within period: Duration) {
        guard drainEnd == nil else { return }
        drainEnd = now + period
        listenEnd = now + period * 0.8
        nextTick = now
        scheduleClosing(within: period)
    }
}
