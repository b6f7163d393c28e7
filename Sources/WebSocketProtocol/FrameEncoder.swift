/// Writes frames. A server's frames bear no masking key; a client's must, a fresh one each (RFC 6455 §5.1, §5.3).
public enum FrameEncoder {
    /// The header of an unfragmented frame, for callers that put header and payload into one allocation:
    /// reserve `header.encodedLength + payloadLength` bytes, `encode(to:)`, append the payload.
    public static func header(
        opcode: Opcode, payloadLength: Int, compressed: Bool = false, maskingKey: MaskingKey? = nil
    ) -> FrameHeader {
        precondition(
            !opcode.isControl || (payloadLength <= WebSocketLimits.controlPayloadBytesMax && !compressed),
            "a control frame carries at most 125 bytes and is never compressed")
        return FrameHeader(
            opcode: opcode, payloadLength: payloadLength, isCompressed: compressed, maskingKey: maskingKey)
    }

    /// Appends one frame to `output`.
    /// - Parameters:
    ///   - payload: Unmasked bytes; of a control frame at most 125.
    ///   - compressed: Whether `payload` is a permessage-deflate message (RFC 7692 §7.2.1); sets RSV1.
    ///   - isFinal: `false` for every fragment but the last.
    ///   - maskingKey: `nil` for a server's frames.
    public static func append(
        opcode: Opcode, payload: Span<UInt8>, compressed: Bool = false, isFinal: Bool = true,
        maskingKey: MaskingKey? = nil, to output: inout [UInt8]
    ) {
        var header = header(
            opcode: opcode, payloadLength: payload.count, compressed: compressed, maskingKey: maskingKey)
        header.isFinal = isFinal
        header.encode(to: &output)
        let payloadStart = output.count
        output.append(copying: payload)
        maskingKey?.apply(to: &output, from: payloadStart)
    }

    /// One whole frame in an allocation of its own, of exactly its size.
    public static func frame(
        opcode: Opcode, payload: Span<UInt8>, compressed: Bool = false, maskingKey: MaskingKey? = nil
    ) -> [UInt8] {
        let header = header(
            opcode: opcode, payloadLength: payload.count, compressed: compressed, maskingKey: maskingKey)
        var output: [UInt8] = []
        output.reserveCapacity(header.encodedLength + payload.count)
        append(opcode: opcode, payload: payload, compressed: compressed, maskingKey: maskingKey, to: &output)
        return output
    }

    /// The payload of a Close frame (RFC 6455 §5.5.1).
    /// - Parameters:
    ///   - code: A code allowed on the wire, or `nil` for an empty payload.
    ///   - reason: Cut to at most 123 bytes between two characters' encodings.
    public static func closePayload(_ code: CloseCode?, reason: String = "") -> [UInt8] {
        guard let code else { return [] }
        precondition(code.isAllowedOnTheWire, "this close code must not be sent")
        var payload: [UInt8] = [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xFF)]
        var room = WebSocketLimits.closeReasonBytesMax
        for scalar in reason.unicodeScalars {
            let encoded = UTF8.encode(scalar)
            guard let encoded, encoded.count <= room else { break }
            payload.append(contentsOf: encoded)
            room -= encoded.count
        }
        return payload
    }
}
