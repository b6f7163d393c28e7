/// A peer broke RFC 6455 or RFC 7692, or one of our limits. The connection cannot go on after any of these.
public enum FrameError: Error, Sendable, Equatable {
    /// RSV2 or RSV3 is set, or RSV1 where no extension gives it a meaning (RFC 6455 §5.2, RFC 7692 §6).
    case reservedBits
    /// An opcode without a meaning (RFC 6455 §5.2).
    case reservedOpcode(UInt8)
    /// A client's frame without a masking key (RFC 6455 §5.1).
    case unmaskedFrame
    /// A server's frame with a masking key (RFC 6455 §5.1).
    case maskedFrame
    /// A length written in more bytes than it needs (RFC 6455 §5.2).
    case nonMinimalLength
    /// A 64-bit length with its most significant bit set (RFC 6455 §5.2).
    case lengthOutOfRange
    /// A control frame without FIN (RFC 6455 §5.5).
    case fragmentedControlFrame
    /// A control frame of more than 125 bytes (RFC 6455 §5.5).
    case oversizedControlFrame
    /// A continuation frame without a message to continue (RFC 6455 §5.4).
    case unexpectedContinuation
    /// A new message before the last one was finished (RFC 6455 §5.4).
    case expectedContinuation
    /// A message, as announced or as decompressed, beyond `WebSocketLimits.messageBytesMax`.
    case messageTooLarge
    /// A frame that announces more than `WebSocketLimits.frameBytesMax`.
    case frameTooLarge
    /// A message in more frames than `WebSocketLimits.fragmentsPerMessageMax`.
    case tooManyFragments
    /// A text message or close reason that is not UTF-8 (RFC 6455 §8.1).
    case invalidUTF8
    /// A compressed message that is not DEFLATE (RFC 7692 §7.2.2).
    case corruptCompressedData
    /// A Close frame with a payload of one byte (RFC 6455 §5.5.1).
    case truncatedCloseCode
    /// A Close frame with a code that must not be sent (RFC 6455 §7.4).
    case forbiddenCloseCode(UInt16)

    /// What the Close frame that answers this error says (RFC 6455 §7.4.1).
    public var closeCode: CloseCode {
        switch self {
        case .reservedBits, .reservedOpcode, .unmaskedFrame, .maskedFrame, .nonMinimalLength, .lengthOutOfRange,
            .fragmentedControlFrame, .oversizedControlFrame, .unexpectedContinuation, .expectedContinuation,
            .truncatedCloseCode, .forbiddenCloseCode:
            .protocolError
        case .invalidUTF8, .corruptCompressedData: .invalidPayload
        case .messageTooLarge, .frameTooLarge: .messageTooBig
        case .tooManyFragments: .policyViolation
        }
    }

    /// A short sentence for the close reason and the log; at most 123 bytes.
    public var reason: String {
        switch self {
        case .reservedBits: "a reserved bit is set"
        case .reservedOpcode(let opcode): "opcode \(opcode) is reserved"
        case .unmaskedFrame: "frames from a client must be masked"
        case .maskedFrame: "frames from a server must not be masked"
        case .nonMinimalLength: "the payload length is not minimally encoded"
        case .lengthOutOfRange: "the payload length exceeds 63 bits"
        case .fragmentedControlFrame: "control frames must not be fragmented"
        case .oversizedControlFrame: "control frames carry at most 125 bytes"
        case .unexpectedContinuation: "there is no message to continue"
        case .expectedContinuation: "the last message is not finished"
        case .messageTooLarge: "the message is too large"
        case .frameTooLarge: "the frame is too large"
        case .tooManyFragments: "the message has too many fragments"
        case .invalidUTF8: "the text is not UTF-8"
        case .corruptCompressedData: "the message does not decompress"
        case .truncatedCloseCode: "the close code is truncated"
        case .forbiddenCloseCode(let code): "close code \(code) must not be sent"
        }
    }
}
