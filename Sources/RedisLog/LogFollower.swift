public import PosixIO
public import ThreatFeed

/// Follows a tenant's log: one subscription, one command link, one tracker, one probe each second.
///
/// Owned by one event loop, which forwards the events of both tokens and calls `tick` and `flush` each turn.
public final class LogFollower {
    /// Entries in log order, each once, without a gap but for those told by `onReset`.
    public var onEntries: (([LogEntry]) -> Void)?
    /// The log moved: entries after `to` follow and may repeat ids.
    public var onReset: ((_ from: Cursor, _ to: Cursor, _ reason: String) -> Void)?
    /// Called when the health has changed.
    public var onHealth: ((LogHealth) -> Void)?
    /// Retention has let go of everything up to a cursor; called when that has moved.
    public var onTrimmed: ((_ through: Cursor) -> Void)?
    /// Redis has lost a part of the log, be it that it was made again: what did not fit together. Told once for each.
    public var onDamage: ((_ what: String) -> Void)?
    /// What the Sentinels say. After `moved` every other link of the process has to leave the former master, too.
    public var onSentinelNews: ((SentinelNews) -> Void)?
    /// The client on the follower's command link, free for other use on the same loop.
    public let client: LogClient
    /// Reads the log while the follower's own command link is down: another client on the same loop.
    public var substitute: LogClient?
    public private(set) var health = LogHealth(redisUp: false, subscriptionUp: false, reason: "not started")
    /// What the last probe showed.
    public private(set) var status: LogStatus?
    /// When something was last heard through the subscription; `nil` before the first time.
    public private(set) var lastHeard: MonotonicTime?
    /// How many subscribed to the log, this follower among them, when it last asked.
    public private(set) var subscribersSeen = 0

    /// How long the subscription outlasts the command links at a replaced master, for what was acknowledged there at last.
    private static let lastMessages = Duration.milliseconds(200)

    let subscription: RedisLink
    private let watch: SentinelWatch?
    private let subscriptionToken: PollToken
    private let commandToken: PollToken
    private let sentinelToken: PollToken
    /// When the subscription, too, leaves a replaced master.
    private var leavesAt: MonotonicTime?
    let channel: String
    private var tracker: FeedTracker
    private(set) var session: SubscriptionSession
    /// Tells this follower's probes from those of others on the channel.
    private let subscriberID: UInt64
    /// Why the last read gave nothing; `nil` after one that did.
    private(set) var readFailure: LogError?
    /// Why the last probe was not answered with a status; `nil` after one that was.
    private(set) var probeFailure: LogError?
    /// Why the subscription ended last; `nil` once there is one again.
    private(set) var subscriptionFailure: String?
    /// Why the log's lease could not be renewed last; `nil` for one without a lease.
    private(set) var leaseFailure: LogError?
    private var nextProbe: MonotonicTime?
    /// The latest time the owner gave.
    private var clock = MonotonicTime(nanoseconds: 0)
    private var isProbing = false
    private var isRepairOwed = false
    private var isRepairing = false
    private var toldDamages = ToldDamages()
    private let probeInterval: Duration

