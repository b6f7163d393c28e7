/// The syntax of `uri-host [":" port]` in Host fields and absolute-form targets (RFC 9110 §7.2, RFC 3986 §3.2.2).
enum HTTPAuthority {
    /// Whether the bytes name a host. It must not be empty (RFC 9110 §4.2.1), and must not hold user information or a
    /// comma: a comma is what a proxy makes of two Host fields.
    static func isValid(_ input: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard let first = range.first else { return false }
        var index = first
        if input[index] == UInt8(ascii: "[") {
            while index < range.upperBound, input[index] != UInt8(ascii: "]") { index += 1 }
            guard index < range.upperBound, IPv6Literal.halves(input, (first + 1)..<index) != nil else { return false }
            index += 1
        } else {
            while index < range.upperBound, input[index] != ASCII.colon {
                guard isNameByte(input, index, range.upperBound) else { return false }
                index += 1
            }
            guard index > first else { return false }
        }
        return index == range.upperBound || isPort(input, index..<range.upperBound)
    }

    /// A colon and a port of at most 65535; digits may be missing.
    private static func isPort(_ input: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard input[range.lowerBound] == ASCII.colon, range.count <= 6 else { return false }
        var port = 0
        for index in range.dropFirst() {
            guard ASCII.isDigit(input[index]) else { return false }
            port = port * 10 + Int(input[index] - ASCII.zero)
        }
        return port <= 65_535
    }

    private static func isNameByte(_ input: Span<UInt8>, _ index: Int, _ end: Int) -> Bool {
        let byte = input[index]
        if ASCII.isLetter(byte) || ASCII.isDigit(byte) { return true }
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "!"),
            UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"),
            UInt8(ascii: "*"), UInt8(ascii: "+"), ASCII.semicolon, ASCII.equals:
            return true
        case ASCII.percent:
            guard index + 2 < end, let high = ASCII.hexValue(input[index + 1]),
                let low = ASCII.hexValue(input[index + 2])
            else { return false }
            // No name holds a control character or a space, encoded or not.
            return high >= 2 && !(high == 2 && low == 0) && !(high == 7 && low == 15)
        default:
            return false
        }
    }
}
