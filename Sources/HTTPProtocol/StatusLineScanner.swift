/// Finds the parts of a status line as bytes arrive (RFC 9112 §4).
///
///     status-line = HTTP-version SP 3DIGIT SP [ reason-phrase ] CRLF
///
/// The space before a missing reason phrase may be missing too, as many servers leave it out.
struct StatusLineScanner: Sendable {
    private static let codeEnd = 12
    private(set) var version = HTTPVersion.http11
    private(set) var status = HTTPStatus.ok
    private var scanned = 0

    /// - Returns: The offset behind the line's CR LF, or `nil` until it is there.
    mutating func scan(
        _ input: Span<UInt8>, base: Int, limits: HTTPLimits
    ) throws(HTTPResponseError) -> Int? {
        let end = input.count - base
        while scanned < end {
            let byte = input[base + scanned]
            if scanned < Self.codeEnd {
                guard Self.isPrefixByte(byte, at: scanned) else { throw .malformedStatusLine }
            } else if scanned == Self.codeEnd, byte != ASCII.space, byte != ASCII.carriageReturn {
                throw .malformedStatusLine
            } else if byte == ASCII.carriageReturn {
                guard scanned + 1 < end else { return nil }
                guard input[base + scanned + 1] == ASCII.lineFeed else { throw .message(.bareCarriageReturn) }
                try readPrefix(input, base: base)
                return scanned + 2
            } else if !ASCII.isFieldContent(byte) {
                throw .message(byte == ASCII.lineFeed ? .bareLineFeed : .controlCharacter)
            } else if scanned - Self.codeEnd > limits.reasonBytesMax {
                throw .malformedStatusLine
            }
            scanned += 1
        }
        return nil
    }

    private mutating func readPrefix(_ input: Span<UInt8>, base: Int) throws(HTTPResponseError) {
        version = input[base + 7] == ASCII.zero ? .http10 : .http11
        var code = 0
        for index in 9..<Self.codeEnd { code = code * 10 + Int(input[base + index] - ASCII.zero) }
        guard (100...599).contains(code) else { throw .malformedStatusLine }
        status = HTTPStatus(code)
    }

    private static func isPrefixByte(_ byte: UInt8, at offset: Int) -> Bool {
        switch offset {
        case 0: byte == UInt8(ascii: "H")
        case 1, 2: byte == UInt8(ascii: "T")
        case 3: byte == UInt8(ascii: "P")
        case 4: byte == ASCII.slash
        case 5: byte == UInt8(ascii: "1")
        case 6: byte == UInt8(ascii: ".")
        case 8: byte == ASCII.space
        default: ASCII.isDigit(byte)
        }
    }
}
