/// The first 2 to 14 bytes of a frame (RFC 6455 §5.2):
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-+-+-+-+-------+-+-------------+-------------------------------+
///     |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
///     |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
///     |N|V|V|V|       |S|             |   (if payload len==126/127)   |
///     | |1|2|3|       |K|             |                               |
///     +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
///     |     Extended payload length continued, if payload len == 127  |
///     + - - - - - - - - - - - - - - - +-------------------------------+
///     |                               | Masking-key, if MASK set      |
///     +-------------------------------+-------------------------------+
public struct FrameHeader: Sendable, Equatable {
    public var isFinal: Bool
    /// RSV1: the message, of which this is the first frame, is compressed (RFC 7692 §6).
    public var isCompressed: Bool
    public var opcode: Opcode
    /// Bytes of payload that follow the header.
    public var payloadLength: Int
    public var maskingKey: MaskingKey?

    public init(
        opcode: Opcode, payloadLength: Int, isFinal: Bool = true, isCompressed: Bool = false,
        maskingKey: MaskingKey? = nil
    ) {
        precondition(payloadLength >= 0, "a payload length is not negative")
        self.isFinal = isFinal
        self.isCompressed = isCompressed
        self.opcode = opcode
        self.payloadLength = payloadLength
        self.maskingKey = maskingKey
    }

    /// Bytes this header takes on the wire, 2 to 14.
    public var encodedLength: Int {
        2 + Self.extendedLengthBytes(for: payloadLength) + (maskingKey == nil ? 0 : 4)
    }

    /// Decodes one frame header and checks every rule that a single frame can break.
    /// - Parameters:
    ///   - input: Unconsumed bytes, network order. Later bytes than the header's are not looked at.
    ///   - role: Who decodes: a server demands masked frames, a client refuses them.
    ///   - allowsCompression: Whether permessage-deflate was negotiated, which gives RSV1 a meaning.
    /// - Returns: `nil` until the whole header is there, else the header; it took `encodedLength` bytes.
    /// - Throws: The `FrameError` of the first rule broken, as soon as its bytes are there.
    public static func decode(
        _ input: Span<UInt8>, role: WebSocketRole, allowsCompression: Bool
    ) throws(FrameError) -> FrameHeader? {
        guard input.count >= 1 else { return nil }
        var header = try decodeFirstByte(input[0], allowsCompression: allowsCompression)
        guard input.count >= 2 else { return nil }
        let isMasked = input[1] & 0x80 != 0
        let shortLength = Int(input[1] & 0x7F)
        switch role {
        case .server where !isMasked: throw .unmaskedFrame
        case .client where isMasked: throw .maskedFrame
        case .server, .client: break
        }
        if header.opcode.isControl && shortLength > WebSocketLimits.controlPayloadBytesMax {
            throw .oversizedControlFrame
        }
        let extendedBytes = shortLength == 126 ? 2 : shortLength == 127 ? 8 : 0
        guard input.count >= 2 + extendedBytes else { return nil }
        header.payloadLength = try decodeLength(shortLength, input, extendedBytes: extendedBytes)
        guard isMasked else { return header }
        let keyStart = 2 + extendedBytes
        guard input.count >= keyStart + 4 else { return nil }
        header.maskingKey = MaskingKey(
            input[keyStart], input[keyStart + 1], input[keyStart + 2], input[keyStart + 3])
        return header
    }

    /// Where the payload begins in a server's frame, of which at least the header is there.
    public static func encodedLength(ofUnmasked frame: Span<UInt8>) -> Int {
        frame[1] == 126 ? 4 : frame[1] == 127 ? 10 : 2
    }

    /// Appends the 2 to 14 bytes of this header.
    public func encode(to output: inout [UInt8]) {
        output.append((isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode.rawValue)
        let maskBit: UInt8 = maskingKey == nil ? 0 : 0x80
        let extendedBytes = Self.extendedLengthBytes(for: payloadLength)
        switch extendedBytes {
        case 0: output.append(maskBit | UInt8(truncatingIfNeeded: payloadLength))
        case 2: output.append(maskBit | 126)
        default: output.append(maskBit | 127)
        }
        for index in 0..<extendedBytes {
            output.append(UInt8(truncatingIfNeeded: payloadLength >> ((extendedBytes - 1 - index) * 8)))
        }
        if let maskingKey {
            for index in 0..<4 { output.append(maskingKey[index]) }
        }
    }

    private static func decodeFirstByte(
        _ byte: UInt8, allowsCompression: Bool
    ) throws(FrameError) -> FrameHeader {
        let isCompressed = byte & 0x40 != 0
        guard byte & 0x30 == 0, !isCompressed || allowsCompression else { throw .reservedBits }
        guard let opcode = Opcode(rawValue: byte & 0x0F) else { throw .reservedOpcode(byte & 0x0F) }
        // RFC 7692 §6.1: only the first frame of a data message bears the bit.
        if isCompressed && (opcode.isControl || opcode == .continuation) { throw .reservedBits }
        let isFinal = byte & 0x80 != 0
        if opcode.isControl && !isFinal { throw .fragmentedControlFrame }
        return FrameHeader(opcode: opcode, payloadLength: 0, isFinal: isFinal, isCompressed: isCompressed)
    }

    private static func decodeLength(
        _ shortLength: Int, _ input: Span<UInt8>, extendedBytes: Int
    ) throws(FrameError) -> Int {
        guard extendedBytes > 0 else { return shortLength }
        var length: UInt64 = 0
        for index in 2..<(2 + extendedBytes) { length = length << 8 | UInt64(input[index]) }
        guard let result = Int(exactly: length) else { throw .lengthOutOfRange }
        guard extendedLengthBytes(for: result) == extendedBytes else { throw .nonMinimalLength }
        return result
    }

    private static func extendedLengthBytes(for payloadLength: Int) -> Int {
        payloadLength <= 125 ? 0 : payloadLength <= 0xFFFF ? 2 : 8
    }
}
