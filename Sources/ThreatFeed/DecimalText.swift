/// Strict decimal numbers in ASCII.
enum DecimalText {
    /// Parses digits only: not empty, no leading zero except `0` itself, at most `UInt64.max`.
    static func parse(_ digits: ArraySlice<UInt8>) -> UInt64? {
        guard let first = digits.first, digits.count <= 20 else { return nil }
        if first == UInt8(ascii: "0"), digits.count > 1 { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            let (scaled, scaleOverflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, sumOverflow) = scaled.addingReportingOverflow(UInt64(digit &- UInt8(ascii: "0")))
            if scaleOverflow || sumOverflow { return nil }
            value = sum
        }
        return value
    }

    /// The number of decimal digits of a value, 1 for zero.
    static func digitCount(_ value: UInt64) -> Int {
        var count = 1
        var power: UInt64 = 10
        while value >= power {
            count += 1
            let (next, overflow) = power.multipliedReportingOverflow(by: 10)
            if overflow { break }
            power = next
        }
        return count
    }
}
