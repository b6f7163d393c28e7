import TestSupport
import Testing

@testable import WebSocketProtocol

private let hello = Array("Hello".utf8)

struct DecoderCase: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let expected: Transcript
    var role = WebSocketRole.server

    var testDescription: String { name }
}

private func accepted(
    _ name: String, _ bytes: [UInt8], _ events: [WebSocketEvent], role: WebSocketRole = .server
) -> DecoderCase {
    DecoderCase(name: name, bytes: bytes, expected: Transcript(events), role: role)
}

private func refused(
    _ name: String, _ bytes: [UInt8], _ error: FrameError, after events: [WebSocketEvent] = [],
    role: WebSocketRole = .server
) -> DecoderCase {
    DecoderCase(name: name, bytes: bytes, expected: Transcript(events, error: error), role: role)
}

private let bytes256 = (0..<256).map { UInt8($0) }

/// RFC 6455 §5.7, every example but the last, which is beyond the default limits' business: 64 KiB is just allowed.
private let rfcExamples: [DecoderCase] = [
    accepted("unmasked text", [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f], [.text(hello)], role: .client),
    accepted(
        "masked text", [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58], [.text(hello)]),
    accepted(
        "fragmented unmasked text", [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f], [.text(hello)],
        role: .client),
    accepted("unmasked ping", [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f], [.ping(hello)], role: .client),
    accepted(
        "masked pong", [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58], [.pong(hello)]),
    accepted("256 bytes of binary", [0x82, 0x7E, 0x01, 0x00] + bytes256, [.binary(bytes256)], role: .client),
    accepted(
        "64 KiB of binary", [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0] + [UInt8](repeating: 7, count: 65536),
        [.binary([UInt8](repeating: 7, count: 65536))], role: .client),
]

private let sequences: [DecoderCase] = [
    accepted("nothing", [], []),
    accepted("empty text", clientFrame(1, []), [.text([])]),
    accepted("empty ping", clientFrame(9, []), [.ping([])]),
    accepted(
        "two messages at once", clientText("a") + clientFrame(2, [0xFF]), [.text(Array("a".utf8)), .binary([0xFF])]),
    accepted(
        "control frames between fragments",
        clientFrame(1, [0x48], fin: false) + clientFrame(9, [1]) + clientFrame(0, [0x65], fin: false)
            + clientFrame(10, []) + clientFrame(0, Array("llo".utf8)),
        [.ping([1]), .pong([]), .text(hello)]),
    accepted(
        "empty fragments", clientFrame(2, [], fin: false) + clientFrame(0, [], fin: false) + clientFrame(0, []),
        [.binary([])]),
    accepted(
        "a character across fragments", clientFrame(1, [0xE2, 0x82], fin: false) + clientFrame(0, [0xAC]),
        [.text([0xE2, 0x82, 0xAC])]),
    accepted(
        "a partial frame waits", clientText("a") + [0x81, 0x85, 0x37], [.text(Array("a".utf8))]),
    accepted(
        "bytes after a Close frame are not read", clientFrame(8, [0x03, 0xE8]) + [0xFF, 0xFF] + clientText("a"),
        [.close(.normalClosure, reason: [])]),
    accepted("a Close frame without payload", clientFrame(8, []), [.close(nil, reason: [])]),
    accepted(
        "a Close frame within a message",
        clientFrame(1, [0x48], fin: false) + clientFrame(8, [0x0F, 0xA1] + Array("später".utf8)),
        [.close(.tooSlow, reason: Array("später".utf8))]),
    accepted(
        "a zero masking key", clientFrame(1, hello, key: MaskingKey(0, 0, 0, 0)), [.text(hello)]),
]

