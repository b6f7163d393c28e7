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
    let links: LoopLinks
    let mailbox: Mailbox<LoopMessage>
    let poller: Poller
    /// The lane of the log that the deployment is for, also the first of `lanes`.
    let threats: Lane
    /// One for each log that is served now.
    private(set) var lanes: [Lane]
    /// The other loops, on the one that follows the logs.
    let peers: [LoopHandle]?
    private var lanesMade: UInt32 = 1

    var connections = ConnectionSlab()
    /// Slots of connections that have something of their own to send.
    var dirty: [PollToken] = []
    /// Streams that wait for their turn to start.
    var starts: StreamStarts

    /// Large reads of the log for streams, and those for lists, whose searches may be long: neither waits for the
    /// other.
    private(set) lazy var reads = ReadQueue { [unowned self] in connections.find($0) != nil }
    private(set) lazy var listReads = ReadQueue { [unowned self] in connections.find($0) != nil }

    /// WebSockets whose messages waited for their first frame, which has been put into the outbox.
    var heldMessages: [PollToken] = []

    /// Whether the log says that posts are refused because the log is not followed.
    var isRefusalTold = false

    /// What others do for this loop.
    var handedCalls = HandedCalls()

    var now = MonotonicTime.now
    /// Coarse time for deadlines of connections, set with `now`.
    private(set) var tick = Tick(count: 0)
    var httpDate = DateField.none
    var threatParser = ThreatParser()
    let hasher = SHA256()
    var random = SystemRandomNumberGenerator()
    /// For all clients that agreed on compression: no context is kept between messages.
    let inflater = Inflater()
    /// What single clients were sent last, to be used again while it is the same.
    var lastPrivateFrame = PrivateFrame([])
    /// Serves every read. SAFETY: owned by the loop, freed in deinit, never kept beyond one call.
    let scratch = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 256 << 10)

    /// What TLS makes of it. SAFETY: as `scratch`; `nil` base when there is no TLS.
    let plaintextScratch: UnsafeMutableRawBufferPointer

    /// `nil` once a drain no longer takes connections.
    private var listener: Listener?
    private let started = MonotonicTime.now
    private var nextTick: MonotonicTime
    private var drain: Drain?
    private(set) var isFinished = false
    /// A tick so late means that the process did not run.
    private static let stopMin = Duration.seconds(2)

    /// Descriptors of the loop itself; connections have the slots below.
    enum Source {
        static let listener = PollToken(slot: .max, generation: 0)
        static let mailbox = PollToken(slot: .max - 1, generation: 0)
        static let first = LaneTokens.first
    }

    /// The moments of a drain.
    private struct Drain {
        let end: MonotonicTime
        /// From then on new connections are refused.
        let listenEnd: MonotonicTime
        /// Until then connections may come that were made before it.
        let arrivalEnd: MonotonicTime
    }

    init(
        shared: ReplicaShared, handle: LoopHandle, listener: consuming FileDescriptor, peers: [LoopHandle]?
    ) throws(SystemError) {
        self.shared = shared
        metrics = handle.metrics
        links = handle.links
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
        self.peers = peers
        threats = Lane(
            .threats, shared: shared, metrics: metrics.threats, poller: poller,
            tokens: LaneTokens(.threats, generation: 0), randomSeed: random.next())
        lanes = [threats]
        if let peers { follow(threats, peers: peers) }
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
        if shared.site.usesLog { threats.start(now: now) }
        while !isFinished { turn() }
        for lane in lanes { links.set(lane.served, downReason: "the event loop has ended") }
        connections = ConnectionSlab()
    }

    private func turn() {
        let count = poller.wait(timeout: timeout())
        metrics.turns.add(1)
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
        for lane in lanes {
            lane.log.flush(now: now)
            lane.tick(now: now)
            noteLink(lane)
        }
        if now >= nextTick { runTick() }
        if let listener { resumeAccepting(listener) }
        if let turn = starts.nextTurn, now >= turn { startDueStreams() }
        for lane in lanes {
            serveReader(lane)
            tellSlice(lane)
        }
        sendDirty()
        for lane in lanes {
            if lane.sweep.isDue(now: now) { sweepSlice(lane) }
            lane.log.flush(now: now)
            lane.follower?.flush(now: now)
        }
    }

    private func serve(source: PollToken, _ events: PollEvents) {
        switch source {
        case Source.listener: if let listener { acceptConnections(listener) }
        case Source.mailbox: for message in mailbox.take() { receive(message) }
        default:
            guard let served = LaneTokens.served(source) else { preconditionFailure("every other source is a lane's") }
            lane(of: served)?.handle(source, events, now: now)
        }
    }

    func lane(of served: ServedLog) -> Lane? { lanes.first { $0.served == served } }

    func addLane(_ served: ServedLog) -> Lane {
        let lane = Lane(
            served, shared: shared, metrics: metrics.of(served), poller: poller,
            tokens: LaneTokens(served, generation: lanesMade), randomSeed: random.next())
        lanesMade &+= 1
        lanes.append(lane)
        return lane
    }

    func removeLane(_ lane: Lane) {
        lanes.removeAll { $0 === lane }
    }

    func follow(_ lane: Lane, peers: [LoopHandle]) {
        lane.follower = FeedSource(
            lane.served, shared: shared, poller: poller, peers: peers, tokens: lane.tokens, seed: random.next(),
            substitute: lane.log, deliver: { [unowned self] in receive($0) },
            heldEntries: { [weak lane] in lane?.heldEntries(after: $0) ?? [] })
    }

    private func receive(_ message: LoopMessage) {
        switch message {
        case .log(let served, let change): receive(change, served)
        case .wanted(let served): open(served)
        case .perform(let action): action(self)
        case .drain(let period): beginDrain(within: period)
        case .stop: isFinished = true
        }
    }

    private func receive(_ change: LogChange, _ served: ServedLog) {
        switch change {
        case .begin(let cursor, let entries):
            let lane = begin(served)
            lane.begin(after: cursor)
            take(entries, lane)
            if served == .threats { feedBegan() }
        case .entries(let entries): if let lane = lane(of: served) { take(entries, lane) }
        case .trimmed(let cursor): lane(of: served)?.feed?.trim(through: cursor)
        case .unreachable(let outage): if let lane = lane(of: served) { beginOutage(outage, lane) }
        case .reachable: if let lane = lane(of: served) { endOutage(lane) }
        case .masterMoved(let revision): lane(of: served)?.log.link.leaveMaster(before: revision)
        case .closed: if let lane = lane(of: served) { close(lane) }
        }
    }

    private func take(_ entries: [FeedEntry], _ lane: Lane) {
        for entry in entries where lane.append(entry) {
            // More than the ring holds may come at once; nobody is slow who was not given the chance to take it.
            while lane.sweep.isPending { sweepSlice(lane) }
        }
        if let last = entries.last { lane.appended(through: last.cursor) }
        advanceCatchUps(lane)
    }

    private func timeout() -> Duration {
        if !dirty.isEmpty || !heldMessages.isEmpty { return .zero }
        var next = nextTick
        if let turn = starts.nextTurn { next = min(next, turn) }
        if let end = listener?.pauseEnd { next = min(next, end) }
        for lane in lanes {
            if lane.sweep.isDue(now: now) || lane.reader.isDue || lane.untoldSlot != nil { return .zero }
            if lane.sweep.isPending { next = min(next, lane.sweep.notBefore) }
            next = lane.nextDeadline(before: next)
        }
        return max(.zero, next - .now)
    }

    private func runTick() {
        updateDate()
        // After a stop of the process what came meanwhile must be read before anybody is found to be silent.
        let wasStopped = now - nextTick > Self.stopMin
        reviewLinks()
        reviewPublishGate()
        endExpiredCalls()
        // Between drains nothing needs finer time than a second; an idle replica should sleep.
        nextTick = now + (drain == nil ? .seconds(1) : Tick.duration)
        for lane in lanes { advanceCatchUps(lane, isTick: true) }
        reviewLanes()
        if !wasStopped { checkDeadlines() }
        if let drain {
            let mayEnd = now >= drain.arrivalEnd && hasNothingLeft
            if mayEnd || now >= drain.listenEnd { stopListening() }
            if now >= drain.end || mayEnd && hasNothingLeft { isFinished = true }
        }
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
        connections.count == 0 && (threats.follower == nil || shared.runningLoops.value == 1)
    }

    private func updateDate() {
        httpDate = DateField(unixSeconds: unixMilliseconds() / 1000)
    }

    private func beginDrain(within period: Duration) {
        guard drain == nil else { return }
        drain = Drain(
            end: now + period, listenEnd: now + period * 0.8, arrivalEnd: now + Listener.deferralMax)
        nextTick = now
        listener?.endDeferral()
        scheduleClosing(within: period)
    }
}
