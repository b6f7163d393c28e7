public import PosixIO
public import ThreatFeed

/// A tenant's log in Redis, as one event loop sees it through one link.
///
/// Publishes are collected and leave at a `flush`, in calls of at most 64 records and 1 MiB, in one write: at once
/// while no call is under way, else with the next (`PublishQueue`).
/// Completions run on the loop, in the order of the calls; at once when Redis cannot be reached.
public final class LogClient {
    /// The link is up and the scripts are loaded.
    public var onUp: (() -> Void)?
    public var onDown: ((_ reason: String) -> Void)?
    /// The entries this replica still holds after a cursor, in log order, contiguous up to the newest it has. Asked for
    /// when Redis lost the end of the log, to append them again. Set it on every client of the process.
    public var heldEntries: (_ after: Cursor) -> [LogEntry] = { _ in [] }
    /// The highest cursor this client knows to have been in the log.
    public private(set) var knownHead = Cursor.zero
    public let link: RedisLink
    /// What this client acknowledged and the ring has not yet.
    var unseen = UnseenEntries()
    var isRepairingUnseen = false
    private var nextRepair = MonotonicTime(nanoseconds: 0)
    /// The highest cursor seen in each generation that this client has gone through, oldest first.
    private(set) var lineage: [Cursor] = []
    /// The incarnations of the servers that this client has been connected to, oldest first. Only who was there can
    /// judge whether a server's successor has everything.
    private(set) var incarnations: [String] = []
    /// Whether this client was ever told where the log stands, be it that there is none.
    private(set) var hasSeenLog = false

    /// Which log this is, as far as this client was told; until then what it would call one that it begins.
    private(set) var identity: LogIdentity {
        didSet {
            guard identity != oldValue else { return }
            identityText = identity.description
            isConfirmed = false
        }
    }
    private(set) var identityText: String
    /// Whether `membership` knows that the log of this identity stands at the present server.
    private var isConfirmed = false
    /// Which log the process follows.
    let membership: LogMembership
    /// Why the log that Redis leads to is left alone: it is another deployment's. `nil` once it was the own one again.
    var foreignReason: String?
    /// Those of `membership` after which this client has asked again.
    var refusalsHeard = 0
    /// Called whenever a log was found that is another deployment's.
    var onForeign: (() -> Void)?
    /// From where on the next probe looks entries up (`Vouching`), as XRANGE takes it.
    var lookedThrough = "-"
    /// The last loss of a part of the log that this client has had settled or found settled, and in which generation.
    var settledDamage: String?

    static let incarnationsMax = 8
    static let callRecordsMax = 64
    static let callBytesMax = 1 << 20
    static let generationsMax = 64
    /// For how long after a fork only entries that replicas held are accepted.
    static let repairPeriod = Duration.milliseconds(500)

    let scripts: ScriptRunner
    let keys: LogKeys
    let retention: LogRetention
    let unixMilliseconds: () -> Int64
    private var queue = PublishQueue()
    private var replication: ReplicationGate
    private var repairing = RepairWaiters()
    private var lease = LogLease()
    /// Who waits for the fork that is under way; `nil` while there is none.
    var recoveryWaiters: [(Result<LogHead, LogError>) -> Void]?
    /// Stands for the incarnation of a server that tells none, or that the log calls so (`ServerMark`); else empty.
    var serverMark = ""
    /// The process, as INFO names it, at which a mark was found first.
    var markedProcess: (mark: String, process: String)?

    /// Takes over the link's `onUp` and `onDown`.
    /// - Parameters:
    ///   - replicasMin: How many replicas of Redis must have a record before it counts as accepted (WAIT).
    ///   - membership: Shared by the clients of the process that are for the same log.
    ///   - unixMilliseconds: The wall clock, for retention by age.
    public init(
        link: RedisLink, keys: LogKeys, retention: LogRetention, replicasMin: Int = 0,
        membership: LogMembership = LogMembership(), unixMilliseconds: @escaping () -> Int64
    ) {
        replication = ReplicationGate(replicasMin: replicasMin)
        self.link = link
        self.keys = keys
        self.retention = retention
        self.membership = membership
        self.unixMilliseconds = unixMilliseconds
        identity = LogIdentity(name: membership.proposedName, database: link.endpoint.database)
        identityText = identity.description
        scripts = ScriptRunner(link: link, keys: keys)
        link.onUp = { [weak self] in self?.linkCameUp() }
        link.onDown = { [weak self] reason in
            guard let self else { return }
            // What was published before a lost connection cannot be confirmed on the next one.
            failHeld(.unavailable(reason: reason))
            let wasReady = scripts.isReady
            scripts.lost()
            serverMark = ""
            isConfirmed = false
            if wasReady { onDown?(reason) }
        }
    }

