/// Whether the other end still lives: silence is answered with a ping, and more silence ends it (RFC 6455 §5.5.2).
struct Liveness {
    enum Verdict {
        case alive
        case pingDue
        case dead
    }

    /// When the client was last heard, or a ping was sent.
    private var since: Tick
    private var awaitsPong = false

    init(now: Tick) {
        since = now
    }

    /// The client has said anything at all.
    mutating func heard(now: Tick) {
        since = now
        awaitsPong = false
    }

    /// - Parameters:
    ///   - pingInterval: How long silence may last before a ping is due, which then counts as sent.
    ///   - pongDeadline: How long the answer may take.
    mutating func check(now: Tick, pingInterval: Duration, pongDeadline: Duration) -> Verdict {
        guard since + (awaitsPong ? pongDeadline : pingInterval) <= now else { return .alive }
        if awaitsPong { return .dead }
        since = now
        awaitsPong = true
        return .pingDue
    }
}
