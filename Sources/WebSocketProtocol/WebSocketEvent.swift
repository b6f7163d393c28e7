/// What a peer said, whole and unmasked.
public enum WebSocketEvent: Sendable, Equatable {
    /// A text message; the bytes are valid UTF-8.
    case text([UInt8])
    case binary([UInt8])
    /// To be answered with a pong of the same payload, 0 to 125 bytes (RFC 6455 §5.5.2).
    case ping([UInt8])
    case pong([UInt8])
    /// The peer closes. The code is `nil` if it gave none; the reason is valid UTF-8, 0 to 123 bytes.
    case close(CloseCode?, reason: [UInt8])
}

/// Why a compressed message could not be inflated.
public enum InflateFailure: Error, Sendable, Equatable {
    /// More than the bytes allowed would come out.
    case outputTooLarge
    /// The bytes are not DEFLATE, or end before the data does.
    case corrupt
}

/// Inflates one permessage-deflate message (RFC 7692 §7.2.2), with context from earlier ones if that was agreed.
///
/// Gets the message's payload as it was on the wire, without the tail 00 00 FF FF, and the most bytes that may come
/// out, which it must check before it holds more.
public typealias InflateMessage = (_ compressed: [UInt8], _ bytesMax: Int) throws(InflateFailure) -> [UInt8]
