/// How long to wait before the next attempt: doubling, capped, and jittered so that many clients spread out.
public struct Backoff: Sendable {
    public let first: Duration
    public let longest: Duration
    private var failures = 0

    public init(first: Duration = .milliseconds(100), longest: Duration = .seconds(5)) {
        self.first = first
        self.longest = longest
    }

    /// The wait after one more failure: between half and all of the doubled time.
    /// - Parameter randomness: Uniform in 0..<1.
    public mutating func next(randomness: Double) -> Duration {
        let doubled = first * (1 << min(failures, 20))
        failures += 1
        let whole = min(doubled, longest)
        return whole * (0.5 + randomness / 2)
    }

    /// It worked: the next failure waits the shortest time again.
    public mutating func reset() {
        failures = 0
    }
}
