/// A breach of the syntax that requests and responses share: field lines (RFC 9112 §5) and chunks (RFC 9112 §7.1).
public enum HTTPMessageError: Error, Equatable, Sendable {
    /// LF without CR before it (RFC 9112 §2.2).
    case bareLineFeed
    /// CR without LF behind it (RFC 9112 §2.2).
    case bareCarriageReturn
    /// NUL or another control character (RFC 9110 §5.5).
    case controlCharacter
    /// A continuation line, or whitespace before the first field (RFC 9112 §5.2, §2.2).
    case lineFolding
    /// Whitespace inside or behind a field name (RFC 9112 §5.1).
    case whitespaceBeforeColon
    /// No token followed by a colon (RFC 9112 §5).
    case malformedFieldName
    /// More than `HTTPLimits.headerBytesMax` (RFC 6585 §5).
    case headerSectionTooLarge(bytesMax: Int)
    /// More than `HTTPLimits.fieldCountMax` (RFC 6585 §5).
    case tooManyFields(countMax: Int)
    /// Not 1*DIGIT that fits 63 bits (RFC 9110 §8.6).
    case malformedContentLength
    /// More than one line, equal or not (RFC 9112 §6.3).
    case repeatedContentLength
    /// Two lengths for one message (RFC 9112 §6.3).
    case contentLengthWithTransferEncoding
    /// Not a list of tokens (RFC 9112 §6.1).
    case malformedTransferEncoding
    /// chunked applied twice (RFC 9112 §6.1).
    case repeatedChunkedCoding
    /// Another coding behind chunked (RFC 9112 §6.3).
    case chunkedNotLast
    /// A coding other than chunked (RFC 9112 §6.1).
    case unknownTransferCoding
    /// Not hexadecimal, empty or overflowing (RFC 9112 §7.1).
    case malformedChunkSize
    /// Not `;name=value` (RFC 9112 §7.1.1).
    case malformedChunkExtension
    /// More than `HTTPLimits.chunkExtensionBytesMax` in one body (RFC 9112 §7.1.1).
    case chunkExtensionsTooLarge(bytesMax: Int)
    /// Chunk data of another length than announced (RFC 9112 §7.1).
    case malformedChunkTerminator
    /// More than `HTTPLimits.trailerBytesMax` (RFC 9112 §7.1.2).
    case trailersTooLarge(bytesMax: Int)
    /// More content than accepted, known from its announced length (RFC 9110 §15.5.14).
    case bodyTooLarge(bytesMax: Int)

    /// The status a server answers with.
    public var status: HTTPStatus {
        switch self {
        case .bareLineFeed, .bareCarriageReturn, .controlCharacter, .lineFolding, .whitespaceBeforeColon,
            .malformedFieldName, .malformedContentLength, .repeatedContentLength,
            .contentLengthWithTransferEncoding, .malformedTransferEncoding, .repeatedChunkedCoding,
            .chunkedNotLast, .malformedChunkSize, .malformedChunkExtension, .chunkExtensionsTooLarge,
            .malformedChunkTerminator:
            .badRequest
        case .headerSectionTooLarge, .tooManyFields, .trailersTooLarge: .requestHeaderFieldsTooLarge
        case .unknownTransferCoding: .notImplemented
        case .bodyTooLarge: .contentTooLarge
        }
    }

    /// One sentence: what was wrong and what is accepted.
    public var detail: String {
        switch self {
        case .bareLineFeed: "A line ends in LF alone; end every line with CR LF."
        case .bareCarriageReturn: "A CR stands without LF; end every line with CR LF."
        case .controlCharacter: "A control character stands where only visible characters, spaces and tabs may."
        case .lineFolding: "A field line starts with whitespace; folded lines are not accepted."
        case .whitespaceBeforeColon: "Whitespace stands between a field name and its colon; write \"name: value\"."
        case .malformedFieldName: "A field line has no valid name; write \"name: value\" with a token as name."
        case .headerSectionTooLarge(let bytesMax): "The header section is larger than \(bytesMax) bytes."
        case .tooManyFields(let countMax): "There are more than \(countMax) field lines."
        case .malformedContentLength: "Content-Length is not one decimal number of octets."
        case .repeatedContentLength: "Content-Length stands more than once; send it once."
        case .contentLengthWithTransferEncoding: "Content-Length and Transfer-Encoding stand together; send one."
        case .malformedTransferEncoding: "Transfer-Encoding is malformed; \"chunked\" is accepted."
        case .repeatedChunkedCoding: "Transfer-Encoding names chunked more than once; \"chunked\" is accepted."
        case .chunkedNotLast: "Transfer-Encoding names another coding behind chunked; \"chunked\" is accepted."
        case .unknownTransferCoding: "Transfer-Encoding names an unknown coding; \"chunked\" is accepted."
        case .malformedChunkSize: "A chunk size is not a hexadecimal number followed by CR LF."
        case .malformedChunkExtension: "A chunk extension is malformed; write \";name=value\" or none."
        case .chunkExtensionsTooLarge(let bytesMax): "The chunk extensions are larger than \(bytesMax) bytes."
        case .malformedChunkTerminator: "Chunk data is not followed by CR LF."
        case .trailersTooLarge(let bytesMax): "The trailer section is larger than \(bytesMax) bytes."
        case .bodyTooLarge(let bytesMax): "The content is larger than \(bytesMax) bytes."
        }
    }
}
