/// What a peer may make us hold. Each bound is checked before the bytes it bounds are kept.
public struct WebSocketLimits: Sendable, Equatable {
    /// Largest message, in bytes, after assembly and after decompression.
    public var messageBytesMax: Int
    /// Largest payload of one data frame, in bytes as sent.
    public var frameBytesMax: Int
    /// Most frames of one message. Bounds the work of a peer that sends empty fragments for ever.
    public var fragmentsPerMessageMax: Int

    public init(
        messageBytesMax: Int = 64 * 1024, frameBytesMax: Int = .max, fragmentsPerMessageMax: Int = 4096
    ) {
        precondition(
            messageBytesMax >= 0 && frameBytesMax >= 0 && fragmentsPerMessageMax >= 1,
            "WebSocket limits must not be negative")
        self.messageBytesMax = messageBytesMax
        self.frameBytesMax = frameBytesMax
        self.fragmentsPerMessageMax = fragmentsPerMessageMax
    }

    /// The bounds of a message and of one of its frames as they are sent. Data that cannot be compressed grows a
    /// little, by the headers of its blocks.
    func bytesOnWireMax(isCompressed: Bool) -> (message: Int, frame: Int) {
        guard isCompressed else { return (messageBytesMax, frameBytesMax) }
        return (Self.whenCompressed(messageBytesMax), Self.whenCompressed(frameBytesMax))
    }

    private static func whenCompressed(_ bytesMax: Int) -> Int {
        let (sum, isBeyond) = bytesMax.addingReportingOverflow(bytesMax / 1024 + 64)
        return isBeyond ? .max : sum
    }

    /// Largest payload of a control frame (RFC 6455 §5.5).
    public static let controlPayloadBytesMax = 125
    /// Largest reason of a Close frame: a control payload less the two bytes of the code.
    public static let closeReasonBytesMax = controlPayloadBytesMax - 2
}