    /// - Parameters:
    ///   - name: Shown by CLIENT LIST, with `-sub` behind it for the subscription.
    ///   - replicasMin: See `LogClient`, as for `membership` and `unixMilliseconds`.
    ///   - directory: Shared with all links of the process; `nil` for one of the follower's own.
    public init(
        endpoint: RedisEndpoint, poller: Poller, subscriptionToken: PollToken, commandToken: PollToken,
        sentinelToken: PollToken, keys: LogKeys, retention: LogRetention, name: String, randomSeed: UInt64,
        replicasMin: Int = 0, membership: LogMembership = LogMembership(), unixMilliseconds: @escaping () -> Int64,
        tracker: FeedTracker = FeedTracker(), limits: LinkLimits = LinkLimits(), directory: LinkDirectory? = nil,
        probeInterval: Duration = .seconds(1)
    ) {
        let directory = directory ?? LinkDirectory(endpoint)
        self.subscriptionToken = subscriptionToken
        self.commandToken = commandToken
        self.sentinelToken = sentinelToken
        self.tracker = tracker
        self.probeInterval = probeInterval
        session = SubscriptionSession(interval: probeInterval, timeout: limits.answerTimeout)
        subscriberID = randomSeed
        channel = keys.feed
        subscription = RedisLink(
            endpoint: endpoint, poller: poller, token: subscriptionToken, name: name + "-sub",
            randomSeed: randomSeed ^ 0x5DEE_CE66, mode: .subscriber, limits: limits, directory: directory)
        let link = RedisLink(
            endpoint: endpoint, poller: poller, token: commandToken, name: name, randomSeed: randomSeed,
            limits: limits, directory: directory)
        client = LogClient(
            link: link, keys: keys, retention: retention, replicasMin: replicasMin, membership: membership,
            unixMilliseconds: unixMilliseconds)
        watch = SentinelWatch(
            endpoint, directory: directory, poller: poller, token: sentinelToken, name: name + "-sentinel",
            randomSeed: randomSeed ^ 0x5E27_14E1, limits: limits, interval: probeInterval)
        watch?.onNews = { [weak self] in self?.received($0) }
        subscription.onUp = { [weak self] in self?.subscribe() }
        subscription.onDown = { [weak self] in self?.subscriptionWentDown($0) }
        subscription.onPush = { [weak self] in self?.received($0) }
        client.onUp = { [weak self] in self?.clientCameUp() }
        client.onDown = { [weak self] _ in self?.updateHealth() }
        client.onForeign = { [weak self] in
            // The subscription was led astray as well, or will have been when the commands are back.
            self?.subscription.reconnect(reason: "Redis leads to another deployment's log")
            self?.updateHealth()
        }
    }

    /// The last entry delivered.
    public var head: Cursor { tracker.head }

    /// The entries the replica's ring holds after a cursor, in log order (see `LogClient.heldEntries`).
    public var heldEntries: (_ after: Cursor) -> [LogEntry] {
        get { client.heldEntries }
        set { client.heldEntries = newValue }
    }

    public func start(now: MonotonicTime) {
        nextProbe = now + probeInterval
        client.link.start(now: now)
        subscription.start(now: now)
    }

    public func stop() {
        nextProbe = nil
        watch?.stop()
        subscription.stop()
        client.link.stop()
    }

    /// Takes an event of the poller.
    /// - Returns: Whether the token is one of this follower's.
    @discardableResult
    public func handle(_ token: PollToken, _ events: PollEvents, now: MonotonicTime) -> Bool {
        clock = now
        switch token {
        case subscriptionToken: subscription.handle(events, now: now)
        case commandToken: client.link.handle(events, now: now)
        case sentinelToken: watch?.handle(events, now: now)
        default: return false
        }
        return true
    }

    public func tick(now: MonotonicTime) {
        client.link.readAhead(now: now)
        client.link.tick(now: now)
        subscription.readAhead(now: now)
        subscription.tick(now: now)
        clock = now
        watch?.tick(now: now)
        if let due = leavesAt, now >= due, let watch {
            leavesAt = nil
            subscription.leaveMaster(before: watch.revision)
        }
        tickSession()
        guard let due = nextProbe, now >= due else { return }
        nextProbe = now + probeInterval
        probe()
    }

    public var nextDeadline: MonotonicTime? {
        // Asked in every turn of a loop, so without an array.
        var next = MonotonicTime.earliest(client.nextDeadline, subscription.nextDeadline)
        next = .earliest(next, session.nextDeadline)
        next = .earliest(next, nextProbe)
        next = .earliest(next, watch?.nextDeadline)
        return .earliest(next, leavesAt)
    }

