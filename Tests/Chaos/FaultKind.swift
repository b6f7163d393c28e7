/// What chaos injects.
enum FaultKind: String, CaseIterable, Sendable {
    case masterKilled = "Redis master killed"
    case masterStopped = "Redis master stopped"
    case failover = "failover on demand"
    case redisReplicaStopped = "Redis replica stopped"
    case sentinelStopped = "sentinel stopped"
    case sentinelsGone = "all sentinels gone"
    case sentinelsAnew = "sentinels set up anew"
    case replicaKilled = "replica killed"
    case replicaStopped = "replica stopped"
    case replicaDrained = "replica drained"
    case linkDropped = "link half-open"
    case linkHung = "link hung"
    case linkRefused = "link refused"
    case linkReset = "link reset"
    case linkDelayed = "link delayed"
    case linkSliced = "link sliced"
    case subscriptionDropped = "subscription half-open"
    case commandsKilled = "CLIENT KILL normal"
    case subscriptionsKilled = "CLIENT KILL pubsub"
    case scriptsFlushed = "SCRIPT FLUSH"
    case sentinelRightLost = "sentinel right withheld"
    case dashboardsStalled = "dashboards that never read"

    /// Faults that take turns: at most one of each lane is in force at a time.
    enum Lane: Int, CaseIterable, Sendable {
        case redis, replicas, links, nuisances

        var kinds: [FaultKind] { FaultKind.allCases.filter { $0.lane == self } }

        /// Milliseconds between the end of one and the beginning of the next.
        var pause: ClosedRange<Int> {
            switch self {
            case .redis: 3_000...7_000
            case .replicas: 1_500...4_000
            case .links: 1_000...3_000
            case .nuisances: 1_000...3_000
            }
        }
    }

    var lane: Lane {
        switch self {
        case .masterKilled, .masterStopped, .failover, .redisReplicaStopped, .sentinelStopped, .sentinelsGone,
            .sentinelsAnew:
            .redis
        case .replicaKilled, .replicaStopped, .replicaDrained: .replicas
        case .linkDropped, .linkHung, .linkRefused, .linkReset, .linkDelayed, .linkSliced, .subscriptionDropped: .links
        case .commandsKilled, .subscriptionsKilled, .scriptsFlushed, .sentinelRightLost, .dashboardsStalled: .nuisances
        }
    }

    /// How long it lasts, in milliseconds.
    var duration: ClosedRange<Int> {
        switch self {
        case .masterKilled: 500...6_000
        case .masterStopped: 500...9_000
        case .redisReplicaStopped, .sentinelStopped: 1_000...5_000
        case .sentinelsGone: 1_000...6_000
        case .sentinelsAnew: 0...2_000
        case .replicaKilled: 100...3_000
        case .replicaStopped: 500...8_000
        case .linkDropped, .linkHung, .subscriptionDropped: 500...7_000
        case .linkRefused, .linkReset: 200...4_000
        case .linkDelayed, .linkSliced: 1_000...4_000
        case .dashboardsStalled: 2_000...8_000
        case .sentinelRightLost: 1_000...6_000
        case .failover, .replicaDrained, .commandsKilled, .subscriptionsKilled, .scriptsFlushed: 0...0
        }
    }

    /// Whether Redis can forget by it what it had acknowledged.
    var losesLog: Bool {
        switch self {
        case .masterKilled, .masterStopped, .failover: true
        case .redisReplicaStopped, .sentinelStopped, .sentinelsGone, .sentinelsAnew, .replicaKilled, .replicaStopped,
            .replicaDrained, .linkDropped, .linkHung, .linkRefused, .linkReset, .linkDelayed, .linkSliced,
            .subscriptionDropped, .commandsKilled, .subscriptionsKilled, .scriptsFlushed, .sentinelRightLost,
            .dashboardsStalled:
            false
        }
    }

    /// Whether a replica's ring is gone by it.
    var losesRing: Bool { self == .replicaKilled || self == .replicaDrained }
}
