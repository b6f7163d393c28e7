/// What a peer may make us hold. Each bound is checked before the bytes it bounds are kept.
public struct WebSocketLimits: Sendable, Equatable {
    /// Largest message, in bytes, after assembly and after decompression.
    public var messageBytesMax: Int
    /// Most frames of one message. Bounds the work of a peer that sends empty fragments for ever.
    public var fragmentsPerMessageMax: Int

    public init(messageBytesMax: Int = 64 * 1024, fragmentsPerMessageMax: Int = 4096) {
        precondition(messageBytesMax >= 0 && fragmentsPerMessageMax >= 1, "WebSocket limits must not be negative")
        self.messageBytesMax = messageBytesMax
        self.fragmentsPerMessageMax = fragmentsPerMessageMax
    }

    /// Largest payload of a control frame (RFC 6455 §5.5).
    public static let controlPayloadBytesMax = 125
    /// Largest reason of a Close frame: a control payload less the two bytes of the code.
    public static let closeReasonBytesMax = controlPayloadBytesMax - 2
}
