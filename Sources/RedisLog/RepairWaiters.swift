import PosixIO

/// Publishes that came while the log takes only what replicas still held: they are sent again until it takes new ones,
/// or so often that something else must be wrong.
struct RepairWaiters {
    private static let interval = Duration.milliseconds(100)
    private static let attemptsMax = 15
    private static let recordsMax = 4_096

    private var calls: [PublishCall] = []
    private var recordCount = 0
    /// When the calls are to be sent again; `nil` while none waits.
    private(set) var nextRetry: MonotonicTime?

    /// - Returns: Whether the call may wait; else it is to be refused.
    mutating func hold(_ call: PublishCall, now: MonotonicTime) -> Bool {
        guard call.attempts < Self.attemptsMax, recordCount + call.publications.count <= Self.recordsMax
        else { return false }
        calls.append(call)
        recordCount += call.publications.count
        nextRetry = nextRetry ?? now + Self.interval
        return true
    }

    /// The calls whose turn has come, in the order they came.
    mutating func due(now: MonotonicTime) -> [PublishCall] {
        guard let nextRetry, now >= nextRetry else { return [] }
        return takeAll().map(\.afterAttempt)
    }

    mutating func takeAll() -> [PublishCall] {
        defer {
            calls = []
            recordCount = 0
            nextRetry = nil
        }
        return calls
    }
}
