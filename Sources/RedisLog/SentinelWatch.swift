import PosixIO

/// What a watch over the Sentinels has found out.
public enum SentinelNews: Hashable, Sendable {
    /// Every link has to be at this master; those of a lower revision leave theirs.
    case moved(MasterMove)
    /// The Sentinels count their epochs anew: they were set up again. The master is the same.
    case epochFell(from: UInt64, to: UInt64)
    /// None of them has named a master that holds for a while; why. Told again for each other reason.
    case silent(reason: String)
    /// One of them names the master again.
    case answering
    /// A Sentinel does not tell its epochs, for want of a permission.
    case withoutEpoch
}

/// The master that the Sentinels name from now on.
public struct MasterMove: Hashable, Sendable {
    /// What `RedisLink.leaveMaster(before:)` takes.
    public let revision: UInt64
    /// `host:port`.
    public let address: String
    /// `nil` where the Sentinels do not tell.
    public let epoch: UInt64?

    /// The first one named, and so no move.
    public var isFirst: Bool { revision == 1 }
}

/// Asks the Sentinels who the master is: each second, in turn, and on until one of them helps.
///
/// A master that was replaced while it could not be reached goes on calling itself one for many seconds, and takes
/// writes that are lost when it is demoted. Its ROLE does not tell; the Sentinels do.
final class SentinelWatch {
    var onNews: ((SentinelNews) -> Void)?

    /// How long no Sentinel may have helped until that is told.
    static let patience = Duration.seconds(3)
    /// Reasons that are told of one silence.
    private static let reasonsMax = 8

    private let directory: LinkDirectory
    private let hostCount: Int
    private let interval: Duration
    private let link: RedisLink
    private var round = 0
    private var nextRound = MonotonicTime(nanoseconds: 0)
    private var clock = MonotonicTime(nanoseconds: 0)
    /// When a Sentinel helped last; first when the watch began.
    private var lastNamed: MonotonicTime?
    private var isSilent = false
    private var toldReasons: Set<String> = []
    private var toldRevision: UInt64
    private var toldFalls: Int
    private var toldWithoutEpoch = false

    /// - Returns: `nil` for an endpoint without Sentinels.
    init?(
        _ endpoint: RedisEndpoint, directory: LinkDirectory, poller: Poller, token: PollToken, name: String,
        randomSeed: UInt64, limits: LinkLimits, interval: Duration
    ) {
        guard endpoint.hasSentinels else { return nil }
        self.directory = directory
        self.interval = interval
        hostCount = endpoint.sentinelHosts.count
        link = RedisLink(
            endpoint: endpoint, poller: poller, token: token, name: name, randomSeed: randomSeed, mode: .sentinel,
            limits: limits, directory: directory)
        let masters = directory.masters
        toldRevision = masters.revision
        toldFalls = masters.epochFalls
        link.onNamed = { [weak self] in self?.received($0) }
    }

    /// The master that every link has to be at (`MasterMove.revision`).
    var revision: UInt64 { toldRevision }

    func stop() {
        link.stop()
    }

    func handle(_ events: PollEvents, now: MonotonicTime) {
        clock = now
        link.handle(events, now: now)
    }

    func flush(now: MonotonicTime) {
        link.flush(now: now)
    }

    var nextDeadline: MonotonicTime? {
        guard !link.isStopped else { return nextRound }
        // While a round takes longer than its time, silence is told all the same.
        return .earliest(link.nextDeadline, nextRound)
    }

    func tick(now: MonotonicTime) {
        clock = now
        link.tick(now: now)
        guard now >= nextRound else { return }
        nextRound = now + interval
        tellSilence()
        tellMasters()
        guard link.isStopped else { return }
        // Each of the hosts, and of the addresses of each, has its turn to be the first.
        link.sentinelIndex = round % hostCount
        link.sentinelTurn = round / hostCount
        round += 1
        link.start(now: now)
    }

    private func received(_ named: SentinelMaster) {
        lastNamed = clock
        if isSilent {
            isSilent = false
            toldReasons = []
            onNews?(.answering)
        }
        if named.epoch == nil, !toldWithoutEpoch { onNews?(.withoutEpoch) }
        toldWithoutEpoch = named.epoch == nil
        tellMasters()
    }

    /// Other links may have found the master out, too.
    private func tellMasters() {
        let masters = directory.masters
        if masters.epochFalls > toldFalls, let fall = masters.epochFall {
            toldFalls = masters.epochFalls
            onNews?(.epochFell(from: fall.from, to: fall.to))
        }
        guard masters.revision > toldRevision, let master = masters.master else { return }
        toldRevision = masters.revision
        onNews?(.moved(MasterMove(revision: masters.revision, address: master.address, epoch: master.epoch)))
    }

    private func tellSilence() {
        let since = lastNamed ?? clock
        lastNamed = since
        guard clock - since >= Self.patience else { return }
        directory.withMasters { $0.heardNothing() }
        // A round that is under way has its reason when it is over.
        guard link.isStopped else { return }
        isSilent = true
        let reason = link.attempt.reasonInAnyOrder
        if toldReasons.count < Self.reasonsMax, toldReasons.insert(reason).inserted { onNews?(.silent(reason: reason)) }
    }
}