    public func flush(now: MonotonicTime) {
        client.flush(now: now)
        subscription.flush(now: now)
        watch?.flush(now: now)
        updateHealth()
    }
}

extension LogFollower {
    private func received(_ news: SentinelNews) {
        if case .moved(let move) = news {
            client.link.leaveMaster(before: move.revision)
            leavesAt = clock + Self.lastMessages
        }
        onSentinelNews?(news)
    }

    private func tickSession() {
        if let due = session.nextDeadline { subscription.readAhead(of: due, now: clock) }
        switch session.tick(now: clock, canPublish: client.isUp) {
        case .none: break
        case .publish(let number):
            let probe = ProbeMessage(subscriber: subscriberID, number: number)
            client.scripts.run(RedisCommand("PUBLISH", channel, probe.text)) { [weak self] result in
                switch result {
                case .failure: self?.session.publishFailed(number: number)
                case .success(let reply): self?.subscribersSeen = Int(reply.integer ?? 0)
                }
            }
        case .reconnect: subscription.reconnect(reason: "what is published does not arrive")
        }
    }

    private func subscribe() {
        session.linkCameUp()
        // Its answer comes as a push (RESP2), so the command itself must not wait for one.
        subscription.sendUnanswered(RedisCommand("SUBSCRIBE", channel))
    }

    private func subscriptionWentDown(_ reason: String) {
        subscriptionFailure = reason
        session.linkWentDown()
        tracker.linkWentDown()
        updateHealth()
    }

    /// A log that could not be leased would stay in Redis for ever, so it is not served either.
    private func renewLease() {
        client.renewLease { [weak self] result in
            if case .failure(let error) = result { self?.leaseFailure = error } else { self?.leaseFailure = nil }
        }
    }

    private func clientCameUp() {
        renewLease()
        perform(tracker.retry())
        session.commandsCameUp(now: clock)
        // Another server may stand behind the address, with another log.
        nextProbe = clock
        updateHealth()
    }

    private func received(_ push: [RedisReply]) {
        guard push.count == 3 else { return }
        switch push[0].text {
        case "subscribe":
            subscriptionFailure = nil
            session.subscribed(now: clock)
            perform(tracker.subscribed())
        case "message":
            guard let payload = push[2].bytes else { return }
            lastHeard = clock
            session.received(now: clock)
            if let probe = ProbeMessage(payload) {
                if probe.subscriber == subscriberID { session.heard(number: probe.number) }
            } else {
                received(message: payload)
            }
        case .some, .none: break
        }
    }

    private func received(message payload: [UInt8]) {
        switch FeedMessage.meaning(of: payload, for: client.identity) {
        case .entries(let entries): perform(tracker.received(entries))
        case .elsewhere: break
        case .lookIntoLog(let isRenamed):
            // The next probe tells its name.
            if isRenamed { nextProbe = clock }
            perform(tracker.receivedUnreadable())
        }
    }

    private var reader: LogClient {
        if let substitute, substitute.isUp, !client.isUp { substitute } else { client }
    }

    private func probe() {
        let reader = reader
        guard reader.isUp, !isProbing else { return }
        isProbing = true
        defer { renewLease() }
        let headAtProbe = tracker.head
        reader.maintain { [weak self] result in
            guard let self else { return }
            isProbing = false
            let status: LogStatus
            do throws(LogError) {
                status = try result.get()
                probeFailure = nil
            } catch {
                // A link that answers and does not serve is of no use to anybody.
                probeFailure = error
                return
            }
            if status.head.resumableFrom != self.status?.head.resumableFrom { onTrimmed?(status.head.resumableFrom) }
            self.status = status
            // What is due goes in steps, each short for Redis, but without a second's pause between them.
            let isDueAgain = status.trimmed >= LogStatus.trimmedMax || status.isRebuilding
            if isDueAgain { nextProbe = MonotonicTime(nanoseconds: 0) }
            if let what = toldDamages.take(status.settledDamage, own: client.settledDamage) { onDamage?(what) }
            perform(tracker.headSeen(status.head, headAtProbe: headAtProbe))
            adopt(status, reader)
        }
        client.link.askAboutMemory()
        client.confirmReplication()
        repairIfOwed()
    }

