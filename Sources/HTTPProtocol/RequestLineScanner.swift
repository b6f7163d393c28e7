/// Finds the parts of a request line as bytes arrive (RFC 9112 §3).
///
///     request-line = method SP request-target SP HTTP-version CRLF
///
/// A byte that cannot stand where it does is refused at once: a TLS hello or a bare LF never waits for a deadline.
struct RequestLineScanner: Sendable {
    private(set) var methodEnd = -1
    private(set) var targetEnd = -1
    private(set) var version = HTTPVersion.http11
    private var scanned = 0

    /// - Returns: The offset behind the line's CR LF, or `nil` until it is there.
    mutating func scan(
        _ input: Span<UInt8>, base: Int, limits: HTTPLimits
    ) throws(HTTPRequestError) -> Int? {
        let end = input.count - base
        if methodEnd < 0 { try scanMethod(input, base: base, end: end, bytesMax: limits.methodBytesMax) }
        if methodEnd >= 0, targetEnd < 0 {
            try scanTarget(input, base: base, end: end, bytesMax: limits.targetBytesMax)
        }
        return targetEnd >= 0 ? try scanVersion(input, base: base, end: end) : nil
    }

    var target: Range<Int> { (methodEnd + 1)..<targetEnd }

    private mutating func scanMethod(
        _ input: Span<UInt8>, base: Int, end: Int, bytesMax: Int
    ) throws(HTTPRequestError) {
        while scanned < end {
            let byte = input[base + scanned]
            if byte == ASCII.space, scanned > 0 {
                methodEnd = scanned
                scanned += 1
                return
            }
            guard ASCII.isToken(byte) else { throw Self.misplaced(byte) }
            if scanned == bytesMax { throw .unknownMethod }
            scanned += 1
        }
    }

    private mutating func scanTarget(
        _ input: Span<UInt8>, base: Int, end: Int, bytesMax: Int
    ) throws(HTTPRequestError) {
        let start = methodEnd + 1
        let bound = min(end, start + bytesMax)
        var index = scanned
        while index < bound, input[base + index] > ASCII.space, input[base + index] < 0x7F { index += 1 }
        scanned = index
        guard index < end else { return }
        let byte = input[base + index]
        if byte == ASCII.space, index > start {
            targetEnd = index
            scanned = index + 1
        } else if byte > ASCII.space, byte < 0x7F {
            throw .targetTooLong(bytesMax: bytesMax)
        } else {
            throw byte >= 0x80 ? .malformedTarget : Self.misplaced(byte)
        }
    }

    /// `HTTP/1.x` CR LF is ten bytes; a line feed before the tenth is wrong already.
    private mutating func scanVersion(_ input: Span<UInt8>, base: Int, end: Int) throws(HTTPRequestError) -> Int? {
        let start = targetEnd + 1
        while scanned < min(end, start + 10) {
            let byte = input[base + scanned]
            guard Self.isVersionByte(byte, at: scanned - start) else {
                throw byte == ASCII.lineFeed ? .message(.bareLineFeed) : .malformedVersion
            }
            scanned += 1
        }
        guard scanned == start + 10 else { return nil }
        let major = input[base + start + 5]
        guard major == 0x31 else { throw .unsupportedVersion }
        version = input[base + start + 7] == 0x30 ? .http10 : .http11
        return scanned
    }

    private static func isVersionByte(_ byte: UInt8, at offset: Int) -> Bool {
        switch offset {
        case 0: byte == UInt8(ascii: "H")
        case 1, 2: byte == UInt8(ascii: "T")
        case 3: byte == UInt8(ascii: "P")
        case 4: byte == ASCII.slash
        case 5, 7: ASCII.isDigit(byte)
        case 6: byte == UInt8(ascii: ".")
        case 8: byte == ASCII.carriageReturn
        default: byte == ASCII.lineFeed
        }
    }

    private static func misplaced(_ byte: UInt8) -> HTTPRequestError {
        switch byte {
        case ASCII.lineFeed: .message(.bareLineFeed)
        case _ where byte < ASCII.space || byte == 0x7F: .message(.controlCharacter)
        default: .malformedRequestLine
        }
    }
}

extension HTTPMethod {
    /// The method with these bytes, or `nil` for one that is not implemented; CONNECT is not (RFC 9110 §9.3.6).
    init?(implemented input: Span<UInt8>, _ range: Range<Int>) {
        guard range.count <= 7 else { return nil }
        var packed: UInt64 = 0
        for index in range { packed = packed << 8 | UInt64(input[index]) }
        switch packed {
        case 0x47_4554: self = .get
        case 0x504F_5354: self = .post
        case 0x4845_4144: self = .head
        case 0x4F_5054_494F_4E53: self = .options
        case 0x50_5554: self = .put
        case 0x4445_4C45_5445: self = .delete
        case 0x50_4154_4348: self = .patch
        case 0x54_5241_4345: self = .trace
        default: return nil
        }
    }
}
