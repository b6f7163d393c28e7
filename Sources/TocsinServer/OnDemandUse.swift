import PosixIO
import Synchronization

/// When a log that is served on demand was last used on any event loop, and why it may not be served yet.
final class OnDemandUse: Sendable {
    private let lastUse = Atomic<Int64>(0)
    private let served = Atomic<Bool>(false)
    // Owner: the loop that follows the log writes, any loop reads. Nothing is called while it is held.
    private let reason = Mutex("")

    /// Notes a client or a request.
    func note(_ now: MonotonicTime) {
        lastUse.store(now.nanoseconds, ordering: .relaxed)
    }

    /// How long nobody has used it.
    func idle(_ now: MonotonicTime) -> Duration {
        now - MonotonicTime(nanoseconds: lastUse.load(ordering: .relaxed))
    }

    /// Whether it is followed, and so open to requests.
    var isServed: Bool { served.load(ordering: .relaxed) }

    func setServed(_ isServed: Bool) {
        served.store(isServed, ordering: .relaxed)
    }

    /// What the follower of the log last said; empty while all is well.
    var downReason: String { reason.withLock { $0 } }

    func setDownReason(_ text: String) {
        reason.withLock { $0 = text }
    }
}
