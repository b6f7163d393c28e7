import Synchronization
import ThreatFeed

/// What the replica's threads tell each other about its condition.
final class ReplicaStatus: Sendable {
    private let draining = Atomic<Bool>(false)
    private let subscriptionUp = Atomic<Bool>(false)
    private let followerCount = Atomic<Int>(0)
    // Owner: the loop that follows the log writes, the main thread reads. Nothing is called while it is held.
    private let reason = Mutex<String?>(nil)
    // Owner: the loop that follows the log writes, any thread reads. Nothing is called while it is held.
    private let refusal = Mutex<String?>(nil)
    // Owner: the loop that follows the log writes, any thread reads. Nothing is called while it is held.
    private let newest = Mutex<Cursor>(.zero)

    var isDraining: Bool { draining.load(ordering: .relaxed) }
    var isSubscriptionUp: Bool { subscriptionUp.load(ordering: .relaxed) }
    var head: Cursor { newest.withLock { $0 } }

    /// Why Redis could not be used last, if it ever could not.
    var downReason: String? { reason.withLock { $0 } }

    func setDownReason(_ text: String) {
        reason.withLock { $0 = text }
    }

    /// Why Redis takes no writes although it answers.
    var writesRefused: String? { refusal.withLock { $0 } }

    func setWritesRefused(_ reason: String?) {
        refusal.withLock { $0 = reason }
    }

    func beginDrain() {
        draining.store(true, ordering: .relaxed)
    }

    func setSubscriptionUp(_ isUp: Bool) {
        subscriptionUp.store(isUp, ordering: .relaxed)
    }

    /// Replicas that follow the log, this one among them, as of the last probe.
    var followers: Int { followerCount.load(ordering: .relaxed) }

    func setFollowers(_ count: Int) {
        followerCount.store(count, ordering: .relaxed)
    }

    func setHead(_ cursor: Cursor) {
        newest.withLock { $0 = cursor }
    }

    /// - Parameters:
    ///   - commandsUp: Whether the asking loop can give commands to Redis.
    ///   - isFeedReady: Whether it has read the log once.
    func readiness(commandsUp: Bool, isFeedReady: Bool) -> Readiness {
        Readiness(
            isRedisUp: commandsUp, isSubscriptionUp: isSubscriptionUp && isFeedReady, isDraining: isDraining,
            downReason: downReason, writesRefused: writesRefused)
    }
}

/// The answer of `GET /ready`.
struct Readiness {
    let isRedisUp: Bool
    let isSubscriptionUp: Bool
    let isDraining: Bool
    /// What the follower of the log last said about Redis.
    let downReason: String?
    /// Why Redis takes no writes although it answers.
    let writesRefused: String?

    var isReady: Bool { isRedisUp && writesRefused == nil && isSubscriptionUp && !isDraining }

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
        let cause = downReason.map { $0.isEmpty ? "" : ": \($0)" } ?? ""
        if !isRedisUp { return "Redis cannot be used" + cause }
        if let writesRefused { return "threats cannot be accepted: \(writesRefused)" }
        if !isSubscriptionUp { return "the log is not followed" + cause }
        return nil
    }
}
