/// Unix time as it was at the start, moved on by the monotonic clock: when somebody sets the wall clock, it goes on as
/// if nothing had happened. For ages and order; time stamps that people read come from the wall clock.
public struct SteadyClock: Sendable {
    private let startedAtUnixMilliseconds: Int64
    private let started: MonotonicTime

    /// - Parameters:
    ///   - unixMilliseconds: The wall clock at the start.
    ///   - now: The monotonic clock at the same moment.
    public init(startingAt unixMilliseconds: Int64 = PosixIO.unixMilliseconds(), now: MonotonicTime = .now) {
        startedAtUnixMilliseconds = unixMilliseconds
        started = now
    }

    /// Milliseconds since 1970, never going back.
    public func unixMilliseconds(now: MonotonicTime = .now) -> Int64 {
        startedAtUnixMilliseconds + (now - started).nanoseconds / 1_000_000
    }
}
