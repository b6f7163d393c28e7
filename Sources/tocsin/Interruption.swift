import Glibc
import PosixIO
import Synchronization
import TocsinClient

/// Waits for Ctrl-C, SIGTERM, or a reason of the command's own to end.
final class Interruption: Sendable {
    private let signals: SignalDescriptor
    private let requests = Atomic<Int>(0)

    /// Takes the signals over; to be made before any thread starts.
    init() throws(SystemError) {
        signals = try SignalDescriptor([SIGINT, SIGTERM, SIGHUP])
    }

    /// Lets `wait` return; from any thread.
    func end() {
        requests.add(1, ordering: .releasing)
    }

    /// How often an end was asked for: who asks again does not want to wait for what is under way.
    var count: Int {
        while signals.next() != nil { end() }
        return requests.load(ordering: .acquiring)
    }

    var isEnded: Bool { count > 0 }

    /// - Parameter limit: `nil` waits for ever.
    func wait(atMost limit: Duration? = nil) {
        let deadline = limit.map { MonotonicTime.now + $0 }
        while !isEnded {
            if let deadline, MonotonicTime.now >= deadline { return }
            Pause.sleep(.milliseconds(20))
        }
    }
}
