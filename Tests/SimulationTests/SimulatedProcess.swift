import Broadcast
import PosixIO
import ThreatFeed

@testable import RedisLog

/// One life of `tocsin serve`: a follower and its loops, driven by the simulation's clock and network alone.
///
/// Around the real tracker, subscription session, ring and feed it does what `LogFollower` and `FeedSource` do.
final class SimulatedProcess {
    let gate: ProcessGate
    let client: ModelClient
    let subscription: SubscriptionLink
    let loops: [SimulatedLoop]
    private(set) var tracker: FeedTracker

    private static let probeInterval = 1_000_000
    private static let lastMessages = 200_000
    private unowned let world: World
    private let subscriberID: Int
    private var session = SubscriptionSession()
    private var isProbing = false
    private var namedEpoch = 0
    private var isRepairOwed = false
    private var isRepairing = false
    private var hasBegun = false
    private var resumableFrom = Cursor.zero
    /// When mail for the loops behind the first one arrives, so that it keeps its order.
    private var mailDue = 0

    init(index: Int, clockErrorMilliseconds: Int64, world: World) {
        self.world = world
        gate = ProcessGate(index: index, clockErrorMilliseconds: clockErrorMilliseconds, world: world)
        subscriberID = world.nextNumber()
        tracker = world.profile.tracker
        client = ModelClient(world: world, process: gate)
        subscription = SubscriptionLink(world: world, process: gate)
        let gate = gate
        loops = (0..<world.profile.loopCount).map { SimulatedLoop(index: $0, world: world, gate: gate) }
    }

    /// As `/ready` tells.
    var isReady: Bool {
        gate.isAlive && client.link.server != nil && session.isProven && tracker.isPrimed && !tracker.needsRetry
    }

    /// Whether something that only this replica holds has yet to go back into the log.
    var owesRepair: Bool {
        isRepairOwed || isRepairing || ([client] + loops.map(\.log)).contains { $0.unseen.isRepairOwed }
    }

    var readiness: String {
        "commands \(client.link.server != nil), subscribed \(session.isSubscribed), proven \(session.isProven), "
            + "primed \(tracker.isPrimed), live \(tracker.isLive), probing \(isProbing), paused \(gate.isPaused)"
    }

    /// What the ring holds that entries are appended again from.
    var heldIDs: Set<String> {
        var held = Set(loops[0].feed?.ring.logEntries(after: .zero).map(\.record.id) ?? [])
        for client in [client] + loops.map(\.log) { held.formUnion(client.unseen.entries.map(\.record.id)) }
        return held
    }

    func start() {
        let ring = loops[0]
        client.heldEntries = { [unowned ring] in ring.feed?.ring.logEntries(after: .zero) ?? [] }
        client.link.onUp = { [unowned self] in clientCameUp() }
        subscription.onUp = { [unowned self] in session.linkCameUp() }
        subscription.onSubscribed = { [unowned self] in
            session.subscribed(now: world.monotonic)
            perform(tracker.subscribed())
            tickSession()
        }
        subscription.onDown = { [unowned self] in
            session.linkWentDown()
            tracker.linkWentDown()
        }
        subscription.onMessage = { [unowned self] in received($0) }
        client.link.start()
        subscription.start()
        for loop in loops { loop.log.link.start() }
        scheduleTick()
    }

    /// The process is gone; its clients see their connections end.
    func end() {
        gate.end()
        subscription.stop()
        client.link.stop()
        for loop in loops { loop.end() }
    }

    /// Everything that stands still moves on after this time at most.
    private func scheduleTick() {
        world.time.after(Self.probeInterval) { [weak self] in
            guard let self else { return }
            gate.whenRunning { [weak self] in self?.tick() }
            if gate.isAlive { scheduleTick() }
        }
    }

    private func tick() {
        client.link.checkPeer()
        askSentinel()
        tickSession()
        probe()
        for loop in loops { loop.tick() }
        client.repairUnseen()
        begin()
    }

    private func askSentinel() {
        guard world.profile.serverCount > 1, let named = world.address(for: gate.index) else { return }
        world.time.after(world.networkDelay()) { [weak self] in
            self?.gate.whenRunning { [weak self] in self?.receivedMaster(of: named.epoch) }
        }
    }

    private func receivedMaster(of epoch: Int) {
        guard epoch > namedEpoch else { return }
        namedEpoch = epoch
        client.link.leaveMaster(before: epoch)
        post { $0.log.link.leaveMaster(before: epoch) }
        // What was acknowledged there in the last moment must still arrive.
        world.time.after(Self.lastMessages) { [weak self] in
            self?.gate.whenRunning { [weak self] in self?.subscription.leaveMaster(before: epoch) }
        }
    }

