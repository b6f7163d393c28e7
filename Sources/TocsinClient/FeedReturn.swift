package import PosixIO
import WebSocketProtocol

/// When a client of the feed comes back after a connection has ended (docs/protocol.md, "Resuming"). Sans I/O.
///
/// It does after every end that it did not cause, whatever the close code: libraries and proxies report codes of their own
/// for a line that broke, a reload, or a code that they do not know (docs/interop.md). Only an end that says so is final.
package struct FeedReturn: Sendable {
    package enum Decision: Sendable, Equatable {
        /// Connect again, to another replica if there is one, or to the same.
        case comeBack(after: Duration, elsewhere: Bool)
        case stayAway
    }

    /// A connection that lasted so long was a good one: the next failure is a first one again.
    package static let goodAfter = Duration.seconds(5)
    /// Nobody is asked to wait longer.
    private static let askedMax = Duration.seconds(60)
    private static let soon = Duration.milliseconds(400)
    private static let floodPause = Duration.seconds(10)

    private var backoff: Backoff
    private var isFirst = true
    private var openedAt: MonotonicTime?

    package init(_ backoff: Backoff) {
        self.backoff = backoff
    }

    package mutating func opened(at now: MonotonicTime) {
        openedAt = now
    }

    /// Decides after one end.
    /// - Parameter randomness: Uniform in 0..<1: clients that were closed in one moment must not come in one.
    package mutating func ended(_ ending: FeedEnding, at now: MonotonicTime, randomness: Double) -> Decision {
        if let openedAt, now - openedAt >= Self.goodAfter {
            backoff.reset()
            isFirst = true
        }
        openedAt = nil
        if ending.isFinal { return .stayAway }
        let wasFirst = isFirst
        isFirst = false
        switch ending {
        case .closed(CloseCode.tooSlow?, _) where wasFirst:
            return .comeBack(after: Self.soon * randomness, elsewhere: false)
        case .closed(CloseCode.serviceRestart?, _) where wasFirst:
            return .comeBack(after: Self.soon * randomness, elsewhere: true)
        case .closed(CloseCode.policyViolation?, _):
            return .comeBack(after: max(Self.floodPause, backoff.next(randomness: randomness)), elsewhere: true)
        case .refused(_, let retryAfter?):
            let asked = min(retryAfter, Self.askedMax) + .milliseconds(500) * randomness
            return .comeBack(after: max(asked, backoff.next(randomness: randomness)), elsewhere: true)
        case .refused(_, nil), .closed, .lost:
            return .comeBack(after: backoff.next(randomness: randomness), elsewhere: true)
        }
    }
}
