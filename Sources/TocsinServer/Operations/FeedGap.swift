import PosixIO
import Synchronization

/// For how long a log has not been followed, so that the replica's own clients miss what is accepted.
///
/// The loop that follows the log writes, any loop reads with each post.
final class FeedGap: Sendable {
    /// When it began, in nanoseconds; 0 while the log is followed.
    private let began = Atomic<Int64>(0)

    init(began: MonotonicTime) {
        self.began.store(began.nanoseconds, ordering: .relaxed)
    }

    func set(isFollowed: Bool, now: MonotonicTime) {
        if isFollowed {
            began.store(0, ordering: .relaxed)
        } else if began.load(ordering: .relaxed) == 0 {
            began.store(now.nanoseconds, ordering: .relaxed)
        }
    }

    /// - Returns: `nil` while the log is followed.
    func length(_ now: MonotonicTime) -> Duration? {
        let began = began.load(ordering: .relaxed)
        return began == 0 ? nil : now - MonotonicTime(nanoseconds: began)
    }
}

/// One for each log that is served.
final class FeedGaps: Sendable {
    private let gaps: [FeedGap]

    init(now: MonotonicTime = .now) {
        gaps = ServedLog.allCases.map { _ in FeedGap(began: now) }
    }

    subscript(_ served: ServedLog) -> FeedGap { gaps[Int(served.rawValue)] }
}
