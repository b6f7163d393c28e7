/// What a follower can and cannot do at the moment, for readiness.
public struct LogHealth: Hashable, Sendable {
    /// Commands are answered, and with what was asked for.
    public var redisUp: Bool
    /// Messages arrive and everything before them was read.
    public var subscriptionUp: Bool
    /// Empty while both are up.
    public var reason: String
    /// Why Redis takes no writes although it answers; `nil` while it does.
    public var writesRefused: String?
    /// Why the log that Redis leads to is left alone: it is another deployment's (`LogMembership`). `nil` for the own one.
    public var foreignLog: String?

    /// Messages arrive and commands are answered.
    public var isFollowing: Bool { redisUp && subscriptionUp }

    public init(
        redisUp: Bool, subscriptionUp: Bool, reason: String, writesRefused: String? = nil, foreignLog: String? = nil
    ) {
        self.redisUp = redisUp
        self.subscriptionUp = subscriptionUp
        self.reason = reason
        self.writesRefused = writesRefused
        self.foreignLog = foreignLog
    }
}

extension LogFollower {
    /// Why the log cannot be followed at the moment.
    var downReason: String {
        if !client.isUp { return client.downReason }
        if let probeFailure { return "\(probeFailure)" }
        if session.isProven {
            return (leaseFailure ?? readFailure).map { "the log cannot be read: \($0)" } ?? "reading the log"
        }
        if session.isSubscribed { return "proving the subscription" }
        let failure = subscription.isUp ? subscriptionFailure : subscription.downReason
        return failure.map { "subscription to \(channel): \($0)" } ?? "subscribing"
    }
}
