import Broadcast
import PosixIO
import RedisLog
import ThreatFeed

/// Follows a log for the whole replica: encodes each new entry once and hands it to every event loop.
///
/// Owned by one loop, like all it calls.
final class FeedSource {
    private let served: ServedLog
    private let shared: ReplicaShared
    private let peers: [LoopHandle]
    private let follower: LogFollower
    /// Gives entries to the loop that owns this object; the others get them by mail.
    private let deliver: (LoopMessage) -> Void
    private var hasBegun = false
    private var wasUp: Bool?
    private var hasOpened = false
    private var writesRefused: String?
    private var foreignLog: String?

    init(
        _ served: ServedLog, shared: ReplicaShared, poller: Poller, peers: [LoopHandle], tokens: LaneTokens,
        seed: UInt64, substitute: LogClient, deliver: @escaping (LoopMessage) -> Void,
        heldEntries: @escaping (Cursor) -> [LogEntry]
    ) {
        self.served = served
        self.shared = shared
        self.peers = peers
        self.deliver = deliver
        follower = LogFollower(
            endpoint: shared.endpoint, poller: poller, subscriptionToken: tokens.subscription,
            commandToken: tokens.followerCommands, sentinelToken: tokens.sentinel, keys: shared.keys(of: served),
            retention: shared.retention(of: served), name: shared.linkName("follower", of: served), randomSeed: seed,
            replicasMin: shared.configuration.redisMinReplicas, membership: shared.membership(of: served),
            unixMilliseconds: { [clock = shared.steadyClock] in clock.unixMilliseconds() }, limits: shared.linkLimits,
            directory: shared.directory)
        follower.substitute = substitute
        follower.heldEntries = heldEntries
        follower.onEntries = { [unowned self] entries in receive(entries) }
        follower.onReset = { [unowned self] from, to, reason in receiveReset(from, to, reason) }
        follower.onSentinelNews = { [unowned self] in receive($0) }
        follower.onDamage = { [unowned self] what in report(damage: what) }
        follower.client.link.onEviction = { [unowned self] eviction in report(eviction) }
        follower.onTrimmed = { [unowned self] cursor in send(.trimmed(through: cursor)) }
        follower.onHealth = { [unowned self] health in healthChanged(health) }
    }

    var nextDeadline: MonotonicTime? { follower.nextDeadline }

    func start(now: MonotonicTime) {
        follower.start(now: now)
    }

    func handle(_ source: PollToken, _ events: PollEvents, now: MonotonicTime) {
        follower.handle(source, events, now: now)
    }

    /// Closes the ways to Redis.
    func stop() {
        follower.stop()
    }

    /// Lets every loop close its lane, and so ends this object.
    func close() {
        if hasOpened {
            shared.logger.info("proof_log_closed", "the log for proofs is no longer served: nobody uses it")
        }
        shared.proof.setServed(false)
        send(.closed)
    }

    func tick(now: MonotonicTime) {
        follower.tick(now: now)
        switch served {
        case .threats: shared.status.setFollowers(follower.subscribersSeen)
        case .proof: break
        }
    }

    func flush(now: MonotonicTime) {
        follower.flush(now: now)
    }

    private func receive(_ entries: [LogEntry]) {
        guard let first = entries.first, let last = entries.last else { return }
        let framed = EntryEncoding.entries(entries)
        if hasBegun {
            send(.entries(framed))
        } else {
            hasBegun = true
            // Whoever stands just before the first entry misses nothing: sequence numbers are contiguous.
            let before = Cursor(
                generation: first.cursor.generation, sequence: first.cursor.sequence - min(1, first.cursor.sequence))
            send(.begin(after: before, framed))
        }
        headMoved(to: last.cursor)
    }

    private func headMoved(to head: Cursor) {
        switch served {
        case .threats: shared.status.setHead(head)
        case .proof: break
        }
    }

    private func receiveReset(_ from: Cursor, _ to: Cursor, _ reason: String) {
        // Those of before the start are history.
        if wasUp != nil { report(from, to, reason) }
        send(.entries([EntryEncoding.reset(from: from, to: to, reason: reason)]))
        headMoved(to: to)
    }

