import DequeModule
import PosixIO

/// The commands that wait for an answer, in the order sent, bounded in number and bytes.
struct PendingCommands {
    private struct Entry {
        let handler: RedisLink.ReplyHandler
        let byteCount: Int
        /// `nil` until the command was given to the socket.
        var deadline: MonotonicTime?
    }

    private var entries: Deque<Entry> = []
    private var stampedCount = 0
    private var byteCount = 0
    private let countMax: Int
    private let bytesMax: Int

    init(countMax: Int, bytesMax: Int) {
        self.countMax = countMax
        self.bytesMax = bytesMax
    }

    var isEmpty: Bool { entries.isEmpty }

    /// When the oldest command must have been answered.
    var deadline: MonotonicTime? { entries.first?.deadline }

    func hasRoom(for command: RedisCommand) -> Bool {
        entries.count < countMax && byteCount + command.byteCount <= bytesMax
    }

    mutating func append(_ command: RedisCommand, _ handler: @escaping RedisLink.ReplyHandler) {
        entries.append(Entry(handler: handler, byteCount: command.byteCount, deadline: nil))
        byteCount += command.byteCount
    }

    /// Starts the clock of all that was appended since the last call; reads no clock where that is nothing.
    mutating func stamp(_ deadline: @autoclosure () -> MonotonicTime) {
        guard stampedCount < entries.count else { return }
        let deadline = deadline()
        while stampedCount < entries.count {
            entries[stampedCount].deadline = deadline
            stampedCount += 1
        }
    }

    mutating func popFirst() -> RedisLink.ReplyHandler? {
        guard let entry = entries.popFirst() else { return nil }
        byteCount -= entry.byteCount
        stampedCount = max(0, stampedCount - 1)
        return entry.handler
    }

    /// Everything that waits, oldest first.
    mutating func takeAll() -> [RedisLink.ReplyHandler] {
        let handlers = entries.map(\.handler)
        entries.removeAll()
        stampedCount = 0
        byteCount = 0
        return handlers
    }
}
