/// Finds the field lines of a header or trailer section as bytes arrive (RFC 9112 §5).
///
///     field-line = field-name ":" OWS field-value OWS
///
/// Each byte is looked at once, whatever the sizes in which input arrives. Offsets are relative to `base`, the first
/// byte of the message.
struct FieldSectionScanner: Sendable {
    private(set) var fields: [HTTPFieldRange] = []
    private var sectionStart: Int
    private var lineStart: Int
    private var scanned: Int
    private var colon = -1

    init(start: Int) {
        sectionStart = start
        lineStart = start
        scanned = start
    }

    /// - Parameters:
    ///   - input: The buffer's storage.
    ///   - base: Where the message starts in it.
    ///   - bytesMax: Bound of the section, its final empty line included.
    /// - Returns: The offset behind the section's empty line, or `nil` until it is there or the bound is reached.
    mutating func scan(
        _ input: Span<UInt8>, base: Int, bytesMax: Int, countMax: Int
    ) throws(HTTPMessageError) -> Int? {
        let limit = sectionStart + bytesMax
        let end = min(input.count - base, limit)
        while scanned < end {
            if colon < 0 {
                if let sectionEnd = try scanName(input, base: base, end: end) { return sectionEnd }
                if colon < 0 { break }
            }
            guard try scanValue(input, base: base, end: end) else { break }
            if fields.count == countMax { throw .tooManyFields(countMax: countMax) }
            if fields.isEmpty { fields.reserveCapacity(12) }
            let value = Self.trimmed(input, (base + colon + 1)..<(base + scanned), base: base)
            fields.append(HTTPFieldRange(name: lineStart..<colon, value: value))
            scanned += 2
            lineStart = scanned
            colon = -1
        }
        if end == limit { throw .headerSectionTooLarge(bytesMax: bytesMax) }
        return nil
    }

    /// Advances to the colon, or finds the empty line that ends the section.
    private mutating func scanName(
        _ input: Span<UInt8>, base: Int, end: Int
    ) throws(HTTPMessageError) -> Int? {
        var index = scanned
        while index < end {
            let byte = input[base + index]
            guard ASCII.isLetter(byte) || ASCII.isToken(byte) else { break }
            index += 1
        }
        scanned = index
        guard index < end else { return nil }
        let byte = input[base + index]
        if byte == ASCII.colon, index > lineStart {
            colon = index
            scanned = index + 1
            return nil
        }
        switch byte {
        case ASCII.carriageReturn:
            guard index == lineStart else { throw .malformedFieldName }
            guard index + 1 < end else { return nil }
            guard input[base + index + 1] == ASCII.lineFeed else { throw .bareCarriageReturn }
            return index + 2
        case ASCII.lineFeed: throw .bareLineFeed
        case ASCII.space, ASCII.tab: throw index == lineStart ? .lineFolding : .whitespaceBeforeColon
        default: throw ASCII.isFieldContent(byte) ? .malformedFieldName : .controlCharacter
        }
    }

    /// Advances to the CR of a CR LF; `false` until both are there.
    private mutating func scanValue(
        _ input: Span<UInt8>, base: Int, end: Int
    ) throws(HTTPMessageError) -> Bool {
        var index = scanned
        while index < end, ASCII.isFieldContent(input[base + index]) { index += 1 }
        scanned = index
        guard index < end else { return false }
        switch input[base + index] {
        case ASCII.carriageReturn:
            guard index + 1 < end else { return false }
            guard input[base + index + 1] == ASCII.lineFeed else { throw .bareCarriageReturn }
            return true
        case ASCII.lineFeed: throw .bareLineFeed
        default: throw .controlCharacter
        }
    }

    private static func trimmed(_ input: Span<UInt8>, _ range: Range<Int>, base: Int) -> Range<Int> {
        let value = ASCII.trimmed(input, range)
        return (value.lowerBound - base)..<(value.upperBound - base)
    }
}
