/// Percent-decoding (RFC 3986 §2.1).
enum PercentDecoding {
    /// Decodes once, but leaves an encoded slash as `%2F`; `nil` where `%` is not followed by two hexadecimal digits.
    static func decodePath(_ input: Span<UInt8>, _ range: Range<Int>) -> [UInt8]? {
        var decoded: [UInt8] = []
        var segmentStart = range.lowerBound
        var index = range.lowerBound
        while index + 2 < range.upperBound {
            guard input[index] == ASCII.percent, input[index + 1] == 0x32, ASCII.lowercased(input[index + 2]) == 0x66
            else {
                index += 1
                continue
            }
            guard let segment = decode(input, segmentStart..<index) else { return nil }
            decoded += segment
            decoded += "%2F".utf8
            index += 3
            segmentStart = index
        }
        guard let rest = decode(input, segmentStart..<range.upperBound) else { return nil }
        return decoded + rest
    }

    /// Decodes once; `nil` where `%` is not followed by two hexadecimal digits.
    static func decode(_ input: Span<UInt8>, _ range: Range<Int>) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            if input[index] != ASCII.percent {
                decoded.append(input[index])
                index += 1
                continue
            }
            guard index + 2 < range.upperBound, let high = ASCII.hexValue(input[index + 1]),
                let low = ASCII.hexValue(input[index + 2])
            else { return nil }
            decoded.append(high << 4 | low)
            index += 3
        }
        return decoded
    }
}
