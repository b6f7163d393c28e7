/// Reads the bytes a string stands for one by one, without building them.
struct JSONStringReader {
    private var offset: Int
    private let end: Int
    /// What is left of an escaped character beyond ASCII, the next byte lowest; none of these bytes is zero.
    private var rest: UInt32 = 0

    /// - Parameter content: The text between the quotes, already found valid.
    init(_ content: Range<Int>) {
        offset = content.lowerBound
        end = content.upperBound
    }

    /// - Parameter bytes: Those that the content's offsets are of.
    /// - Returns: `nil` at the end.
    mutating func next(_ bytes: Span<UInt8>) -> UInt8? {
        if rest != 0 {
            defer { rest >>= 8 }
            return UInt8(truncatingIfNeeded: rest)
        }
        guard offset < end else { return nil }
        let byte = bytes[offset]
        guard byte == UInt8(ascii: "\\"), offset + 1 < end else {
            offset += 1
            return byte
        }
        let escape = bytes[offset + 1]
        if escape == UInt8(ascii: "u") { return nextEscaped(bytes) }
        offset += 2
        switch escape {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        default: return escape
        }
    }

    /// Takes a `\u` escape, or two that are a surrogate pair, and gives the first byte of its character.
    private mutating func nextEscaped(_ bytes: Span<UInt8>) -> UInt8? {
        guard var value = try? JSONTokens.codeUnit(bytes, offset, end) else {
            offset = end
            return nil
        }
        offset += 6
        if value & 0xFC00 == 0xD800, let low = try? JSONTokens.codeUnit(bytes, offset, end) {
            value = 0x10000 + (value & 0x3FF) << 10 + (low & 0x3FF)
            offset += 6
        }
        let last = 0x80 | value & 0x3F
        switch value {
        case ..<0x80: return UInt8(truncatingIfNeeded: value)
        case ..<0x800:
            rest = last
            return UInt8(truncatingIfNeeded: 0xC0 | value >> 6)
        case ..<0x10000:
            rest = last << 8 | 0x80 | value >> 6 & 0x3F
            return UInt8(truncatingIfNeeded: 0xE0 | value >> 12)
        default:
            rest = last << 16 | (0x80 | value >> 6 & 0x3F) << 8 | 0x80 | value >> 12 & 0x3F
            return UInt8(truncatingIfNeeded: 0xF0 | value >> 18)
        }
    }
}
