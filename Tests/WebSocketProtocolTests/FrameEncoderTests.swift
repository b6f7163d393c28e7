import Testing

@testable import WebSocketProtocol

@Suite struct FrameEncoderTests {
    @Test(
        "RFC 6455 §5.2: headers on both sides of each length boundary",
        arguments: [
            (0, [0x82, 0]), (125, [0x82, 125]), (126, [0x82, 126, 0, 126]), (65535, [0x82, 126, 0xFF, 0xFF]),
            (65536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] as [(Int, [UInt8])])
    func lengths(_ count: Int, _ expected: [UInt8]) {
        let header = FrameEncoder.header(opcode: .binary, payloadLength: count)
        var bytes: [UInt8] = []
        header.encode(to: &bytes)
        #expect(bytes == expected)
        #expect(header.encodedLength == expected.count)
        var masked = header
        masked.maskingKey = testKey
        bytes = []
        masked.encode(to: &bytes)
        #expect(bytes == [expected[0], expected[1] | 0x80] + expected[2...] + [0x37, 0xFA, 0x21, 0x3D])
        #expect(masked.encodedLength == bytes.count)
    }

    @Test("RFC 6455 §5.7: the examples encode")
    func examples() {
        let hello = Array("Hello".utf8)
        #expect(FrameEncoder.frame(opcode: .text, payload: hello.span) == [0x81, 0x05] + hello)
        #expect(
            FrameEncoder.frame(opcode: .text, payload: hello.span, maskingKey: testKey)
                == [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
        #expect(FrameEncoder.frame(opcode: .ping, payload: hello.span) == [0x89, 0x05] + hello)
        var fragments: [UInt8] = []
        appendFrame(.text, hello[..<3], isFinal: false, to: &fragments)
        appendFrame(.continuation, hello[3...], to: &fragments)
        #expect(fragments == [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f])
    }

    @Test("RFC 7692 §7.2.3.1: a compressed message bears RSV1")
    func compressed() {
        let payload: [UInt8] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]
        let frame = FrameEncoder.frame(opcode: .text, payload: payload.span, compressed: true)
        #expect(frame == [0xc1, 0x07] + payload)
    }

    @Test("a frame's allocation is of its size and made once")
    func oneAllocation() {
        let payload = [UInt8](repeating: 1, count: 500)
        let header = FrameEncoder.header(opcode: .text, payloadLength: payload.count)
        var frame: [UInt8] = []
        frame.reserveCapacity(header.encodedLength + payload.count)
        let capacity = frame.capacity
        header.encode(to: &frame)
        frame += payload
        #expect(frame.capacity == capacity)
        #expect(frame == FrameEncoder.frame(opcode: .text, payload: payload.span))
    }

    @Test("RFC 6455 §5.5.1: a close payload is the code and the reason")
    func closePayload() {
        #expect(FrameEncoder.closePayload(nil) == [])
        #expect(FrameEncoder.closePayload(.normalClosure) == [0x03, 0xE8])
        #expect(FrameEncoder.closePayload(.tooSlow, reason: "ä") == [0x0F, 0xA1, 0xC3, 0xA4])
    }

    @Test(
        "RFC 6455 §5.5: a long reason is cut between characters",
        arguments: [("a", 123), ("ä", 122), ("€", 123), ("😀", 120)])
    func longReason(_ character: String, _ bytesKept: Int) {
        let payload = FrameEncoder.closePayload(.goingAway, reason: String(repeating: character, count: 200))
        #expect(payload.count == 2 + bytesKept)
        #expect(String(validating: payload.dropFirst(2), as: UTF8.self) != nil)
    }

    @Test("RFC 6455 §5.3: masking from any offset equals masking byte by byte, and undoes itself")
    func masking() {
        let original = (0..<100).map { UInt8(truncatingIfNeeded: $0 * 7) }
        for start in 0..<20 {
            for offset in 0..<9 {
                var bytes = original
                testKey.apply(to: &bytes, from: start, payloadOffset: offset)
                let expected = original.indices.map { index in
                    index < start ? original[index] : original[index] ^ testKey[index - start + offset]
                }
                #expect(bytes == expected)
                testKey.apply(to: &bytes, from: start, payloadOffset: offset)
                #expect(bytes == original)
            }
        }
    }
}
