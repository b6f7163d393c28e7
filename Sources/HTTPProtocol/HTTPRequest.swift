/// One request with its content (RFC 9112 §3). The head is one byte array; text is made when asked for.
public struct HTTPRequest: Sendable {
    /// The method; the decoder lets only known ones through.
    public let method: HTTPMethod
    /// The version that governs framing and persistence.
    public let version: HTTPVersion
    /// The field lines; lookups without regard to case.
    public let headers: HTTPHeaders
    /// Whether the connection may serve another request after this one (RFC 9112 §9.3).
    public let keepAlive: Bool
    /// The content, transfer coding removed, trailers discarded. Empty while only the head is known.
    public internal(set) var body: [UInt8] = []

    let target: HTTPTarget

    init(method: HTTPMethod, version: HTTPVersion, headers: HTTPHeaders, keepAlive: Bool, target: HTTPTarget) {
        self.method = method
        self.version = version
        self.headers = headers
        self.keepAlive = keepAlive
        self.target = target
    }

    /// The request target as received (RFC 9112 §3.2).
    public var rawTarget: String { String(decoding: headers.bytes[target.whole.range], as: UTF8.self) }

    /// The path, percent-decoded once: UTF-8, absolute, without control characters and dot segments; `/` for an
    /// absolute-form target without a path, `*` for the asterisk form. An encoded slash stays `%2F`: it separates no
    /// segments (RFC 3986 §2.2).
    public var path: String {
        let pathRange = target.path.range
        if pathRange.isEmpty { return "/" }
        if !target.isPathEncoded { return String(decoding: headers.bytes[pathRange], as: UTF8.self) }
        // The decoder lets only well-formed encoding through.
        return String(decoding: PercentDecoding.decodePath(headers.bytes.span, pathRange) ?? [], as: UTF8.self)
    }

    /// Whether `path` equals this text; compares bytes in place where the path carries no percent-encoding.
    public func hasPath(_ text: String) -> Bool {
        let pathRange = target.path.range
        if pathRange.isEmpty || target.isPathEncoded { return path == text }
        let wanted = text.utf8Span.span
        guard wanted.count == pathRange.count else { return false }
        let span = headers.bytes.span
        let base = pathRange.lowerBound
        for index in 0..<wanted.count where span[base + index] != wanted[index] { return false }
        return true
    }

    /// The decoded query; empty without one.
    /// - Throws: `HTTPQueryError` naming the parameter that is not well-formed.
    public var query: HTTPQuery {
        get throws(HTTPQueryError) { try HTTPQuery(parsing: headers.bytes[target.query.range]) }
    }

    /// Host and port the request is for: the target's in absolute form, else the Host field (RFC 9112 §3.3).
    public var authority: String? {
        let authority = target.authority.range
        return authority.isEmpty ? headers.first("host") : String(decoding: headers.bytes[authority], as: UTF8.self)
    }
}
