import Corpora
import FaultInjection
import Glibc
import PosixIO
import Synchronization
import TocsinClient

/// One lane of faults: each begins, lasts, and is taken away before the next. What comes is set by the seed.
struct FaultLane: Sendable {
    let lane: FaultKind.Lane
    let seed: UInt64
    let world: World
    let incidents: Incidents
    let isStopping: StopFlag
    /// Held by faults of which only one may be in force: where Redis may forget, the rings must not go as well.
    let turnstile: Turnstile?

    /// How long Sentinel may take until everything replicates again.
    private static let settlingMax = Duration.seconds(180)

    /// Injects until it is told to stop.
    func run() {
        var random = SplitMix(seed: seed &* 31 &+ UInt64(lane.rawValue))
        // Dealt like cards, so that a short run meets most kinds.
        var deck: [FaultKind] = []
        while true {
            let pause = Duration.milliseconds(Int.random(in: lane.pause, using: &random))
            if deck.isEmpty { deck = lane.kinds.shuffled(using: &random) }
            let kind = deck.removeLast()
            let target = Int.random(in: 0..<6, using: &random)
            let duration = Duration.milliseconds(Int.random(in: kind.duration, using: &random))
            let variant = Bool.random(using: &random)
            guard isStopping.sleep(pause) else { return }
            let needsTurn = kind.losesLog || kind.losesRing
            if needsTurn { turnstile?.enter() }
            defer { if needsTurn { turnstile?.leave() } }
            guard !isStopping.isSet else { return }
            incidents.trace("\(kind.rawValue), target \(target), \(duration), variant \(variant)")
            let kept = kind.losesLog ? world.lastEntry(of: world.redisReplicas) : nil
            let start = MonotonicTime.now
            do throws(ClientError) {
                try inject(kind, target, duration, variant)
            } catch {
                incidents.find("\(kind.rawValue): \(error)")
            }
            incidents.note(kind, from: start, kept: kept)
            incidents.trace("\(kind.rawValue) is over")
            if lane == .redis { awaitSettled(after: kind) }
        }
    }

    private func inject(
        _ kind: FaultKind, _ target: Int, _ duration: Duration, _ variant: Bool
    ) throws(ClientError) {
        switch kind {
        case .masterKilled: try killMaster(duration, joins: variant)
        case .masterStopped: try stop(world.redis.master.map { [$0.child] } ?? [], duration)
        case .failover: try failOver(target)
        case .redisReplicaStopped: try stop(world.redisReplicas.map(\.child), duration)
        case .sentinelStopped: try stop([world.redis.sentinels[target % 3].child], duration)
        case .sentinelsGone: try loseSentinels(duration, byDeath: variant)
        case .sentinelsAnew: try setUpSentinelsAnew(duration)
        case .replicaKilled: try killReplica(1 + target % 2, duration)
        case .replicaStopped: try stop([world.replicas[target % 3].child], duration)
        case .replicaDrained: try drainReplica(1 + target % 2)
        case .linkDropped, .linkHung, .linkRefused, .linkReset, .linkDelayed, .linkSliced, .subscriptionDropped:
            breakLinks(of: target % 3, kind, variant)
            _ = isStopping.sleep(duration)
            for link in world.links[target % 3] { link.heal() }
        case .commandsKilled: try onMaster("CLIENT", "KILL", "TYPE", "normal")
        case .subscriptionsKilled: try onMaster("CLIENT", "KILL", "TYPE", "pubsub")
        case .scriptsFlushed: try onMaster("SCRIPT", "FLUSH")
        case .sentinelRightLost: withholdRight(World.sentinelRights[target % World.sentinelRights.count], duration)
        case .dashboardsStalled: try stall(target % 3, duration)
        }
    }

    private func stop(_ children: [LocalProcess], _ duration: Duration) throws(ClientError) {
        for child in children { child.send(signal: SIGSTOP) }
        _ = isStopping.sleep(duration)
        for child in children { child.send(signal: SIGCONT) }
    }

    /// - Parameter joins: It comes back as a replica of the new master, as an orchestrator would start it; otherwise
    ///   it takes itself for the master until a sentinel tells it better.
    private func killMaster(_ duration: Duration, joins: Bool) throws(ClientError) {
        guard let master = world.redis.master else { return }
        master.kill()
        _ = isStopping.sleep(duration)
        var role = LocalRedis.Role.master
        if joins, let promoted = world.redis.master, promoted !== master, let port = promoted.port {
            role = .replica(of: port)
        }
        try master.start(as: role)
    }

    private func failOver(_ target: Int) throws(ClientError) {
        let answer = try world.redis.sentinels[target % 3].command("SENTINEL", "FAILOVER", SentinelDeployment.name)
        incidents.trace("failover: \(answer)")
    }

    /// Meanwhile every connection to Redis is lost as well: who comes back can ask nobody.
    /// - Parameter byDeath: They are killed and start with what they knew; otherwise they hang.
    private func loseSentinels(_ duration: Duration, byDeath: Bool) throws(ClientError) {
        let master = world.redis.master
        let sentinels = world.redis.sentinels
        for sentinel in sentinels { byDeath ? sentinel.kill() : sentinel.pause() }
        _ = isStopping.sleep(duration / 2)
        for kind in ["pubsub", "normal"] {
            // It may be down by another lane's doing.
            _ = try? master?.command("CLIENT", "KILL", "TYPE", kind, within: .seconds(1))
        }
        _ = isStopping.sleep(duration / 2)
        for sentinel in sentinels {
            if byDeath { try sentinel.start() } else { sentinel.resume() }
        }
    }

