/// The first 16 bytes of the SHA-256 of the bytes a publisher sent; equal digests make a retry of an id a replay.
public struct ContentDigest: Hashable, Sendable, CustomStringConvertible {
    let high: UInt64
    let low: UInt64

    /// Length of the text form.
    static let hexByteCount = 32

    /// Takes the first 16 bytes of a hash.
    /// - Precondition: `hash` has at least 16 bytes.
    public init(prefixOf hash: Span<UInt8>) {
        precondition(hash.count >= 16, "a digest needs 16 bytes of hash")
        var words: (high: UInt64, low: UInt64) = (0, 0)
        for index in 0..<8 {
            words.high = words.high << 8 | UInt64(hash[index])
            words.low = words.low << 8 | UInt64(hash[index + 8])
        }
        high = words.high
        low = words.low
    }

    /// Takes the first 16 bytes of a hash.
    /// - Precondition: `hash` has at least 16 bytes.
    public init(prefixOf hash: [UInt8]) {
        self.init(prefixOf: hash.span)
    }

    /// Reads exactly 32 lower-case hexadecimal digits.
    public init?(hex: ArraySlice<UInt8>) {
        guard hex.count == Self.hexByteCount else { return nil }
        var words: (high: UInt64, low: UInt64) = (0, 0)
        for digit in hex {
            let value: UInt64
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt64(digit &- UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = UInt64(digit &- UInt8(ascii: "a") &+ 10)
            default: return nil
            }
            words.high = words.high << 4 | words.low >> 60
            words.low = words.low << 4 | value
        }
        high = words.high
        low = words.low
    }

    /// 32 lower-case hexadecimal digits.
    public var description: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the 32 digits.
    public func append(to bytes: inout [UInt8]) {
        Hexadecimal.append(high, digits: 16, to: &bytes)
        Hexadecimal.append(low, digits: 16, to: &bytes)
    }
}

/// Lower-case hexadecimal numbers.
enum Hexadecimal {
    /// Appends the lowest `digits` digits of a value, most significant first.
    static func append(_ value: UInt64, digits: Int, to bytes: inout [UInt8]) {
        bytes.append(addingCapacity: digits) { output in
            var shift = digits * 4
            while shift > 0 {
                shift -= 4
                let nibble = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 0xF
                output.append(nibble < 10 ? UInt8(ascii: "0") &+ nibble : UInt8(ascii: "a") &+ nibble &- 10)
            }
        }
    }
}