private let violations: [DecoderCase] = [
    refused("RSV1 without an extension", clientFrame(1, hello, rsv: 4), .reservedBits),
    refused("RSV2", clientFrame(1, hello, rsv: 2), .reservedBits),
    refused("RSV3 on a control frame", clientFrame(9, hello, rsv: 1), .reservedBits),
    refused("an unmasked frame from a client", clientFrame(1, hello, key: nil), .unmaskedFrame),
    refused("a masked frame from a server", clientFrame(1, hello), .maskedFrame, role: .client),
    refused("a fragmented ping", clientFrame(9, [], fin: false), .fragmentedControlFrame),
    refused("a fragmented Close frame", clientFrame(8, [], fin: false), .fragmentedControlFrame),
    refused("a ping of 126 bytes", clientFrame(9, [UInt8](repeating: 0, count: 126)), .oversizedControlFrame),
    refused("a Close frame of 64 KiB", clientFrame(8, [UInt8](repeating: 0, count: 65536)), .oversizedControlFrame),
    refused("125 in 16 bits", [0x82, 0xFE, 0x00, 0x7D], .nonMinimalLength),
    refused("65,535 in 64 bits", [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], .nonMinimalLength),
    refused("the top bit of a 64-bit length", [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], .lengthOutOfRange),
    refused("a continuation of nothing", clientFrame(0, hello), .unexpectedContinuation),
    refused(
        "a continuation after the end", clientText("a") + clientFrame(0, hello), .unexpectedContinuation,
        after: [.text(Array("a".utf8))]),
    refused(
        "a message within a message", clientFrame(1, hello, fin: false) + clientFrame(2, hello),
        .expectedContinuation),
    refused(
        "65,537 bytes announced", [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4], .messageTooLarge),
    refused(
        "64 KiB and a byte in fragments",
        clientFrame(2, [UInt8](repeating: 0, count: 65536), fin: false) + clientFrame(9, [])
            + Array(clientFrame(0, [0]).prefix(6)),
        .messageTooLarge, after: [.ping([])]),
    refused("text cut within a character", clientFrame(1, [0xE2, 0x82]), .invalidUTF8),
    refused(
        "text that goes wrong in a later fragment", clientFrame(1, [0xE2], fin: false) + clientFrame(0, [0x28]),
        .invalidUTF8),
    refused("a Close frame with one byte", clientFrame(8, [3]), .truncatedCloseCode),
    refused("a close reason that is not UTF-8", clientFrame(8, [0x03, 0xE8, 0xFF]), .invalidUTF8),
    refused("a close reason cut within a character", clientFrame(8, [0x03, 0xE8, 0xC3]), .invalidUTF8),
]

@Suite struct MessageDecoderTests {
    @Test("RFC 6455 §5.7: the examples decode", arguments: rfcExamples)
    func examples(_ example: DecoderCase) {
        expectTranscript(example.expected, of: example.bytes) { MessageDecoder(role: example.role) }
    }

    @Test("RFC 6455 §5.4, §5.5: valid sequences give their events in order", arguments: sequences)
    func accepts(_ sequence: DecoderCase) {
        expectTranscript(sequence.expected, of: sequence.bytes) { MessageDecoder(role: sequence.role) }
    }

    @Test("RFC 6455 §5, §8.1: each violation has its error, after the events before it", arguments: violations)
    func refuses(_ violation: DecoderCase) {
        expectTranscript(violation.expected, of: violation.bytes) { MessageDecoder(role: violation.role) }
    }

    @Test("RFC 6455 §5.2: reserved opcodes are refused", arguments: [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8])
    func reservedOpcodes(_ opcode: UInt8) {
        expectTranscript(Transcript(error: .reservedOpcode(opcode)), of: clientFrame(opcode, hello)) {
            MessageDecoder(role: .server)
        }
    }

    @Test(
        "RFC 6455 §5.2: payloads on both sides of each length boundary", arguments: [0, 1, 125, 126, 127, 65535, 65536])
    func lengths(_ count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for (role, key) in [(WebSocketRole.server, testKey as MaskingKey?), (.client, nil)] {
            let frame = clientFrame(2, payload, key: key)
            expectTranscript(Transcript([.binary(payload)]), of: frame) { MessageDecoder(role: role) }
        }
    }

    @Test("RFC 6455 §5.5: a control frame carries up to 125 bytes")
    func controlBoundary() {
        let payload = [UInt8](repeating: 0x55, count: 125)
        expectTranscript(Transcript([.ping(payload)]), of: clientFrame(9, payload)) { MessageDecoder(role: .server) }
    }

    @Test("RFC 6455 §7.4: close codes that must not be sent are refused, the others pass")
    func closeCodes() {
        for code in Array(0...5005) + [9999, 32768, 65535] as [UInt16] {
            let isAllowed = CloseCode(rawValue: code).isAllowedOnTheWire
            let frame = clientFrame(8, [UInt8(code >> 8), UInt8(code & 0xFF)])
            let expected =
                isAllowed
                ? Transcript([.close(CloseCode(rawValue: code), reason: [])])
                : Transcript(error: .forbiddenCloseCode(code))
            let transcript = Transcript([frame], MessageDecoder(role: .server))
            if transcript != expected { Issue.record("close code \(code): \(transcript)") }
        }
    }

