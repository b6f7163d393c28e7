/// The server's half of the opening handshake (RFC 6455 §4.2).
public enum ServerHandshake {
    /// A request that may become a WebSocket.
    public struct Acceptance: Sendable, Equatable {
        /// The value of `Sec-WebSocket-Accept`.
        public let accept: String
        /// What was agreed on compression, `nil` for none.
        public let compression: PermessageDeflate.Agreement?

        /// The whole 101 response, through the empty line. Frames may follow at once.
        public func response() -> [UInt8] {
            var bytes: [UInt8] = []
            // Room for the feed's first frame behind it, if that is short.
            bytes.reserveCapacity(256)
            bytes += ServerHandshake.responseStart
            bytes += accept.utf8
            if let compression {
                bytes += "\r\nSec-WebSocket-Extensions: ".utf8
                bytes += compression.headerValue.utf8
            }
            bytes += "\r\n\r\n".utf8
            return bytes
        }
    }

    /// Through the name of the one header field whose value is not always the same.
    private static let responseStart = Array(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ".utf8)

    /// Decides over a request.
    /// - Parameters:
    ///   - method: As in the request line, case-sensitive.
    ///   - version: HTTP version, `(1, 1)`.
    ///   - compression: `nil` to decline every offer of permessage-deflate.
    ///   - header: The values of every line of a header field, in order, by its name in any case; surrounding blanks
    ///     may stay.
    ///   - acceptDigest: Base64 of SHA-1.
    /// - Throws: The first condition of RFC 6455 §4.2.1 that does not hold; its `status`, `headers` and `detail` make
    ///   the answer.
    public static func decide(
        method: String, version: (major: Int, minor: Int), compression: PermessageDeflate.Policy?,
        header: (_ name: String) -> [HeaderLine], acceptDigest: AcceptDigest
    ) throws(HandshakeError) -> Acceptance {
        guard method == "GET" else { throw .methodNotGET }
        guard version >= (1, 1) else { throw .versionBelowHTTP11 }
        guard HeaderTokens.contains("websocket", in: header("Upgrade")) else { throw .missingUpgrade }
        guard HeaderTokens.contains("Upgrade", in: header("Connection")) else { throw .missingConnectionUpgrade }
        guard HeaderTokens.isExactly("13", header("Sec-WebSocket-Version")) else { throw .unsupportedVersion }
        let keys = header("Sec-WebSocket-Key")
        guard keys.count == 1, case let key = keys[0].trimmingBlanks(), HandshakeKey.isValid(key) else {
            throw .invalidKey
        }
        var agreement: PermessageDeflate.Agreement?
        if let compression {
            agreement = try PermessageDeflate.negotiate(
                offers: header("Sec-WebSocket-Extensions"), policy: compression)
        }
        return Acceptance(accept: HandshakeKey.accept(for: key, digest: acceptDigest), compression: agreement)
    }
}
