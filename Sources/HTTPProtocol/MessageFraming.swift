/// What the field lines say about the length of the content and the connection (RFC 9112 §6 and §9), gathered in one
/// pass. Everything two parties could read differently is refused.
struct MessageFraming {
    private(set) var contentLength: Int?
    private(set) var hasTransferEncoding = false
    private(set) var closes = false
    private(set) var keepsAlive = false
    private(set) var expectsContinue = false
    private(set) var expectsOther = false
    private(set) var host: Range<Int>?
    private(set) var hostCount = 0
    private var chunkedCount = 0
    private var endsInChunked = false
    private var hasUnknownCoding = false
    private var isMalformed = false

    /// Whether the content is chunked; after `validateTransferEncoding` a Transfer-Encoding means exactly that.
    var isChunked: Bool { hasTransferEncoding }

    /// - Parameter base: Where the message starts in `input`; the ranges of `fields` are relative to it.
    init(_ input: Span<UInt8>, base: Int, fields: [HTTPFieldRange]) throws(HTTPMessageError) {
        for field in fields {
            let name = field.name
            switch name.count {
            case 4, 6, 10, 14, 17: try gather(input, base: base, field)
            default: continue
            }
        }
        if hasTransferEncoding, contentLength != nil { throw .contentLengthWithTransferEncoding }
    }

    /// Lets only `chunked` pass. What cannot be delimited at all is malformed, and only the rest unknown: chunked
    /// before another coding leaves the end of the content open (RFC 9112 §6.3).
    func validateTransferEncoding() throws(HTTPMessageError) {
        guard hasTransferEncoding else { return }
        if isMalformed { throw .malformedTransferEncoding }
        if chunkedCount > 1 { throw .repeatedChunkedCoding }
        if chunkedCount == 1, !endsInChunked { throw .chunkedNotLast }
        if hasUnknownCoding { throw .unknownTransferCoding }
        if chunkedCount == 0 { throw .malformedTransferEncoding }
    }

    private mutating func gather(
        _ input: Span<UInt8>, base: Int, _ field: HTTPFieldRange
    ) throws(HTTPMessageError) {
        let name = Self.shifted(field.name, base)
        let value = Self.shifted(field.value, base)
        switch name.count {
        case 4 where ASCII.equalsIgnoringCase(input, name, "host"):
            hostCount += 1
            host = value
        case 6 where ASCII.equalsIgnoringCase(input, name, "expect"):
            if ASCII.equalsIgnoringCase(input, value, "100-continue") {
                expectsContinue = true
            } else {
                expectsOther = true
            }
        case 10 where ASCII.equalsIgnoringCase(input, name, "connection"):
            Self.forEachElement(input, value) { element in
                if ASCII.equalsIgnoringCase(input, element, "close") { closes = true }
                if ASCII.equalsIgnoringCase(input, element, "keep-alive") { keepsAlive = true }
            }
        case 14 where ASCII.equalsIgnoringCase(input, name, "content-length"):
            if contentLength != nil { throw .repeatedContentLength }
            guard let length = Self.decimal(input, value) else { throw .malformedContentLength }
            contentLength = length
        case 17 where ASCII.equalsIgnoringCase(input, name, "transfer-encoding"):
            hasTransferEncoding = true
            gatherCodings(input, value)
        default: break
        }
    }

    /// An empty list element is refused too: lenient parsers disagree about what it means.
    private mutating func gatherCodings(_ input: Span<UInt8>, _ value: Range<Int>) {
        Self.forEachElement(input, value) { element in
            endsInChunked = ASCII.equalsIgnoringCase(input, element, "chunked")
            if endsInChunked {
                chunkedCount += 1
            } else if element.isEmpty || element.contains(where: { !ASCII.isToken(input[$0]) }) {
                isMalformed = true
            } else {
                hasUnknownCoding = true
            }
        }
    }

    private static func forEachElement(_ input: Span<UInt8>, _ value: Range<Int>, _ body: (Range<Int>) -> Void) {
        var start = value.lowerBound
        for index in value where input[index] == ASCII.comma {
            body(ASCII.trimmed(input, start..<index))
            start = index + 1
        }
        body(ASCII.trimmed(input, start..<value.upperBound))
    }

    /// `1*DIGIT` that fits an `Int`; the bound on digits comes first so that zeros cannot make it long.
    private static func decimal(_ input: Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard !range.isEmpty, range.count <= 19 else { return nil }
        var number = 0
        for index in range {
            guard ASCII.isDigit(input[index]) else { return nil }
            let (shifted, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflowSum) = shifted.addingReportingOverflow(Int(input[index] - ASCII.zero))
            if overflow || overflowSum { return nil }
            number = sum
        }
        return number
    }

    private static func shifted(_ range: Range<Int>, _ base: Int) -> Range<Int> {
        (range.lowerBound + base)..<(range.upperBound + base)
    }
}
