/// Status line and field lines of a received response (RFC 9112 §4).
public struct HTTPResponseHead: Sendable {
    /// The status; 100 to 599.
    public let status: HTTPStatus
    /// The server's version.
    public let version: HTTPVersion
    /// The field lines; lookups without regard to case.
    public let headers: HTTPHeaders
    /// Whether the connection may carry another request (RFC 9112 §9.3).
    public let keepAlive: Bool
}

/// A received response with its content.
public struct HTTPReceivedResponse: Sendable {
    /// Status line and field lines.
    public let head: HTTPResponseHead
    /// The content, transfer coding removed.
    public let body: [UInt8]

    /// The status; 100 to 599.
    public var status: HTTPStatus { head.status }
    /// The field lines; lookups without regard to case.
    public var headers: HTTPHeaders { head.headers }
}

/// What a response decoder has to say.
public enum HTTPResponseEvent: Sendable {
    /// A final response begins, or `101 Switching Protocols`.
    case head(HTTPResponseHead)
    /// A piece of content, never empty.
    case body([UInt8])
    /// The response is complete. After 101 the rest belongs to the other protocol: `takeRemainder`.
    case end
}

/// Why a response was refused; the connection is of no further use.
public enum HTTPResponseError: Error, Equatable, Sendable {
    /// A breach of the syntax that requests and responses share.
    case message(HTTPMessageError)
    /// Not `HTTP/1.x SP 3DIGIT` (RFC 9112 §4).
    case malformedStatusLine
    /// A server that sends 1xx without end (RFC 9110 §15.2).
    case tooManyInterimResponses(countMax: Int)
    /// The connection ended inside a response (RFC 9112 §8).
    case truncated

    /// One sentence: what was wrong.
    public var detail: String {
        switch self {
        case .message(let error): error.detail
        case .malformedStatusLine: "The status line is malformed; \"HTTP/1.1 200 OK\" is accepted."
        case .tooManyInterimResponses(let countMax): "More than \(countMax) interim responses came before the answer."
        case .truncated: "The connection ended inside a response."
        }
    }
}
