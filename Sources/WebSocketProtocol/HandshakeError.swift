/// Why an opening handshake failed (RFC 6455 §4).
public enum HandshakeError: Error, Sendable, Equatable {
    // The server refuses the request (§4.2.1).
    case methodNotGET
    case versionBelowHTTP11
    case missingUpgrade
    case missingConnectionUpgrade
    /// Absent, repeated, or not the Base64 of 16 bytes.
    case invalidKey
    case unsupportedVersion
    /// A `Sec-WebSocket-Extensions` that does not follow the grammar of §9.1.
    case malformedExtensions

    // The client refuses the response (§4.1).
    case unexpectedStatus(Int)
    case responseWithoutUpgrade
    case responseWithoutConnectionUpgrade
    case wrongAccept
    case unexpectedExtension
    case unexpectedSubprotocol
    /// Not an HTTP/1.1 response head, or one beyond the bytes allowed.
    case malformedResponse

    /// The status of the answer to a refused request; 502 for what only a client can find, should it be a proxy's.
    public var status: Int {
        switch self {
        case .methodNotGET: 405
        case .versionBelowHTTP11, .missingConnectionUpgrade, .invalidKey, .malformedExtensions: 400
        case .missingUpgrade, .unsupportedVersion: 426
        case .unexpectedStatus, .responseWithoutUpgrade, .responseWithoutConnectionUpgrade, .wrongAccept,
            .unexpectedExtension, .unexpectedSubprotocol, .malformedResponse:
            502
        }
    }

    /// Header fields the answer to a refused request needs besides those of any error (RFC 6455 §4.2.2, RFC 9110
    /// §15.5.6 and §15.5.22).
    public var headers: [(name: String, value: String)] {
        switch self {
        case .methodNotGET: [("Allow", "GET")]
        case .missingUpgrade, .unsupportedVersion:
            [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
        case .versionBelowHTTP11, .missingConnectionUpgrade, .invalidKey, .malformedExtensions, .unexpectedStatus,
            .responseWithoutUpgrade, .responseWithoutConnectionUpgrade, .wrongAccept, .unexpectedExtension,
            .unexpectedSubprotocol, .malformedResponse:
            []
        }
    }

    /// A sentence for the answer's body or the log.
    public var detail: String {
        switch self {
        case .methodNotGET: "A WebSocket handshake is a GET request."
        case .versionBelowHTTP11: "A WebSocket handshake needs HTTP/1.1."
        case .missingUpgrade: "This address speaks WebSocket: send Upgrade: websocket."
        case .missingConnectionUpgrade: "A WebSocket handshake needs Connection: Upgrade."
        case .invalidKey: "Sec-WebSocket-Key must be given once and be the Base64 of 16 bytes."
        case .unsupportedVersion: "Sec-WebSocket-Version must be 13."
        case .malformedExtensions: "Sec-WebSocket-Extensions is malformed."
        case .unexpectedStatus(let status): "The server answered \(status) instead of 101."
        case .responseWithoutUpgrade: "The server's answer lacks Upgrade: websocket."
        case .responseWithoutConnectionUpgrade: "The server's answer lacks Connection: Upgrade."
        case .wrongAccept: "The server's Sec-WebSocket-Accept does not match the key."
        case .unexpectedExtension: "The server chose an extension that was not offered."
        case .unexpectedSubprotocol: "The server chose a subprotocol that was not offered."
        case .malformedResponse: "The server's answer is not an HTTP/1.1 response."
        }
    }
}
