/// Cuts an input in different ways; every table must give the same result for all of them.
public enum Cutting: CustomStringConvertible, Sendable {
    case whole
    case bytes
    /// Splits that a seed sets; a seed has any number of them.
    case random(seed: UInt64, number: UInt64 = 0)

    public var description: String {
        switch self {
        case .whole: "whole"
        case .bytes: "byte by byte"
        case .random(let seed, let number): "random splits \(number), seed \(seed)"
        }
    }

    public static func all(seed: UInt64) -> [Cutting] {
        [.whole, .bytes] + (0..<4).map { .random(seed: seed, number: $0) }
    }

    public func pieces(of input: [UInt8]) -> [[UInt8]] {
        switch self {
        case .whole: return [input]
        case .bytes: return input.map { [$0] }
        case .random(let seed, let number):
            var generator = SplitMix(seed: seed &+ number)
            var pieces: [[UInt8]] = []
            var rest = input[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...max(1, min(rest.count, 40)), using: &generator)
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            return pieces
        }
    }
}

/// A generator that a seed sets (SplitMix64), so that a failure can be had again.
public struct SplitMix: RandomNumberGenerator, Sendable {
    var state: UInt64

    public init(seed: UInt64) {
        state = seed
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Octets as text; `\u{80}` and above stand for single octets.
public func octets(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }
