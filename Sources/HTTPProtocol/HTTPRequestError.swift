/// Why a request was refused. The server answers with `status` and closes the connection: after any of these the
/// place where the next request would start is not known.
public enum HTTPRequestError: Error, Equatable, Sendable {
    /// A breach of the syntax that requests and responses share.
    case message(HTTPMessageError)
    /// Not `method SP target SP version` (RFC 9112 §3).
    case malformedRequestLine
    /// A token that is no implemented method (RFC 9110 §9.1).
    case unknownMethod
    /// None of the accepted forms (RFC 9112 §3.2).
    case malformedTarget
    /// More than `HTTPLimits.targetBytesMax` (RFC 9110 §15.5.15).
    case targetTooLong(bytesMax: Int)
    /// `%` without two digits, or not UTF-8 (RFC 3986 §2.1).
    case malformedPathEncoding
    /// An encoded control character, NUL among them.
    case controlCharacterInPath
    /// `.` or `..`, encoded or not (RFC 3986 §3.3).
    case dotSegmentInPath
    /// Not `HTTP/` DIGIT `.` DIGIT (RFC 9112 §2.3).
    case malformedVersion
    /// A major version other than 1 (RFC 9110 §15.6.6).
    case unsupportedVersion
    /// No Host in HTTP/1.1 (RFC 9112 §3.2).
    case missingHost
    /// More than one Host (RFC 9112 §3.2).
    case repeatedHost
    /// Not a host with an optional port, or empty (RFC 9110 §7.2).
    case malformedHost
    /// A coding HTTP/1.0 does not know (RFC 9112 §6.1).
    case transferEncodingInHTTP10
    /// Anything but 100-continue (RFC 9110 §10.1.1).
    case unknownExpectation

    /// The status to answer with before closing.
    public var status: HTTPStatus {
        switch self {
        case .message(let error): error.status
        case .malformedRequestLine, .malformedTarget, .malformedPathEncoding, .controlCharacterInPath,
            .dotSegmentInPath, .malformedVersion, .missingHost, .repeatedHost, .malformedHost,
            .transferEncodingInHTTP10:
            .badRequest
        case .unknownMethod: .notImplemented
        case .targetTooLong: .uriTooLong
        case .unsupportedVersion: .versionNotSupported
        case .unknownExpectation: .expectationFailed
        }
    }

    /// One sentence: what was wrong and what is accepted.
    public var detail: String {
        switch self {
        case .message(let error): error.detail
        case .malformedRequestLine: "The request line is malformed; write \"METHOD target HTTP/1.1\"."
        case .unknownMethod: "The method is not implemented; GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS are known."
        case .malformedTarget: "The request target is malformed; an absolute path or an http URL is accepted."
        case .targetTooLong(let bytesMax): "The request target is longer than \(bytesMax) bytes."
        case .malformedPathEncoding: "The path is not percent-encoded UTF-8; write % and two hexadecimal digits."
        case .controlCharacterInPath: "The path holds an encoded control character; none is accepted."
        case .dotSegmentInPath: "The path holds a \".\" or \"..\" segment; send the path without them."
        case .malformedVersion: "The protocol version is malformed; HTTP/1.1 and HTTP/1.0 are accepted."
        case .unsupportedVersion: "The protocol version is not supported; HTTP/1.1 and HTTP/1.0 are."
        case .missingHost: "The Host field is missing; an HTTP/1.1 request carries exactly one."
        case .repeatedHost: "The Host field stands more than once; send it once."
        case .malformedHost: "The Host field is malformed; \"host\" or \"host:port\" is accepted."
        case .transferEncodingInHTTP10: "Transfer-Encoding is not accepted in HTTP/1.0; send Content-Length."
        case .unknownExpectation: "The expectation cannot be met; \"100-continue\" is accepted."
        }
    }
}
