import CPosix
import Glibc
import Synchronization

/// Hands messages from any thread to the loop that owns the mailbox.
///
/// The owner registers `descriptor` with its poller and calls `take()` when it is readable. Posting costs one
/// eventfd write only when the mailbox was empty: a busy loop is woken once for many messages.
public final class Mailbox<Message: Sendable>: Sendable {
    private let wakeUp: FileDescriptor
    // Owner: whoever posts or takes. Nothing is called while it is held.
    private let messages = Mutex<[Message]>([])

    public init() throws(SystemError) {
        let raw = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard raw >= 0 else { throw .last("eventfd") }
        wakeUp = FileDescriptor(raw: raw)
    }

    public var descriptor: Int32 { wakeUp.raw }

    public func post(_ message: Message) {
        let wasEmpty = messages.withLock { queue in
            queue.append(message)
            return queue.count == 1
        }
        guard wasEmpty else { return }
        var one: UInt64 = 1
        // EAGAIN means that the counter is full, hence that the owner is already being woken.
        _ = Glibc.write(wakeUp.raw, &one, 8)
    }

    /// Everything posted since the last call, in order. Only for the owner.
    public func take() -> [Message] {
        var count: UInt64 = 0
        // The counter is cleared before the messages are taken: a post in between wakes the owner once more.
        _ = Glibc.read(wakeUp.raw, &count, 8)
        return messages.withLock { queue in
            let taken = queue
            queue = []
            return taken
        }
    }
}
