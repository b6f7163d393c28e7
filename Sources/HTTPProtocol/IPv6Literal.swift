/// The syntax of IPv6 addresses (RFC 3986 §3.2.2): eight groups, a run of them replaced by `::` at most once, the last
/// two perhaps an IPv4 address. Zones and other literals are not accepted.
enum IPv6Literal {
    private static let groupCount = 8

    /// The address as its upper and its lower half; `nil` for what is none.
    static func halves(_ input: Span<UInt8>, _ range: Range<Int>) -> (UInt64, UInt64)? {
        var groups = [8 of UInt64](repeating: 0)
        var count = 0
        var gap: Int?
        var index = range.lowerBound
        let end = range.upperBound
        if end - index >= 2, input[index] == ASCII.colon, input[index + 1] == ASCII.colon {
            gap = 0
            index += 2
        }
        while index < end {
            let start = index
            while index < end, ASCII.hexValue(input[index]) != nil { index += 1 }
            if index < end, input[index] == 0x2E {
                guard count <= groupCount - 2, let address = IPv4Literal.number(input, start..<end) else { return nil }
                groups[count] = UInt64(address >> 16)
                groups[count + 1] = UInt64(address & 0xFFFF)
                count += 2
                break
            }
            guard (1...4).contains(index - start), count < groupCount else { return nil }
            for digit in start..<index {
                groups[count] = groups[count] << 4 | UInt64(ASCII.hexValue(input[digit]) ?? 0)
            }
            count += 1
            guard index < end else { break }
            guard input[index] == ASCII.colon, index + 1 < end else { return nil }
            index += 1
            if input[index] == ASCII.colon {
                if gap != nil { return nil }
                gap = count
                index += 1
            }
        }
        guard gap == nil ? count == groupCount : count < groupCount else { return nil }
        return joined(groups, count, gap: gap ?? count)
    }

    /// Puts the zeros where the gap is.
    private static func joined(_ groups: [8 of UInt64], _ count: Int, gap: Int) -> (UInt64, UInt64) {
        var halves: (UInt64, UInt64) = (0, 0)
        for index in 0..<count {
            let place = index < gap ? index : index + groupCount - count
            let shift = UInt64(48 - place % 4 * 16)
            if place < 4 { halves.0 |= groups[index] << shift } else { halves.1 |= groups[index] << shift }
        }
        return halves
    }
}

/// The syntax of IPv4 addresses (RFC 3986 §3.2.2): four decimal numbers.
enum IPv4Literal {
    /// The address as a number; `nil` for what is none.
    static func number(_ input: Span<UInt8>, _ range: Range<Int>) -> UInt32? {
        var address: UInt32 = 0
        var partCount = 0
        var number: UInt32 = 0
        var digitCount = 0
        for index in range {
            if input[index] == 0x2E {
                guard digitCount > 0 else { return nil }
                partCount += 1
                guard partCount <= 3 else { return nil }
                address = address << 8 | number
                (number, digitCount) = (0, 0)
                continue
            }
            // A leading zero is not accepted: some read what follows as octal.
            guard ASCII.isDigit(input[index]), !(digitCount > 0 && number == 0) else { return nil }
            number = number * 10 + UInt32(input[index] - ASCII.zero)
            digitCount += 1
            guard number <= 255 else { return nil }
        }
        return partCount == 3 && digitCount > 0 ? address << 8 | number : nil
    }
}
