/// Checks UTF-8 that arrives in pieces and knows at once when no continuation can make it valid
/// (RFC 3629 §4, RFC 6455 §8.1).
struct UTF8Validator {
    /// Continuation bytes the current character still lacks.
    private var missing: UInt8 = 0
    /// What the next continuation byte may be. Narrower than 80...BF after E0, ED, F0 and F4, which is what
    /// excludes overlong forms, surrogates and code points beyond U+10FFFF.
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    /// Whether the bytes so far end with a whole character.
    var isComplete: Bool { missing == 0 }

    /// - Returns: `false` as soon as the bytes so far cannot be the beginning of valid text.
    mutating func validate(_ bytes: Span<UInt8>) -> Bool {
        var index = 0
        while index < bytes.count {
            if missing == 0 {
                index = Self.skipASCII(bytes, from: index)
                guard index < bytes.count else { return true }
            }
            let byte = bytes[index]
            index += 1
            if missing == 0 {
                guard byte < 0x80 || begin(byte) else { return false }
            } else {
                guard byte >= lowest && byte <= highest else { return false }
                missing -= 1
                lowest = 0x80
                highest = 0xBF
            }
        }
        return true
    }

    /// - Returns: An index up to which there is only ASCII, found in blocks of 32 bytes that the compiler turns into
    ///   vector instructions; perhaps not the last such index.
    private static func skipASCII(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index &+ 32 <= bytes.count {
            var combined: UInt8 = 0
            for offset in 0..<32 { combined |= bytes[index &+ offset] }
            guard combined < 0x80 else { return index }
            index &+= 32
        }
        return index
    }

    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF: missing = 1
        case 0xE0...0xEF:
            missing = 2
            if byte == 0xE0 { lowest = 0xA0 }
            if byte == 0xED { highest = 0x9F }
        case 0xF0...0xF4:
            missing = 3
            if byte == 0xF0 { lowest = 0x90 }
            if byte == 0xF4 { highest = 0x8F }
        default: return false
        }
        return true
    }
}
