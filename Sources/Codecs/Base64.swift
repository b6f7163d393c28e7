/// Base64 with padding (RFC 4648 §4), for values of a few dozen bytes.
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    public static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { output in
            var end = 0
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let count = min(3, bytes.count - start)
                var bits: UInt32 = 0
                for index in 0..<3 { bits = bits << 8 | (index < count ? UInt32(bytes[start + index]) : 0) }
                for digit in 0..<4 {
                    let value = Int(bits >> UInt32(18 - digit * 6) & 0x3F)
                    // SAFETY: four digits for each three bytes begun are the capacity asked for.
                    output[end] = digit <= count ? alphabet[value] : UInt8(ascii: "=")
                    end += 1
                }
            }
            return end
        }
    }

    /// - Returns: `nil` unless `text` is the one canonical encoding of some bytes: whole groups of four, padding only at
    ///   the end, no blanks, unused bits zero (RFC 4648 §3.5).
    public static func decode(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 4 == 0 else { return nil }
        let padding = digits.reversed().prefix(while: { $0 == UInt8(ascii: "=") }).count
        guard padding <= 2 else { return nil }
        var output: [UInt8] = []
        output.reserveCapacity(digits.count / 4 * 3)
        var bits: UInt32 = 0
        for (index, digit) in digits.enumerated() {
            let isPadding = index >= digits.count - padding
            guard let value = isPadding ? 0 : value(of: digit) else { return nil }
            bits = bits << 6 | value
            if index % 4 == 3 {
                output.append(UInt8(bits >> 16 & 0xFF))
                output.append(UInt8(bits >> 8 & 0xFF))
                output.append(UInt8(bits & 0xFF))
                bits = 0
            }
        }
        guard output.suffix(padding).allSatisfy({ $0 == 0 }) else { return nil }
        output.removeLast(padding)
        return output
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
