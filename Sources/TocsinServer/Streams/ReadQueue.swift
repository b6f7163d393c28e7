import DequeModule
import PosixIO

/// Reads of the log whose results may be large, a few at a time, so that many clients who ask at once do not make the
/// loop hold all results together. Owned by one loop.
final class ReadQueue {
    typealias Read = (_ finish: @escaping () -> Void) -> Void

    private static let underWayMax = 4
    /// Each connection waits for one read at most, but those that have gone leave theirs behind until its turn.
    private static let waitingMax = 65_536

    private let isConnected: (PollToken) -> Bool
    private var underWay = 0
    private var isStarting = false
    private var waiting: Deque<(client: PollToken, read: Read)> = []

    /// - Parameter isConnected: A read for a client that has gone is left out.
    init(isConnected: @escaping (PollToken) -> Bool) {
        self.isConnected = isConnected
    }

    var isFull: Bool { waiting.count >= Self.waitingMax }

    /// Starts a read, or lets it wait for its turn.
    /// - Parameter read: Calls `finish` once, when its result has been dealt with.
    func run(for client: PollToken, _ read: @escaping Read) {
        precondition(!isFull, "who asks for a read has looked whether there is room")
        waiting.append((client, read))
        startNext()
    }

    private func startNext() {
        // A read that fails at once must not start the next one from within itself, and so on for all that wait.
        guard !isStarting else { return }
        isStarting = true
        defer { isStarting = false }
        while underWay < Self.underWayMax, let next = waiting.popFirst() {
            guard isConnected(next.client) else { continue }
            underWay += 1
            next.read { [unowned self] in
                underWay -= 1
                startNext()
            }
        }
    }
}
