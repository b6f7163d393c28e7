import PosixIO
import RedisLog
import Synchronization
import ThreatFeed

/// What the replica's threads tell each other about its condition.
final class ReplicaStatus: Sendable {
    /// Losses of parts of the log that were noticed by what its keys did not agree on.
    let damages = Counter()
    /// 1 while Redis may throw parts of the log away to make room.
    let mayEvict = Counter()
    /// Whether each log is followed.
    let feeds = FeedGaps()
    let sentinels = SentinelStatus()
    private let draining = Atomic<Bool>(false)
    private let followerCount = Atomic<Int>(0)
    // Owner: the loop that follows the log writes, any thread reads. Nothing is called while it is held.
    private let followed = Mutex(LogHealth(redisUp: false, subscriptionUp: false, reason: "not started"))
    // Owner: the loop that follows the log writes, any thread reads. Nothing is called while it is held.
    private let newest = Mutex<Cursor>(.zero)
    // Owner: whichever loop has news. Only the log is written while it is held, so that its lines keep their order.
    private let told = Mutex(ToldVerdict())

    var isDraining: Bool { draining.load(ordering: .relaxed) }
    var head: Cursor { newest.withLock { $0 } }

    /// How the follower of the log is.
    var health: LogHealth { followed.withLock { $0 } }

    func setHealth(_ health: LogHealth) {
        followed.withLock { $0 = health }
    }

    func beginDrain() {
        draining.store(true, ordering: .relaxed)
    }

    /// Replicas that follow the log, this one among them, as of the last probe.
    var followers: Int { followerCount.load(ordering: .relaxed) }

    func setFollowers(_ count: Int) {
        followerCount.store(count, ordering: .relaxed)
    }

    func setHead(_ cursor: Cursor) {
        newest.withLock { $0 = cursor }
    }

    /// Lets what is new in the verdict be told, once for the whole replica.
    /// - Parameters:
    ///   - readiness: Asked while no other loop can tell.
    ///   - tell: Gets it when there is anything to tell.
    func tell(
        _ readiness: @autoclosure () -> Readiness, now: MonotonicTime, _ tell: (VerdictNews, Readiness) -> Void
    ) {
        told.withLock { told in
            let readiness = readiness()
            if let news = told.news(of: readiness, now: now) { tell(news, readiness) }
        }
    }
}

/// What is worth a line about the verdict.
enum VerdictNews: Hashable {
    case up
    case down
    /// The log still cannot be followed, for another reason.
    case otherReason
}

/// The verdict as it was told last.
private struct ToldVerdict {
    /// `nil` before the first one.
    private var isFollowing: Bool?
    /// Why it turned and what came after; `nil` as long as the log was never followed, which ends the start by itself.
    private var reasons: OutageReasons?

    mutating func news(of readiness: Readiness, now: MonotonicTime) -> VerdictNews? {
        let before = isFollowing
        isFollowing = readiness.isFollowing
        if readiness.isFollowing {
            reasons = nil
            return before == true ? nil : .up
        }
        if before == true {
            var reasons = OutageReasons()
            reasons.told(readiness.downReason)
            self.reasons = reasons
            return .down
        }
        return reasons?.isNews(readiness.downReason, now: now) == true ? .otherReason : nil
    }
}

extension ReplicaShared {
    /// The one verdict over the replica, whichever loop is asked: from all ways that requests take. A loop without a
    /// link to Redis hands its requests to one that has one, so a single link will do.
    var readiness: Readiness {
        let health = status.health
        let linkReasons = loops.map { $0.links.downReason(of: .threats) }
        let isServed = linkReasons.contains(nil)
        return Readiness(
            isRedisUp: health.redisUp && isServed,
            isSubscriptionUp: health.subscriptionUp && loops.allSatisfy(\.links.hasFeed),
            isDraining: status.isDraining,
            downReason: health.reason.isEmpty && !isServed ? linkReasons.first.flatMap { $0 } ?? "" : health.reason,
            writesRefused: health.writesRefused)
    }

    /// Loops that have a link of their own to Redis.
    var linkedLoops: Int { loops.count { $0.links.isUp(.threats) } }

    /// To be called whenever something that the verdict follows from has changed.
    func tellVerdict() {
        status.tell(readiness, now: .now) { news, readiness in
            switch news {
            case .up: logger.info("redis_up", "following the log", ["head": "\(status.head)"])
            case .down: logger.error("redis_down", "the log cannot be followed", ["reason": readiness.downReason])
            case .otherReason:
                logger.error(
                    "redis_still_down", "the log still cannot be followed, for another reason",
                    ["reason": readiness.downReason])
            }
        }
    }
}

/// The answer of `GET /ready`.
struct Readiness {
    let isRedisUp: Bool
    let isSubscriptionUp: Bool
    let isDraining: Bool
    /// Why Redis cannot be used, or the log not be followed; empty while both can.
    let downReason: String
    /// Why Redis takes no writes although it answers.
    let writesRefused: String?

    /// Whether the log is read and followed.
    var isFollowing: Bool { isRedisUp && isSubscriptionUp }

    var isReady: Bool { isFollowing && writesRefused == nil && !isDraining }

    func encode() -> [UInt8] {
        var body: [UInt8] = []
        JSONText.appendRaw(#"{"status":"# + (isReady ? #""ready""# : #""not_ready""#), to: &body)
        JSONText.appendRaw(#","reason":"#, to: &body)
        if let reason { JSONText.appendString(reason, to: &body) } else { JSONText.appendRaw("null", to: &body) }
        JSONText.appendRaw(#","components":{"redis":"#, to: &body)
        JSONText.appendString(!isRedisUp ? "down" : writesRefused == nil ? "up" : "refuses writes", to: &body)
        JSONText.appendMember("subscription", isSubscriptionUp ? "up" : "down", to: &body)
        JSONText.appendRaw(#","draining":\#(isDraining)}}"#, to: &body)
        return body
    }

    private var reason: String? {
        if isDraining { return "the replica drains" }
        let cause = downReason.isEmpty ? "" : ": \(downReason)"
        if !isRedisUp { return "Redis cannot be used" + cause }
        if let writesRefused { return "threats cannot be accepted: \(writesRefused)" }
        if !isSubscriptionUp { return "the log is not followed" + cause }
        return nil
    }
}
