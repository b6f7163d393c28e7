import PosixIO

/// Holds acknowledgements back until enough replicas of Redis have what was published (WAIT).
///
/// One WAIT is under way at a time, and no publish goes out behind it: it would be answered only after the WAIT, and a
/// replica that has stopped would make the next wait begin late. Publishes of that time leave together afterwards.
struct ReplicationGate {
    /// How long one WAIT blocks the connection at most.
    static let timeout = Duration.milliseconds(500)
    /// After a WAIT that failed, publishes are refused at once for so long, so that reads get their turn.
    static let refusalPeriod = Duration.seconds(1)

    private let replicasMin: Int
    private var held: [(call: PublishCall, reply: RedisReply)] = []
    private var isWaiting = false
    private var hasUnconfirmed = false
    private var acknowledgedLast: Int?
    private var refusesUntil = MonotonicTime(nanoseconds: 0)

    init(replicasMin: Int) {
        self.replicasMin = replicasMin
    }

    var isWanted: Bool { replicasMin > 0 }
    var mayPublish: Bool { !isWaiting }
    var mustWait: Bool { isWanted && hasUnconfirmed && !isWaiting }

    var command: RedisCommand {
        RedisCommand("WAIT", String(replicasMin), String(Self.timeout.milliseconds))
    }

    /// Why a publish would not be acknowledged, as far as that is known without trying.
    func shortfall(connected: Int, now: MonotonicTime) -> LogError? {
        guard isWanted else { return nil }
        if connected < replicasMin { return .tooFewReplicas(acknowledged: connected, needed: replicasMin) }
        guard now < refusesUntil, let acknowledgedLast else { return nil }
        return .tooFewReplicas(acknowledged: acknowledgedLast, needed: replicasMin)
    }

    /// A publish is on its way.
    mutating func sent() {
        hasUnconfirmed = true
    }

    /// WAIT is on its way, behind all publishes so far.
    mutating func waits() {
        isWaiting = true
        hasUnconfirmed = false
    }

    /// Redis has the records of a call; nobody is told yet.
    mutating func hold(_ call: PublishCall, _ reply: RedisReply) {
        held.append((call, reply))
    }

    /// WAIT was answered.
    /// - Returns: The calls that were published before it.
    mutating func answered(
        _ acknowledged: Result<Int, LogError>, now: MonotonicTime
    ) -> [(call: PublishCall, reply: RedisReply)] {
        isWaiting = false
        if case .success(let count) = acknowledged {
            acknowledgedLast = count
            if count < replicasMin { refusesUntil = now + Self.timeout + Self.refusalPeriod }
        }
        let settled = held
        held = []
        return settled
    }

    /// Why calls answered by such a WAIT cannot be acknowledged; `nil` when they can.
    func verdict(_ acknowledged: Result<Int, LogError>) -> LogError? {
        switch acknowledged {
        case .success(let count) where count >= replicasMin: nil
        case .success(let count): .tooFewReplicas(acknowledged: count, needed: replicasMin)
        case .failure(let error): error
        }
    }

    /// What an operator is told while replicas are missing or do not follow.
    func description(connected: Int) -> String? {
        guard isWanted else { return nil }
        let count = min(connected, acknowledgedLast ?? connected)
        return count < replicasMin ? "\(count) of \(replicasMin) replicas of Redis follow" : nil
    }
}
