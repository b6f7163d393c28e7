/// The tokens of JSON: strings, numbers and literals (RFC 8259 §3, §6, §7).
enum JSONTokens {
    /// Checks a string.
    /// - Parameters:
    ///   - start: Offset of the opening quotation mark.
    ///   - end: Offset after the text.
    ///   - hasEscapes: Set to whether the string contains escape sequences.
    /// - Returns: The offset after the closing quotation mark.
    static func stringEnd(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, hasEscapes: inout Bool
    ) throws(JSONError) -> Int {
        hasEscapes = false
        var offset = start + 1
        while true {
            offset = plainEnd(bytes, offset, end)
            guard offset < end else { throw JSONError(offset: end, reason: .unexpectedEnd) }
            let byte = bytes[offset]
            if byte == UInt8(ascii: "\"") { return offset + 1 }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                offset = try escapeEnd(bytes, offset, end)
            } else if byte < 0x20 {
                throw JSONError(offset: offset, reason: .controlCharacter)
            } else {
                repeat {
                    offset = try scalarEnd(bytes, offset, end)
                } while offset < end && bytes[offset] >= 0x80
            }
        }
    }

    /// Skips printable ASCII other than quotation mark and reverse solidus, eight bytes at a time.
    /// - Returns: The offset of the first other byte, `end` if there is none.
    @inline(__always)
    static func plainEnd(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var offset = start
        while offset + 8 <= end {
            let word = bytes.word(at: offset)
            // The highest bit of each byte that is '"', '\', below 0x20 or above 0x7F; a borrow can only set bits
            // above the first hit, so the lowest set bit is exact.
            let quote = word ^ (ones &* 0x22)
            let solidus = word ^ (ones &* 0x5C)
            let hits =
                ((quote &- ones) & ~quote | (solidus &- ones) & ~solidus | (word &- ones &* 0x20) & ~word | word)
                & highs
            if hits != 0 { return offset + (hits.trailingZeroBitCount >> 3) }
            offset += 8
        }
        while offset < end {
            let byte = bytes[offset]
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            offset += 1
        }
        return offset
    }

    /// Checks one scalar of two to four bytes (Unicode 16 table 3-7: no overlong forms, surrogates or values above
    /// U+10FFFF).
    private static func scalarEnd(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws(JSONError) -> Int {
        let count: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch bytes[start] {
        case 0xC2...0xDF: count = 2
        case 0xE0: (count, second) = (3, 0xA0...0xBF)
        case 0xED: (count, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: count = 3
        case 0xF0: (count, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: count = 4
        case 0xF4: (count, second) = (4, 0x80...0x8F)
        default: throw JSONError(offset: start, reason: .invalidUTF8)
        }
        guard start + count <= end, second.contains(bytes[start + 1]) else {
            throw JSONError(offset: start, reason: .invalidUTF8)
        }
        var offset = start + 2
        while offset < start + count {
            guard bytes[offset] & 0xC0 == 0x80 else { throw JSONError(offset: start, reason: .invalidUTF8) }
            offset += 1
        }
        return offset
    }

    /// Checks an escape sequence, a surrogate pair being one.
    private static func escapeEnd(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws(JSONError) -> Int {
        guard start + 1 < end else { throw JSONError(offset: end, reason: .unexpectedEnd) }
        switch bytes[start + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start + 2
        case UInt8(ascii: "u"):
            let unit = try codeUnit(bytes, start, end)
            if unit & 0xF800 != 0xD800 { return start + 6 }
            guard unit < 0xDC00, start + 7 < end, bytes[start + 6] == UInt8(ascii: "\\"),
                bytes[start + 7] == UInt8(ascii: "u"), try codeUnit(bytes, start + 6, end) & 0xFC00 == 0xDC00
            else { throw JSONError(offset: start, reason: .loneSurrogate) }
            return start + 12
        default: throw JSONError(offset: start, reason: .invalidEscape)
        }
    }

    /// Reads the four digits of the `\u` escape at `start`.
    static func codeUnit(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws(JSONError) -> UInt32 {
        guard start + 6 <= end else { throw JSONError(offset: start, reason: .invalidEscape) }
        var unit: UInt32 = 0
        for offset in start + 2..<start + 6 {
            let byte = bytes[offset]
            let letter = byte | 0x20
            if TextPattern.isDigit(byte) {
                unit = unit << 4 | UInt32(byte &- UInt8(ascii: "0"))
            } else if letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "f") {
                unit = unit << 4 | UInt32(letter &- UInt8(ascii: "a") &+ 10)
            } else {
                throw JSONError(offset: start, reason: .invalidEscape)
            }
        }
        return unit
    }

    /// Checks a number: `-? (0 | [1-9][0-9]*) (\.[0-9]+)? ([eE][+-]?[0-9]+)?`.
    static func numberEnd(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws(JSONError) -> Int {
        var offset = start
        if bytes[offset] == UInt8(ascii: "-") { offset += 1 }
        let integer = offset
        offset = try digitsEnd(bytes, offset, end, of: start)
        if bytes[integer] == UInt8(ascii: "0"), offset > integer + 1 {
            throw JSONError(offset: start, reason: .invalidNumber)
        }
        if offset < end, bytes[offset] == UInt8(ascii: ".") {
            offset = try digitsEnd(bytes, offset + 1, end, of: start)
        }
        if offset < end, bytes[offset] | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if offset < end, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") { offset += 1 }
            offset = try digitsEnd(bytes, offset, end, of: start)
        }
        return offset
    }

    private static func digitsEnd(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, of number: Int
    ) throws(JSONError) -> Int {
        var offset = start
        while offset < end, TextPattern.isDigit(bytes[offset]) { offset += 1 }
        if offset == start { throw JSONError(offset: number, reason: .invalidNumber) }
        return offset
    }

    /// `true`, `false` and `null` in ASCII, the first letter most significant.
    static let trueWord: UInt64 = 0x7472_7565
    static let falseWord: UInt64 = 0x66_616C_7365
    static let nullWord: UInt64 = 0x6E75_6C6C

    /// Checks one of the three literals.
    static func literalEnd(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ word: UInt64, _ count: Int
    ) throws(JSONError) -> Int {
        var packed: UInt64 = 0
        for offset in start..<min(start + count, end) { packed = packed << 8 | UInt64(bytes[offset]) }
        guard packed == word else { throw JSONError(offset: start, reason: .invalidLiteral) }
        return start + count
    }

    /// The bytes a string stands for.
    /// - Parameter content: The text between the quotes, already found valid.
    static func decode(_ bytes: Span<UInt8>, _ content: Range<Int>) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(content.count)
        var reader = JSONStringReader(content)
        while let byte = reader.next(bytes) { decoded.append(byte) }
        return decoded
    }
}
