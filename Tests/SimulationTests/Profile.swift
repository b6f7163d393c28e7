import Broadcast
import RedisLog

/// What kind of world a seed makes: sizes small enough that every bound is met within seconds.
struct Profile {
    enum Kind: String, CaseIterable, Sendable {
        /// Connections break and replicas stop; Redis keeps all.
        case network
        /// Redis is killed and started again with all it has answered.
        case durableRestarts
        /// As `durableRestarts`, but sometimes an older copy of the data is put back, and replicas start anew, too.
        case restores
        /// Redis comes back without its newest entries, or without any.
        case losses
        /// A replica of Redis takes over that does not have everything.
        case failovers
        /// Retention and small rings overtake who is slow.
        case trimming
        case everything
    }

    let kind: Kind
    let serverCount: Int
    let isDurable: Bool
    let replicaCount: Int
    let loopCount: Int
    let dashboardCount: Int
    let publisherCount: Int
    let publishPause: ClosedRange<Int>
    /// When faults and load end (virtual microseconds).
    let faultPeriod: Int
    let faultPause: ClosedRange<Int>
    let entriesMax: Int
    let ring: Ring.Bounds
    let connectionBytes: Int
    let messageLossPercent: Int
    let answerLossPercent: Int
    let slowPercent: Int
    let replicationDelayMax: Int
    private let primeCount: Int
    private let readLimit: Int
    private let bufferedMax: Int

    init(kind: Kind, using random: inout some RandomNumberGenerator) {
        self.kind = kind
        func pick<Value>(_ values: [Value]) -> Value { values[Int.random(in: 0..<values.count, using: &random)] }
        let hasReplication = kind == .failovers || kind == .everything && pick([true, false])
        serverCount = hasReplication ? pick([2, 3]) : 1
        isDurable = kind != .losses && pick([true, kind != .everything])
        replicaCount = pick([2, 2, 3])
        loopCount = pick([1, 1, 2])
        dashboardCount = pick([2, 3, 4])
        publisherCount = pick([1, 2])
        publishPause = pick([5...50, 20...200, 50...400])
        faultPeriod = pick([2_000_000, 4_000_000])
        faultPause = pick([50...300, 100...800])
        entriesMax = kind == .trimming ? pick([10, 20, 40]) : kind == .everything ? pick([20, 1_000, 1_000]) : 1_000
        // What a ring has let go of before anybody knew that Redis lost it, nobody can bring back.
        let mayLose = kind == .losses || kind == .restores || kind == .failovers || kind == .everything
        let ringEntries = kind == .trimming ? pick([4, 8, 16]) : mayLose ? 1_000 : pick([16, 64, 256])
        ring = Ring.Bounds(entriesMax: ringEntries, bytesMax: 1 << 20)
        connectionBytes = pick([6, 40, 1_000])
        messageLossPercent = pick([0, 0, 5, 30])
        answerLossPercent = pick([0, 5, 20])
        slowPercent = pick([0, 5, 20])
        replicationDelayMax = pick([2, 20, 300])
        primeCount = pick([4, 8, 64])
        readLimit = pick([3, 8, 64])
        bufferedMax = pick([2, 12, 100])
    }

    /// Whether no restart loses what was answered, and no other server takes over.
    var serversKeepAllAnswered: Bool { isDurable && serverCount == 1 }
    var tracker: FeedTracker { FeedTracker(primeCount: primeCount, readLimit: readLimit, bufferedMax: bufferedMax) }
}