    @Test("RFC 6455 §8.1: text fails at the very byte that makes it impossible")
    func failsFast() throws {
        var decoder = MessageDecoder(role: .server)
        let frame = clientFrame(1, [0x61, 0xED, 0xA0, 0x80] + [UInt8](repeating: 0x61, count: 500))
        let headerBytes = 8
        decoder.append(frame[..<(headerBytes + 2)])
        #expect(try decoder.next() == nil)
        decoder.append(frame[(headerBytes + 2)...(headerBytes + 2)])
        #expect(throws: FrameError.invalidUTF8) { try decoder.next() }
    }

    @Test("a message of too many fragments is refused as a broken policy")
    func fragmentLimit() {
        let limits = WebSocketLimits(messageBytesMax: 10, fragmentsPerMessageMax: 3)
        let two = clientFrame(2, [1], fin: false) + clientFrame(0, [2], fin: false)
        expectTranscript(Transcript([.binary([1, 2, 3])]), of: two + clientFrame(0, [3])) {
            MessageDecoder(role: .server, limits: limits)
        }
        let four = two + clientFrame(0, [], fin: false) + clientFrame(0, [])
        expectTranscript(Transcript(error: .tooManyFragments), of: four) {
            MessageDecoder(role: .server, limits: limits)
        }
        #expect(FrameError.tooManyFragments.closeCode == .policyViolation)
    }

    @Test("a message of exactly the limit passes, one byte more fails with 1009")
    func messageLimit() {
        let limits = WebSocketLimits(messageBytesMax: 10)
        let ten = [UInt8](repeating: 1, count: 10)
        expectTranscript(Transcript([.binary(ten)]), of: clientFrame(2, ten)) {
            MessageDecoder(role: .server, limits: limits)
        }
        expectTranscript(Transcript(error: .messageTooLarge), of: clientFrame(2, ten + [1])) {
            MessageDecoder(role: .server, limits: limits)
        }
        #expect(FrameError.messageTooLarge.closeCode == .messageTooBig)
    }

    @Test("between messages, after a Close frame and after an error the decoder holds nothing")
    func holdsNothingWhenIdle() throws {
        var decoder = MessageDecoder(role: .server)
        #expect(decoder.isIdle)
        decoder.append(clientText("Hello").dropLast())
        #expect(try decoder.next() == nil)
        #expect(!decoder.isIdle)
        decoder.append(clientText("Hello").suffix(1))
        #expect(try decoder.next() == .text(hello))
        #expect(try decoder.next() == nil)
        #expect(decoder.isIdle)
        decoder.append((clientFrame(1, hello, fin: false) + clientFrame(3, hello)))
        #expect(throws: FrameError.reservedOpcode(3)) { try decoder.next() }
        #expect(decoder.isIdle)
        decoder.append(clientText("Hello"))
        #expect(decoder.isIdle)
        #expect(throws: FrameError.reservedOpcode(3)) { try decoder.next() }
    }

    @Test("what an encoder writes, a decoder of the other role reads, in any splits")
    func roundTrip() {
        let seed = TestSeed.value
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let count = Int.random(in: 0...600, using: &generator)
            let payload = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let key =
                Bool.random(using: &generator) ? MaskingKey(random: .random(in: 0 ... .max, using: &generator)) : nil
            var bytes: [UInt8] = []
            let middle = Int.random(in: 0...count, using: &generator)
            appendFrame(.binary, payload[..<middle], isFinal: false, key: key, to: &bytes)
            appendFrame(.continuation, payload[middle...], key: key, to: &bytes)
            let decoder = MessageDecoder(role: key == nil ? .client : .server)
            let transcript = Transcript(bytes.splitRandomly(&generator), decoder)
            #expect(transcript == Transcript([.binary(payload)]), "seed \(seed)")
        }
    }

    @Test("random bytes never trap, and give the same in any splits")
    func randomBytes() {
        let seed = TestSeed.value
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            var bytes = (0..<Int.random(in: 1...80, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            bytes[0] = [0x81, 0x01, 0x82, 0x88, 0x89, 0x8A, bytes[0]].randomElement(using: &generator) ?? 0
            if bytes.count > 1 { bytes[1] |= 0x80 }
            let whole = Transcript([bytes], MessageDecoder(role: .server))
            let split = Transcript(bytes.splitRandomly(&generator), MessageDecoder(role: .server))
            #expect(whole == split, "seed \(seed), bytes \(bytes)")
        }
    }
}