    /// Why publishes are not acknowledged for want of replicas of Redis; `nil` while there are enough.
    public var replicationShortfall: String? {
        isUp ? replication.description(connected: link.connectedReplicas) : nil
    }

    public var isUp: Bool { scripts.isReady && link.isUp && incarnation != nil }

    /// Why it is not.
    public var downReason: String { scripts.downReason }

    /// Tells of entries that have come to the ring, up to a head; a publish is refused when Redis no longer has them.
    public func observe(head: Cursor) {
        hasSeenLog = true
        know(head)
        unseen.delivered(through: head)
    }

    func know(_ head: Cursor) {
        guard head > knownHead else { return }
        if head.generation == knownHead.generation, !lineage.isEmpty { lineage.removeLast() }
        lineage.append(head)
        if lineage.count > Self.generationsMax { lineage.removeFirst() }
        knownHead = head
    }

    /// Sends what has been collected and is due.
    public func flush(now: MonotonicTime) {
        link.clock = now
        if membership.refusals != refusalsHeard { reclaimLog() }
        if replication.mayPublish, queue.isDue(now: now) {
            let publications = queue.takeAll()
            if let shortfall = replication.shortfall(connected: link.connectedReplicas, now: now), isUp {
                for publication in publications { publication.completion(.failure(shortfall)) }
            } else {
                for call in PublishCall.split(publications) { send(call, repeatsAfterFork: true) }
                if retention.lease != nil, lease.isDue(now: now) { renewLease() }
            }
        }
        if replication.mayPublish {
            for call in repairing.due(now: now) { send(call, repeatsAfterFork: true) }
        }
        if replication.mustWait { awaitReplicas(now) }
        if now >= nextRepair, unseen.isRepairOwed {
            nextRepair = now + .seconds(1)
            repairUnseen()
        }
        link.flush(now: now)
    }

    /// When `flush` or the link has something to do next.
    public var nextDeadline: MonotonicTime? {
        guard replication.mayPublish else { return link.nextDeadline }
        return .earliest(link.nextDeadline, .earliest(repairing.nextRetry, queue.nextDeadline))
    }

    /// Closes the link for good. All that waits fails, also what was never sent.
    public func stop() {
        link.stop()
        let stopped = LogError.unavailable(reason: "stopped")
        failHeld(stopped)
        for call in repairing.takeAll() { call.fail(stopped) }
        for publication in queue.takeAll() { publication.completion(.failure(stopped)) }
    }

    private func linkCameUp() {
        // With nothing to wait for it answers at once.
        let others = replication.isWanted ? [RedisCommand("WAIT", "0", "1")] : []
        scripts.load(trying: others) { [weak self] result in
            switch result {
            case .success: self?.identifyServer { [weak self] in self?.claimLog() }
            case .failure(let error): self?.link.reconnect(reason: "\(error)")
            }
        }
    }

    /// The log is the own one, or there is none yet.
    func joined() {
        scripts.open()
        guard isUp else { return }
        foreignReason = nil
        noteServer()
        onUp?()
    }

    /// Takes over what the own log is called, unless it is a copy of one in another database.
    func learn(_ identity: LogIdentity) {
        guard identity.database == self.identity.database else { return }
        self.identity = identity
        confirm()
    }

    /// Takes over what the process knows of its log.
    func adopt(_ identity: LogIdentity) {
        if identity.database == self.identity.database { self.identity = identity }
    }

    private func confirm() {
        guard !isConfirmed, incarnation != nil else { return }
        isConfirmed = true
        membership.confirm(identity, in: processNames)
    }

