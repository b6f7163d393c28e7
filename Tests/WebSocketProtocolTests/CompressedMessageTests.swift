import Testing

@testable import WebSocketProtocol

/// Stands in for inflation: repeats each byte of the payload twice, and calls 0xFF corrupt.
private func double(_ compressed: [UInt8], _ bytesMax: Int) throws(InflateFailure) -> [UInt8] {
    if compressed.contains(0xFF) { throw .corrupt }
    guard compressed.count * 2 <= bytesMax else { throw .outputTooLarge }
    return compressed.flatMap { [$0, $0] }
}

@Suite struct CompressedMessageTests {
    private func decoder(messageBytesMax: Int = 64) -> MessageDecoder {
        MessageDecoder(role: .server, limits: WebSocketLimits(messageBytesMax: messageBytesMax), inflater: double)
    }

    @Test("RFC 7692 §6.2: a message with RSV1 is inflated whole, others pass as they are")
    func inflates() {
        let bytes =
            clientFrame(1, Array("ab".utf8), rsv: 4) + clientText("ab")
            + clientFrame(2, [1], fin: false, rsv: 4) + clientFrame(9, [9]) + clientFrame(0, [2])
        let expected = Transcript([
            .text(Array("aabb".utf8)), .text(Array("ab".utf8)), .ping([9]), .binary([1, 1, 2, 2]),
        ])
        expectTranscript(expected, of: bytes) { decoder() }
    }

    @Test("RFC 7692 §6.1: RSV1 on a continuation or control frame is refused")
    func misplacedBit() {
        let continuation = clientFrame(1, [0x61], fin: false, rsv: 4) + clientFrame(0, [0x61], rsv: 4)
        expectTranscript(Transcript(error: .reservedBits), of: continuation) { decoder() }
        for opcode: UInt8 in [8, 9, 10] {
            expectTranscript(Transcript(error: .reservedBits), of: clientFrame(opcode, [], rsv: 4)) { decoder() }
        }
    }

    @Test("a message that inflates beyond the limit fails with 1009")
    func bomb() {
        let frame = clientFrame(2, [UInt8](repeating: 0, count: 6), rsv: 4)
        expectTranscript(Transcript(error: .messageTooLarge), of: frame) { decoder(messageBytesMax: 11) }
        expectTranscript(Transcript([.binary([UInt8](repeating: 0, count: 12))]), of: frame) {
            decoder(messageBytesMax: 12)
        }
    }

    @Test("a frame beyond its bound is refused when it is announced; compressed data may have grown a little")
    func largeFrame() {
        let limits = WebSocketLimits(messageBytesMax: 4096, frameBytesMax: 1024)
        let decoder = { MessageDecoder(role: .server, limits: limits, inflater: double) }
        let payload = [UInt8](repeating: 1, count: 1025)
        let announced = clientFrame(2, payload)[..<8]
        expectTranscript(Transcript(error: .frameTooLarge), of: Array(announced), decoder)
        expectTranscript(Transcript([.binary([UInt8](repeating: 1, count: 2050))]), of: clientFrame(2, payload, rsv: 4))
        {
            decoder()
        }
        let tooLarge = clientFrame(2, [UInt8](repeating: 1, count: 1090), rsv: 4)
        expectTranscript(Transcript(error: .frameTooLarge), of: Array(tooLarge[..<8]), decoder)
        // In two frames it passes.
        let fragments = clientFrame(2, [UInt8](repeating: 1, count: 1024), fin: false) + clientFrame(0, [1])
        expectTranscript(Transcript([.binary(payload)]), of: fragments, decoder)
    }

    @Test("an inflater that ignores its bound is not believed")
    func carelessInflater() {
        let careless = MessageDecoder(
            role: .server, limits: WebSocketLimits(messageBytesMax: 4),
            inflater: { (_: [UInt8], _: Int) throws(InflateFailure) in [1, 2, 3, 4, 5] })
        #expect(Transcript([clientFrame(2, [0], rsv: 4)], careless) == Transcript(error: .messageTooLarge))
    }

    @Test("what does not decompress fails with 1007, as does text that is not UTF-8 once inflated")
    func corrupt() {
        expectTranscript(Transcript(error: .corruptCompressedData), of: clientFrame(1, [0xFF], rsv: 4)) { decoder() }
        expectTranscript(Transcript(error: .invalidUTF8), of: clientFrame(1, [0xC3], rsv: 4)) { decoder() }
        #expect(FrameError.corruptCompressedData.closeCode == .invalidPayload)
    }

    @Test("compressed bytes are not checked as text before they are inflated")
    func compressedBytesAreNotText() {
        let inflate = { (_: [UInt8], _: Int) throws(InflateFailure) in Array("ok".utf8) }
        let decoder = MessageDecoder(role: .server, inflater: inflate)
        let frame = clientFrame(1, [0xFF, 0xFE], rsv: 4)
        #expect(Transcript([frame], decoder) == Transcript([.text(Array("ok".utf8))]))
    }
}