    /// A server that started anew gets the log adopted at once, rather than with the next publish. So is a log that has
    /// lost something, a copy from another database, and one that has no identity yet.
    private func adopt(_ status: LogStatus, _ client: LogClient) {
        let isStrange =
            status.head.cursor != .zero && status.head.cursor >= tracker.head
            && (client.incarnation.map { $0 != status.incarnation } ?? false
                || status.identity?.database != client.identity.database)
        guard isStrange || status.damage != nil else { return }
        client.recover(observed: status.head.cursor) { [weak self] result in
            guard let self, case .success(let head) = result else { return }
            perform(tracker.headSeen(head, headAtProbe: tracker.head))
        }
    }

    private func perform(_ actions: [FeedTracker.Action]) {
        for action in actions {
            switch action {
            case .deliver(let entries):
                if let last = entries.last { client.observe(head: last.cursor) }
                onEntries?(entries)
            case .reset(let from, let to, let reason):
                client.observe(head: to)
                onReset?(from, to, reason.rawValue)
                isRepairOwed = true
            case .readNewest(let number, let limit): readNewest(number, limit: limit)
            case .read(let number, let after, let limit): read(number, after: after, limit: limit)
            case .fork(let number, let observed): fork(number, observed: observed)
            }
        }
        // Once the ring has what came with the reset.
        if actions.contains(where: \.isReset) { repairIfOwed() }
    }

    /// After a move of the log, until it has succeeded: what this replica holds and Redis lost goes back into the log.
    private func repairIfOwed() {
        guard isRepairOwed, !isRepairing, client.isUp else { return }
        isRepairOwed = false
        isRepairing = true
        client.repair { [weak self] head in
            head.generation == self?.tracker.head.generation
        } completion: { [weak self] result in
            guard let self else { return }
            isRepairing = false
            if case .failure = result { isRepairOwed = true }
        }
    }

    private func readNewest(_ number: FeedTracker.ReadNumber, limit: Int) {
        reader.newest(limit: limit) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let page):
                readFailure = nil
                // First the entries: their generations are some that this client has gone through.
                perform(tracker.newestAnswered(number, page))
                client.observe(head: page.head.cursor)
            case .failure(let error): readFailed(number, error)
            }
        }
    }

    private func read(_ number: FeedTracker.ReadNumber, after: Cursor, limit: Int) {
        reader.resume(after: after, limit: limit) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let outcome):
                readFailure = nil
                perform(tracker.readAnswered(number, outcome))
            case .failure(let error): readFailed(number, error)
            }
        }
    }

    private func fork(_ number: FeedTracker.ReadNumber, observed: Cursor) {
        reader.observe(head: tracker.head)
        reader.recover(observed: observed) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success: perform(tracker.forkFinished(number))
            case .failure(let error): readFailed(number, error)
            }
        }
    }

    /// The next probe asks again; until then readiness tells why.
    private func readFailed(_ number: FeedTracker.ReadNumber, _ error: LogError) {
        readFailure = error
        tracker.readFailed(number)
    }

    private func updateHealth() {
        let redisUp = client.isUp && probeFailure == nil
        let subscriptionUp = session.isProven && tracker.isPrimed && !tracker.needsRetry && leaseFailure == nil
        let health = LogHealth(
            redisUp: redisUp, subscriptionUp: subscriptionUp, reason: redisUp && subscriptionUp ? "" : downReason,
            writesRefused: status?.writesRefused ?? client.replicationShortfall, foreignLog: client.foreignReason)
        guard health != self.health else { return }
        self.health = health
        onHealth?(health)
    }
}