    private func setUpSentinelsAnew(_ duration: Duration) throws(ClientError) {
        guard let port = world.redis.master?.port else { return }
        for sentinel in world.redis.sentinels { sentinel.kill() }
        _ = isStopping.sleep(duration)
        try world.redis.setUpSentinelsAnew(master: port)
    }

    /// No sentinel lets the replicas of ours do something.
    private func withholdRight(_ right: String, _ duration: Duration) {
        for sentinel in world.redis.sentinels { _ = setRight("-\(right)", at: sentinel) }
        _ = isStopping.sleep(duration)
        for sentinel in world.redis.sentinels {
            // It may be away for the moment, by another lane's doing.
            let isGiven = Pause.wait(atMost: Run.patience, every: .milliseconds(100)) {
                setRight("+\(right)", at: sentinel)
            }
            if !isGiven { incidents.find("sentinel \(sentinel.port) does not give back \(right)") }
        }
    }

    private func setRight(_ change: String, at sentinel: LocalSentinel) -> Bool {
        let user = World.sentinelUser
        return (try? sentinel.command("ACL", "SETUSER", user, change, within: .seconds(1))) == .simple("OK")
    }

    /// The first replica is never killed: its memory is watched from the beginning to the end.
    private func killReplica(_ index: Int, _ duration: Duration) throws(ClientError) {
        let replica = world.replicas[index]
        replica.kill()
        _ = isStopping.sleep(duration)
        try restart(replica)
    }

    private func drainReplica(_ index: Int) throws(ClientError) {
        let replica = world.replicas[index]
        replica.child.send(signal: SIGTERM)
        let ending = replica.child.waitForEnd(atMost: Run.patience)
        if ending != .exited(code: 0) {
            incidents.find("\(replica.name) did not drain: \(ending.map { "\($0)" } ?? "still running")")
            replica.kill()
        }
        try restart(replica)
    }

    /// A replica that finds no Redis ends with 69, as it should; whoever keeps it running starts it again.
    private func restart(_ replica: LocalReplica) throws(ClientError) {
        let deadline = MonotonicTime.now + Run.patience
        while true {
            try replica.start()
            do throws(ClientError) {
                return try replica.waitUntilReady(atMost: Run.patience)
            } catch {
                let ending = replica.child.ending
                incidents.trace("\(replica.name) is not ready: \(ending.map { "\($0)" } ?? "running")")
                guard ending == .exited(code: 69), MonotonicTime.now < deadline else {
                    replica.kill()
                    throw error
                }
            }
        }
    }

    private func breakLinks(of replica: Int, _ kind: FaultKind, _ variant: Bool) {
        let direction: FaultDirection = variant ? .both : .toClient
        for link in world.links[replica] {
            switch kind {
            case .linkDropped: link.set(.drop, direction)
            case .linkHung: link.set(.hang)
            case .linkRefused: link.set(door: .refusing)
            case .linkReset: link.set(door: .resetting)
            case .linkDelayed: link.set(.delay(.milliseconds(variant ? 40 : 250)))
            case .linkSliced: link.set(.slice(bytes: variant ? 101 : 17))
            case .subscriptionDropped: link.set(.drop, direction, of: .subscriptions)
            case .masterKilled, .masterStopped, .failover, .redisReplicaStopped, .sentinelStopped, .sentinelsGone,
                .sentinelsAnew, .replicaKilled, .replicaStopped, .replicaDrained, .commandsKilled, .subscriptionsKilled,
                .scriptsFlushed, .sentinelRightLost, .dashboardsStalled:
                preconditionFailure("not a fault of a link")
            }
            if kind == .linkRefused || kind == .linkReset { link.cut() }
        }
    }

    private func onMaster(_ words: String...) throws(ClientError) {
        guard let port = world.redis.master?.port else { return }
        // It may be down by another lane's doing.
        _ = try? RedisConnection(port: port, deadline: .seconds(1)).command(words)
    }

    private func stall(_ replica: Int, _ duration: Duration) throws(ClientError) {
        let clients = (0..<10).compactMap { _ in try? StalledClient(port: world.replicas[replica].url.port) }
        _ = isStopping.sleep(duration)
        withExtendedLifetime(clients) {}
    }

    private func awaitSettled(after kind: FaultKind) {
        let isSettled = Pause.wait(atMost: Self.settlingMax, every: .milliseconds(200)) {
            isStopping.isSet || world.redis.isSettled
        }
        if !isSettled { incidents.find("Redis has not settled \(Self.settlingMax) after: \(kind.rawValue)") }
        guard kind.losesLog, isSettled, !isStopping.isSet, let master = world.redis.master else { return }
        incidents.noteSettled(kind, at: world.lastEntry(of: [master]))
    }
}

/// Tells all lanes to end what they are at.
final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .acquiring) }

    func set() {
        flag.store(true, ordering: .releasing)
    }

    /// Sleeps in small steps.
    /// - Returns: `false` when the flag was set meanwhile.
    func sleep(_ duration: Duration) -> Bool {
        !Pause.wait(atMost: duration, every: .milliseconds(20)) { isSet }
    }
}

/// Lets one in at a time, for as long as it wants.
final class Turnstile: Sendable {
    private let isTaken = Atomic<Bool>(false)

    func enter() {
        while isTaken.exchange(true, ordering: .acquiringAndReleasing) { Pause.sleep(.milliseconds(10)) }
    }

    func leave() {
        isTaken.store(false, ordering: .releasing)
    }
}
