/// The syntax of `uri-host [":" port]` in Host fields and absolute-form targets (RFC 9110 §7.2, RFC 3986 §3.2.2).
enum HTTPAuthority {
    /// Whether the bytes name a host. It must not be empty (RFC 9110 §4.2.1), and must not hold user information or a
    /// comma: a comma is what a proxy makes of two Host fields.
    static func isValid(_ input: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard let first = range.first else { return false }
        var index = first
        if input[index] == UInt8(ascii: "[") {
            while index < range.upperBound, input[index] != UInt8(ascii: "]") { index += 1 }
            guard index < range.upperBound, IPv6Literal.isValid(input, (first + 1)..<index) else { return false }
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

/// The syntax of IPv6 addresses (RFC 3986 §3.2.2): eight groups, a run of them replaced by `::` at most once, the last
/// two perhaps an IPv4 address. Zones and other literals are not accepted.
private enum IPv6Literal {
    static func isValid(_ input: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        let end = range.upperBound
        var groupCount = 0
        var hasGap = false
        if end - index >= 2, input[index] == ASCII.colon, input[index + 1] == ASCII.colon {
            hasGap = true
            index += 2
        }
        while index < end {
            let start = index
            while index < end, ASCII.hexValue(input[index]) != nil { index += 1 }
            if index < end, input[index] == 0x2E {
                groupCount += 2
                guard isIPv4(input, start..<end) else { return false }
                break
            }
            guard (1...4).contains(index - start) else { return false }
            groupCount += 1
            guard index < end else { break }
            guard input[index] == ASCII.colon, index + 1 < end else { return false }
            index += 1
            if input[index] == ASCII.colon {
                if hasGap { return false }
                hasGap = true
                index += 1
            }
        }
        return hasGap ? groupCount <= 7 : groupCount == 8
    }

    private static func isIPv4(_ input: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var partCount = 0
        var number = 0
        var digitCount = 0
        for index in range {
            if input[index] == 0x2E {
                guard digitCount > 0 else { return false }
                partCount += 1
                (number, digitCount) = (0, 0)
                continue
            }
            // A leading zero is not accepted: some read what follows as octal.
            guard ASCII.isDigit(input[index]), !(digitCount > 0 && number == 0) else { return false }
            number = number * 10 + Int(input[index] - ASCII.zero)
            digitCount += 1
            guard number <= 255 else { return false }
        }
        return partCount == 3 && digitCount > 0
    }
}
