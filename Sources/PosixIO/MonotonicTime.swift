import Glibc

/// A point on the monotonic clock, in nanoseconds since an arbitrary start (clock_gettime(2), CLOCK_MONOTONIC).
public struct MonotonicTime: Comparable, Hashable, Sendable {
    public let nanoseconds: Int64

    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    public static var now: MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    public static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        MonotonicTime(nanoseconds: time.nanoseconds + duration.nanoseconds)
    }

    public static func - (left: MonotonicTime, right: MonotonicTime) -> Duration {
        Duration(attoseconds: Int128(left.nanoseconds - right.nanoseconds) * Duration.attosecondsPerNanosecond)
    }

    /// The earlier of two times, where `nil` is never.
    public static func earliest(_ one: MonotonicTime?, _ other: MonotonicTime?) -> MonotonicTime? {
        guard let one, let other else { return one ?? other }
        return min(one, other)
    }
}

extension Duration {
    fileprivate static let attosecondsPerNanosecond: Int128 = 1_000_000_000

    /// The whole duration in nanoseconds; enough for 292 years.
    ///
    /// One division, and none of the library's calls for `components` and `nanoseconds(_:)`: every turn of a loop and
    /// every request asks for some.
    public var nanoseconds: Int64 {
        Int64(attoseconds / Self.attosecondsPerNanosecond)
    }

    /// Whole milliseconds, rounded up, so that a wait never ends before its deadline.
    public var millisecondsRoundedUp: Int64 {
        (nanoseconds + 999_999) / 1_000_000
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, as the wall clock has it.
public func unixMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
