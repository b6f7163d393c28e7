import RedisLog

/// What a loop tells of its own links to Redis.
extension EventLoop {
    /// Lets the other loops know at once whether this one can serve them.
    func noteLink(_ lane: Lane) {
        guard lane.log.isUp != lane.isKnownUp else { return }
        lane.isKnownUp = lane.log.isUp
        tell(lane)
    }

    func feedBegan() {
        links.feedBegan()
        shared.tellVerdict()
    }

    /// Once a second: the reason may have changed, and an outage become worth a line.
    func reviewLinks() {
        guard shared.site.usesLog else { return }
        for lane in lanes where !lane.log.isUp { tell(lane) }
        // While the subscription alone is down its reason may change.
        shared.tellVerdict()
        let event = threats.linkOutage.review(
            isUp: threats.log.isUp, reason: threats.log.downReason, isOthersUp: shared.readiness.isFollowing, now: now)
        switch event {
        case .none: break
        case .began:
            shared.logger.warning(
                "link_down", "an event loop has no link to Redis; its requests go through the others",
                ["reason": threats.log.downReason])
        case .otherReason:
            shared.logger.warning(
                "link_still_down", "the event loop still has no link to Redis, for another reason",
                ["reason": threats.log.downReason])
        case .ended: shared.logger.info("link_up", "the event loop has a link to Redis again")
        }
    }

    private func tell(_ lane: Lane) {
        links.set(lane.served, downReason: lane.log.isUp ? nil : lane.log.downReason)
        if lane.served == .threats { shared.tellVerdict() }
    }
}