    private func tickSession() {
        switch session.tick(now: world.monotonic, canPublish: client.link.server != nil) {
        case .none: break
        case .publish(let number):
            client.link.send(.probe(subscriber: subscriberID, number: number)) { [weak self] answer in
                if case .failure = answer { self?.session.publishFailed(number: number) }
            }
        case .reconnect: subscription.cut()
        }
    }

    private func clientCameUp() {
        session.commandsCameUp(now: world.monotonic)
        perform(tracker.retry())
        probe()
    }

    private func received(_ message: ChannelMessage) {
        session.received(now: world.monotonic)
        switch message {
        case .entries(let entries): perform(tracker.received(entries))
        case .announcement: perform(tracker.receivedUnreadable())
        case .probe(let subscriber, let number):
            if subscriber == subscriberID { session.heard(number: number) }
            begin()
        }
    }

    private func probe() {
        guard client.link.server != nil, !isProbing else { return }
        isProbing = true
        let headAtProbe = tracker.head
        client.maintain { [weak self] status in
            guard let self else { return }
            isProbing = false
            guard let status else { return }
            if status.head.resumableFrom != resumableFrom {
                resumableFrom = status.head.resumableFrom
                post { $0.feed?.trim(through: status.head.resumableFrom) }
            }
            perform(tracker.headSeen(status.head, headAtProbe: headAtProbe))
            adopt(status)
        }
        repairIfOwed()
    }

    private func adopt(_ status: LogStatus) {
        guard status.head.cursor != .zero, let incarnation = client.link.incarnation, incarnation != status.incarnation,
            status.head.cursor >= tracker.head
        else { return }
        client.recover(observed: status.head.cursor) { [weak self] head in
            guard let self, let head else { return }
            perform(tracker.headSeen(head, headAtProbe: tracker.head))
        }
    }
}

// MARK: - The tracker's actions

extension SimulatedProcess {
    private func perform(_ actions: [FeedTracker.Action]) {
        for action in actions {
            switch action {
            case .deliver(let entries): deliver(entries)
            case .reset(let from, let to, _):
                world.trace("replica \(gate.index) reset \(from) to \(to)")
                client.observe(head: to)
                post([world.entry(reset: from, to: to)])
                isRepairOwed = true
            case .readNewest(let number, let limit):
                client.newest(limit: limit) { [weak self] page in
                    guard let self else { return }
                    guard let page else { return tracker.readFailed(number) }
                    perform(tracker.newestAnswered(number, page))
                    client.observe(head: page.head.cursor)
                }
            case .read(let number, let after, let limit):
                client.resume(after: after, limit: limit) { [weak self] outcome in
                    guard let self else { return }
                    guard let outcome else { return tracker.readFailed(number) }
                    perform(tracker.readAnswered(number, outcome))
                }
            case .fork(let number, let observed): fork(number, observed: observed)
            }
        }
        if actions.contains(where: \.isReset) { repairIfOwed() }
    }

    private func repairIfOwed() {
        guard isRepairOwed, !isRepairing, client.link.server != nil else { return }
        isRepairOwed = false
        isRepairing = true
        client.repair { [weak self] head in
            head.generation == self?.tracker.head.generation
        } completion: { [weak self] succeeded in
            guard let self else { return }
            isRepairing = false
            if !succeeded { isRepairOwed = true }
        }
    }

    private func fork(_ number: FeedTracker.ReadNumber, observed: Cursor) {
        world.trace("replica \(gate.index) forks at \(observed), knowing \(tracker.head)")
        client.observe(head: tracker.head)
        client.recover(observed: observed) { [weak self] head in
            guard let self else { return }
            if head == nil { tracker.readFailed(number) } else { perform(tracker.forkFinished(number)) }
        }
    }

    private func deliver(_ entries: [LogEntry]) {
        guard let first = entries.first, let last = entries.last else { return }
        client.observe(head: last.cursor)
        let framed = entries.map { world.entry($0) }
        if hasBegun { return post(framed) }
        hasBegun = true
        let before = Cursor(
            generation: first.cursor.generation, sequence: first.cursor.sequence - min(1, first.cursor.sequence))
        post { $0.begin(after: before, framed) }
    }

    /// An empty log has nothing that would begin the feed.
    private func begin() {
        guard !hasBegun, isReady else { return }
        hasBegun = true
        let head = tracker.head
        post { $0.begin(after: head, []) }
    }

    private func post(_ entries: [FeedEntry]) {
        post { $0.take(entries) }
    }

    private func post(_ message: @escaping (SimulatedLoop) -> Void) {
        message(loops[0])
        for loop in loops.dropFirst() {
            mailDue = max(mailDue + 1, world.time.now + world.delay(microseconds: 1...3_000))
            world.time.after(mailDue - world.time.now) { [weak self] in
                self?.gate.whenRunning { message(loop) }
            }
        }
    }
}
