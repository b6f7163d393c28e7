import PosixIO
import RedisLog

/// Posts that the replica's own clients would miss are refused, so that a publisher turns to another replica.
extension EventLoop {
    /// Why no threat is accepted for a log, although Redis may take it: it has not been followed for too long.
    /// - Returns: `nil` as long as posts are accepted.
    func publishRefusal(_ lane: Lane) -> LogError? {
        guard isOverGrace(lane.served) else { return nil }
        let reason = lane.served == .threats ? shared.readiness.downReason : shared.proof.downReason
        let cause = reason.isEmpty ? "" : ": \(reason)"
        return .unavailable(reason: "this replica cannot follow the log, so its own clients would miss it\(cause)")
    }

    /// Once a second, on the loop that follows the log: whether posts are refused for that alone is worth a line.
    func reviewPublishGate() {
        // Before the log was followed once, the start tells.
        guard threats.follower != nil, threats.feed != nil else { return }
        let isRefusing = isOverGrace(.threats) && shared.linkedLoops > 0
        guard isRefusing != isRefusalTold else { return }
        isRefusalTold = isRefusing
        if isRefusing {
            shared.logger.error(
                "posts_refused", "threats are not accepted, since this replica's own clients would miss them",
                ["reason": shared.readiness.downReason])
        } else {
            shared.logger.info("posts_accepted", "threats are accepted again, or refused for another reason")
        }
    }

    private func isOverGrace(_ served: ServedLog) -> Bool {
        guard let length = shared.status.feeds[served].length(now) else { return false }
        let grace = shared.configuration.subscriptionGrace
        return grace > .zero && length >= grace
    }
}
