import Glibc
import PosixIO

/// Sleeping on the calling thread.
public enum Pause {
    /// Sleeps at least this long, also when signals interrupt it.
    public static func sleep(_ duration: Duration) {
        let nanoseconds = max(0, duration.nanoseconds)
        var left = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        while true {
            var remaining = timespec()
            guard nanosleep(&left, &remaining) == -1, errno == EINTR else { return }
            left = remaining
        }
    }

    /// Looks for a condition every few milliseconds.
    /// - Returns: Whether it came true in time.
    public static func wait(
        atMost limit: Duration, every period: Duration = .milliseconds(10), for condition: () throws -> Bool
    ) rethrows -> Bool {
        let deadline = MonotonicTime.now + limit
        while true {
            if try condition() { return true }
            guard MonotonicTime.now < deadline else { return false }
            sleep(period)
        }
    }
}
