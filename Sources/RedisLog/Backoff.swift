/// Capped exponential back-off with full jitter between half and the whole of each step.
struct Backoff {
    private let minimum: Duration
    private let maximum: Duration
    private var step: Duration
    private var random: SplitMix64

    init(minimum: Duration, maximum: Duration, randomSeed: UInt64) {
        self.minimum = minimum
        self.maximum = maximum
        step = minimum
        random = SplitMix64(state: randomSeed)
    }

    /// How long to wait before the next attempt.
    mutating func next() -> Duration {
        let whole = step.components.seconds * 1_000_000_000 + step.components.attoseconds / 1_000_000_000
        step = min(step * 2, maximum)
        return .nanoseconds(Int64.random(in: (whole / 2)...max(whole, 1), using: &random))
    }

    mutating func reset() {
        step = minimum
    }
}

/// A small seeded generator (Steele, Lea, Flood 2014); replicas must not retry in step, nothing secret hangs on it.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
