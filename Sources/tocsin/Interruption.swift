import Glibc
import PosixIO
import Synchronization
import TocsinClient

/// Waits for Ctrl-C, SIGTERM, or a reason of the command's own to end.
final class Interruption: Sendable {
    private let signals: SignalDescriptor
    private let ended = Atomic<Bool>(false)

    /// Takes the signals over; to be made before any thread starts.
    init() throws(SystemError) {
        signals = try SignalDescriptor([SIGINT, SIGTERM, SIGHUP])
    }

    /// Lets `wait` return; from any thread.
    func end() {
        ended.store(true, ordering: .releasing)
    }

    var isEnded: Bool {
        if signals.next() != nil { end() }
        return ended.load(ordering: .acquiring)
    }

    /// - Parameter limit: `nil` waits for ever.
    func wait(atMost limit: Duration? = nil) {
        let deadline = limit.map { MonotonicTime.now + $0 }
        while !isEnded {
            if let deadline, MonotonicTime.now >= deadline { return }
            Pause.sleep(.milliseconds(20))
        }
    }
}
