/// The places of a request target's parts, relative to the first byte of the request (RFC 9112 §3.2).
///
///     origin-form    /path?query
///     absolute-form  http://authority/path?query
///     asterisk-form  *                            (OPTIONS only)
struct HTTPTarget: Sendable {
    let whole: OffsetRange
    private(set) var authority: OffsetRange
    private(set) var path: OffsetRange
    private(set) var query: OffsetRange
    private(set) var isPathEncoded = false

    /// Takes a target of visible ASCII characters apart and validates its path.
    /// - Parameter range: The target, relative to `base`.
    init(
        parsing input: Span<UInt8>, _ range: Range<Int>, base: Int, method: HTTPMethod
    ) throws(HTTPRequestError) {
        whole = OffsetRange(range)
        let nothing = OffsetRange(range.upperBound..<range.upperBound)
        authority = nothing
        path = nothing
        query = nothing
        var start = range.lowerBound
        if input[base + start] != ASCII.slash {
            if range.count == 1, input[base + start] == UInt8(ascii: "*"), method == .options {
                path = whole
                return
            }
            guard let authorityStart = Self.authorityStart(input, range, base: base) else { throw .malformedTarget }
            start = authorityStart
            while start < range.upperBound, !Self.endsAuthority(input[base + start]) { start += 1 }
            guard HTTPAuthority.isValid(input, (base + authorityStart)..<(base + start)) else {
                throw .malformedTarget
            }
            authority = OffsetRange(authorityStart..<start)
        }
        try parsePath(input, start..<range.upperBound, base: base)
    }

    /// Splits path and query, refusing fragments, control characters and dot segments.
    private mutating func parsePath(
        _ input: Span<UInt8>, _ range: Range<Int>, base: Int
    ) throws(HTTPRequestError) {
        var index = range.lowerBound
        var segmentStart = index
        while index < range.upperBound {
            let byte = input[base + index]
            if byte == ASCII.slash {
                if Self.isDotSegment(input, (base + segmentStart)..<(base + index)) { throw .dotSegmentInPath }
                segmentStart = index + 1
            } else if byte == ASCII.question {
                break
            } else if byte == ASCII.percent {
                isPathEncoded = true
            } else if byte == UInt8(ascii: "#") {
                throw .malformedTarget
            }
            index += 1
        }
        if Self.isDotSegment(input, (base + segmentStart)..<(base + index)) { throw .dotSegmentInPath }
        path = OffsetRange(range.lowerBound..<index)
        if isPathEncoded { try Self.validateEncoded(input, (base + range.lowerBound)..<(base + index)) }
        let queryStart = min(index + 1, range.upperBound)
        for position in queryStart..<range.upperBound where input[base + position] == UInt8(ascii: "#") {
            throw .malformedTarget
        }
        query = OffsetRange(queryStart..<range.upperBound)
    }

    private static func validateEncoded(_ input: Span<UInt8>, _ range: Range<Int>) throws(HTTPRequestError) {
        guard let decoded = PercentDecoding.decode(input, range) else { throw .malformedPathEncoding }
        guard String(validating: decoded, as: UTF8.self) != nil else { throw .malformedPathEncoding }
        for byte in decoded where byte < ASCII.space || byte == 0x7F { throw .controlCharacterInPath }
        for segment in decoded.split(separator: ASCII.slash)
        where segment.elementsEqual([0x2E]) || segment.elementsEqual([0x2E, 0x2E]) {
            throw .dotSegmentInPath
        }
    }

    private static func isDotSegment(_ input: Span<UInt8>, _ range: Range<Int>) -> Bool {
        switch range.count {
        case 1: input[range.lowerBound] == 0x2E
        case 2: input[range.lowerBound] == 0x2E && input[range.lowerBound + 1] == 0x2E
        default: false
        }
    }

    private static func endsAuthority(_ byte: UInt8) -> Bool {
        byte == ASCII.slash || byte == ASCII.question || byte == UInt8(ascii: "#")
    }

    private static func authorityStart(_ input: Span<UInt8>, _ range: Range<Int>, base: Int) -> Int? {
        for scheme in ["http://", "https://"] where range.count > scheme.utf8.count {
            let end = range.lowerBound + scheme.utf8.count
            if ASCII.equalsIgnoringCase(input, (base + range.lowerBound)..<(base + end), scheme) { return end }
        }
        return nil
    }
}