    private func report(_ from: Cursor, _ to: Cursor, _ reason: String) {
        switch served {
        case .threats:
            shared.logger.warning(
                "log_reset", "the log goes on in a new generation",
                ["from": "\(from)", "to": "\(to)", "reason": reason])
        case .proof:
            shared.logger.info(
                "proof_log_reset", "the log for proofs goes on in a new generation",
                ["from": "\(from)", "to": "\(to)", "reason": reason])
        }
    }

    /// The log goes on in a new generation, which clients are told of by itself.
    private func report(damage what: String) {
        switch served {
        case .threats:
            shared.status.damages.add(1)
            shared.logger.error(
                "log_damaged", "Redis lost a part of the log; what could be made again was", ["reason": what])
        case .proof:
            shared.logger.info(
                "proof_log_damaged", "Redis lost a part of the log for proofs; what could be made again was",
                ["reason": what])
        }
    }

    /// A log without a time to live is safe from `volatile-…`.
    private func report(_ eviction: Eviction?) {
        switch (served, eviction) {
        case (.threats, .anyKey(let policy)?):
            shared.status.mayEvict.set(1)
            shared.logger.error(
                "redis_may_evict", "Redis may throw threats away that it has acknowledged: set noeviction",
                ["maxmemory-policy": policy])
        case (.threats, .leasedKeys?), (.threats, nil):
            if shared.status.mayEvict.value == 1 {
                shared.logger.info("redis_keeps", "Redis throws nothing away by itself any more")
            }
            shared.status.mayEvict.set(0)
        case (.proof, .leasedKeys(let policy)?):
            shared.logger.info(
                "proof_log_may_be_evicted", "Redis may throw the log for proofs away while it is used",
                ["maxmemory-policy": policy])
        // The log of threats tells.
        case (.proof, .anyKey?), (.proof, nil): break
        }
    }

    private func healthChanged(_ health: LogHealth) {
        if health.subscriptionUp, !hasBegun {
            hasBegun = true
            send(.begin(after: follower.head, []))
        }
        let isUp = health.isFollowing
        shared.status.feeds[served].set(isFollowed: isUp, now: .now)
        switch served {
        case .threats: report(health)
        case .proof: reportProof(health, isUp: isUp)
        }
        tellClients(isUp: isUp)
        wasUp = isUp
    }

    /// Lets every loop tell its clients when the log can no longer be followed, or again.
    private func tellClients(isUp: Bool) {
        guard let wasUp, isUp != wasUp else { return }
        if isUp { return send(.reachable) }
        let silence = follower.lastHeard.map { MonotonicTime.now - $0 } ?? .zero
        let since = RFC3339.format(milliseconds: unixMilliseconds() - silence.millisecondsRoundedUp)
        send(.unreachable(LogOutage(since: since, hasOthers: follower.subscribersSeen > 1)))
    }

    private func report(_ health: LogHealth) {
        shared.status.setHealth(health)
        writesChanged(health.writesRefused)
        foreignLogChanged(health.foreignLog)
        shared.tellVerdict()
    }

    /// Whether Redis can be used the log of threats tells; here it is about permissions, mostly.
    private func reportProof(_ health: LogHealth, isUp: Bool) {
        shared.proof.setDownReason(health.reason)
        guard isUp, !hasOpened else { return }
        hasOpened = true
        shared.proof.setServed(true)
        shared.logger.info("proof_log_opened", "the log for proofs is served", ["head": "\(follower.head)"])
    }

    private func receive(_ news: SentinelNews) {
        switch served {
        case .threats: shared.report(news)
        // The log of threats tells.
        case .proof: break
        }
        if case .moved(let move) = news { send(.masterMoved(revision: move.revision)) }
    }

    private func writesChanged(_ refused: String?) {
        guard refused != writesRefused else { return }
        writesRefused = refused
        if let refused {
            shared.logger.error("writes_refused", "threats cannot be accepted", ["reason": refused])
        } else {
            shared.logger.info("writes_accepted", "threats can be accepted again")
        }
    }

    private func foreignLogChanged(_ foreign: String?) {
        guard foreign != foreignLog else { return }
        foreignLog = foreign
        if let foreign {
            shared.logger.error(
                "log_foreign", "Redis leads to another deployment's log, which is left alone", ["reason": foreign])
        } else {
            shared.logger.info("log_own", "Redis leads to the log of this deployment again")
        }
    }

    private func send(_ change: LogChange) {
        for peer in peers { peer.mailbox.post(.log(served, change)) }
        deliver(.log(served, change))
    }
}
