import PosixIO
import Synchronization

/// What one event loop can do by itself of what requests need. Written by its loop, read by any thread.
final class LoopLinks: Sendable {
    // Owner: the loop writes, any thread reads. Nothing is called while it is held.
    private let reasons = Mutex<[String?]>(ServedLog.allCases.map { _ in "not started" })
    private let begun = Atomic<Bool>(false)

    /// Why the loop cannot give commands to Redis; `nil` while it can.
    func downReason(of served: ServedLog) -> String? { reasons.withLock { $0[Int(served.rawValue)] } }

    func isUp(_ served: ServedLog) -> Bool { downReason(of: served) == nil }

    func set(_ served: ServedLog, downReason: String?) {
        reasons.withLock { $0[Int(served.rawValue)] = downReason }
    }

    /// Whether it has begun to feed clients from the log of threats.
    var hasFeed: Bool { begun.load(ordering: .relaxed) }

    func feedBegan() {
        begun.store(true, ordering: .relaxed)
    }
}

/// When a loop's being without a link of its own is worth a line: not at every reconnect, and not while nothing else
/// works either, which is told elsewhere.
struct LinkOutage {
    enum Event: Hashable {
        case none
        case began
        /// It goes on, for another reason.
        case otherReason
        case ended
    }

    static let patience = Duration.seconds(2)

    private var since: MonotonicTime?
    private var isTold = false
    private var reasons = OutageReasons()

    /// To be called every so often.
    /// - Parameters:
    ///   - reason: Why there is none.
    ///   - isOthersUp: Whether the requests of this loop can be served by others meanwhile.
    mutating func review(
        isUp: Bool, reason: @autoclosure () -> String = "", isOthersUp: @autoclosure () -> Bool, now: MonotonicTime
    ) -> Event {
        guard !isUp else {
            defer { self = LinkOutage() }
            return isTold ? .ended : .none
        }
        let since = since ?? now
        self.since = since
        if isTold { return reasons.isNews(reason(), now: now) ? .otherReason : .none }
        guard now - since >= Self.patience, isOthersUp() else { return .none }
        isTold = true
        reasons.told(reason())
        return .began
    }
}
