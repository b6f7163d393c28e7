import DequeModule
import PosixIO

/// When streams start that need more than a place in the ring: clients that all come back at once are let in at a
/// bounded rate, in the order they came, so that those who are here already, publishers and probes are served meanwhile.
///
/// Connections are accepted and upgraded all the same; what waits is the first frame.
struct StreamStarts {
    /// Streams that start in one turn, when the loop has been busy elsewhere.
    private static let startsPerTurn = 128
    /// Beyond this wait clients would give up, and come again on top of the others.
    private static let longestWait = Duration.seconds(8)
    /// What was not used is kept for so long: a few clients need not wait for each other.
    private static let burst = Duration.milliseconds(100)

    private let interval: Duration
    private var nextSweep = MonotonicTime(nanoseconds: 0)
    private var waiting: Deque<PollToken> = []
    /// When the next stream may start; in the past while there was no hurry.
    private var next = MonotonicTime(nanoseconds: 0)

    /// - Parameter perSecond: Streams that may start in a second.
    init(perSecond: Double) {
        interval = .nanoseconds(Int64(1e9 / perSecond))
    }

    /// When the next one that waits has its turn; `nil` when none waits.
    var nextTurn: MonotonicTime? { waiting.isEmpty ? nil : next }

    /// Whether one more would wait longer than clients do.
    var isFull: Bool { interval * waiting.count >= Self.longestWait }

    /// Takes a client into the queue.
    mutating func append(_ token: PollToken) {
        waiting.append(token)
    }

    /// Forgets those who have gone, when the queue is full; at most once a second.
    mutating func sweepIfFull(now: MonotonicTime, isWaiting: (PollToken) -> Bool) {
        guard isFull, now >= nextSweep else { return }
        nextSweep = now + .seconds(1)
        waiting.removeAll { !isWaiting($0) }
    }

    /// The clients whose turn it is. Who has gone costs no turn.
    mutating func due(now: MonotonicTime, isWaiting: (PollToken) -> Bool) -> [PollToken] {
        var due: [PollToken] = []
        next = max(next, MonotonicTime(nanoseconds: now.nanoseconds - Self.burst.nanoseconds))
        while next <= now, due.count < Self.startsPerTurn, let token = waiting.popFirst() {
            guard isWaiting(token) else { continue }
            due.append(token)
            next = next + interval
        }
        return due
    }
}
