/// Every bound of the HTTP/1.1 decoders in one place. All units are bytes unless the name says otherwise.
public struct HTTPLimits: Sendable, Equatable {
    /// Longest method a request line may carry before it is answered 501 (RFC 9112 §3).
    public var methodBytesMax = 32
    /// Longest request target; one byte more is answered 414 (RFC 9112 §3).
    public var targetBytesMax = 8 * 1024
    /// Longest header section including its final empty line; more is answered 431 (RFC 6585 §5).
    public var headerBytesMax = 16 * 1024
    /// Most field lines in one header section; more are answered 431.
    public var fieldCountMax = 100
    /// Empty lines ignored in front of a request line (RFC 9112 §2.2 asks for at least one).
    public var leadingEmptyLinesMax = 2
    /// Chunk extensions of one body taken together; more are answered 400 (RFC 9112 §7.1.1).
    public var chunkExtensionBytesMax = 1024
    /// Longest trailer section including its final empty line; more is answered 431.
    public var trailerBytesMax = 4 * 1024
    /// Longest reason phrase of a response read by `HTTPResponseDecoder`.
    public var reasonBytesMax = 512

    /// The defaults documented at each member.
    public init() {}
}