    /// Remembers the server that the link has come up to.
    func noteServer() {
        guard let incarnation else { return }
        incarnations.removeAll { $0 == incarnation }
        incarnations.append(incarnation)
        if incarnations.count > Self.incarnationsMax { incarnations.removeFirst() }
    }
}

// MARK: - Replication

extension LogClient {
    /// Finds out whether the replicas of Redis follow, without a publish.
    func confirmReplication() {
        if replication.isWanted { replication.sent() }
    }

    private func failHeld(_ error: LogError) {
        for (call, _) in replication.answered(.failure(error), now: link.clock) { call.fail(error) }
    }

    /// Asks the server to answer once its replicas have everything published so far.
    private func awaitReplicas(_ now: MonotonicTime) {
        guard isUp else { return }
        replication.waits()
        scripts.run(replication.command) { [weak self] result in
            guard let self else { return }
            let acknowledged = result.map { reply in Int(reply.integer ?? 0) }
            for (call, reply) in replication.answered(acknowledged, now: now) {
                switch replication.verdict(acknowledged) {
                case .none: acknowledge(call, reply)
                case .some(let error): call.fail(error)
                }
            }
        }
    }
}

// MARK: - Publishing

extension LogClient {
    /// Appends a record to the log with the next `flush`.
    public func publish(_ record: ThreatRecord, completion: @escaping (PublishResult) -> Void) {
        let publication = Publication(record: record, completion: completion)
        guard queue.hasRoom(for: publication) else {
            return completion(.failure(.unavailable(reason: "\(LinkError.overloaded)")))
        }
        queue.append(publication)
    }

    /// Appends records in this order; `completion` gets the results in the same order, once.
    /// - Parameter batch: Bounded by its caller. They share calls with other publishes of the turn.
    public func publish(batch: [ThreatRecord], completion: @escaping ([PublishResult]) -> Void) {
        guard !batch.isEmpty else { return completion([]) }
        let results = BatchResults(count: batch.count, completion: completion)
        for (index, record) in batch.enumerated() {
            publish(record) { results.set($0, at: index) }
        }
    }

    /// - Parameter isRepair: For entries that were in the log before.
    func send(_ call: PublishCall, repeatsAfterFork: Bool, isRepair: Bool = false) {
        replication.sent()
        queue.callSent(now: link.clock)
        scripts.run(.publish, bytes: call.byteCount) { command in
            command.append(keys.feed)
            command.append(String(knownHead.generation))
            command.append(String(knownHead.sequence))
            command.append(Int64(retention.entriesMax))
            command.append(unixMilliseconds() - retention.ageMax.milliseconds)
            command.append(incarnation ?? "")
            command.append(isRepair ? "again" : "")
            command.append(identityText)
            command.append(membership.deployment)
            for index in call.publications.indices {
                command.append(byteCount: call.publications[index].byteCount) {
                    call.publications[index].record.encode(into: &$0)
                }
            }
        } reply: { [weak self] result in
            guard let self else { return call.fail(.unavailable(reason: "closed")) }
            queue.callEnded()
            switch result {
            case .failure(let error): call.fail(error)
            case .success(let reply):
                if let lostHead = PublishCall.lostHead(reply) {
                    repeatAfterFork(call, lostHead: lostHead, allowed: repeatsAfterFork)
                } else if PublishCall.isRefusedForRepair(reply) {
                    if !repairing.hold(call, now: link.clock) { call.fail(.repairing) }
                } else if replication.isWanted, !isRepair {
                    replication.hold(call, reply)
                } else {
                    acknowledge(call, reply)
                }
            }
        }
    }

    private func acknowledge(_ call: PublishCall, _ reply: RedisReply) {
        let accepted = call.complete(reply)
        guard let last = accepted.last else { return }
        hasSeenLog = true
        confirm()
        know(last.cursor)
        for entry in accepted { unseen.append(entry) }
    }

    private func repeatAfterFork(_ call: PublishCall, lostHead: Cursor, allowed: Bool) {
        guard allowed else { return call.fail(.lost(head: lostHead)) }
        recover(observed: lostHead) { [weak self] result in
            switch result {
            case .success: self?.send(call, repeatsAfterFork: false)
            case .failure(let error): call.fail(error)
            }
        }
    }
}
