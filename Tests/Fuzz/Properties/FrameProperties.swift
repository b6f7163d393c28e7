import Corpora
import WebSocketProtocol

/// What a peer's bytes led to.
struct Conversation: Equatable {
    var events: [WebSocketEvent] = []
    var error: FrameError?

    /// Gives a decoder the pieces as a connection would, and checks what must hold at every step.
    init(_ decoder: MessageDecoder, _ pieces: [[UInt8]], limits: WebSocketLimits) {
        var decoder = decoder
        // A message, a little more if it cannot be compressed, a control payload and most of a header.
        let bytesHeldMax = limits.messageBytesMax + limits.messageBytesMax / 1_024 + 64 + 125 + 13
        do throws(FrameError) {
            for piece in pieces {
                decoder.append(piece.span)
                while let event = try decoder.next() {
                    events.append(event)
                    Self.check(event, limits: limits)
                    if case .close = event { Self.checkClosed(&decoder) }
                }
                expect(decoder.bufferedBytes <= bytesHeldMax, "what is held keeps to the limits")
            }
        } catch {
            self.error = error
            Self.checkFailed(&decoder, error)
        }
    }

    private static func check(_ event: WebSocketEvent, limits: WebSocketLimits) {
        switch event {
        case .text(let bytes):
            expect(bytes.count <= limits.messageBytesMax, "a text message keeps to the limit")
            expect(isUTF8(bytes), "a text message is UTF-8")
        case .binary(let bytes): expect(bytes.count <= limits.messageBytesMax, "a binary message keeps to the limit")
        case .ping(let bytes), .pong(let bytes): expect(bytes.count <= 125, "a control payload is at most 125 bytes")
        case .close(let code, let reason):
            expect(code?.isAllowedOnTheWire ?? reason.isEmpty, "a close code may stand on the wire")
            expect(reason.count <= 123 && isUTF8(reason), "a close reason is UTF-8 of at most 123 bytes")
        }
    }

    /// RFC 6455 §5.5.1: nothing follows a Close frame.
    private static func checkClosed(_ decoder: inout MessageDecoder) {
        expect(decoder.isIdle, "a closed decoder holds nothing")
        let more: [UInt8] = [0x81, 0x00]
        decoder.append(more.span)
        do throws(FrameError) {
            let event = try decoder.next()
            expect(event == nil && decoder.isIdle, "a closed decoder takes in nothing")
        } catch {
            fatalError("property broken: a closed decoder threw \(error)")
        }
    }

    private static func checkFailed(_ decoder: inout MessageDecoder, _ error: FrameError) {
        expect(decoder.isIdle, "a failed decoder holds nothing")
        let more: [UInt8] = [0x81, 0x80, 0, 0, 0, 0]
        decoder.append(more.span)
        expect(decoder.isIdle, "a failed decoder takes in nothing")
        do throws(FrameError) {
            let event = try decoder.next()
            fatalError("property broken: a failed decoder gave \(String(describing: event))")
        } catch let second {
            expectEqual(second, error, "a failed decoder throws the same again")
        }
    }
}

/// Frames as they come from a peer. The first byte sets role and limits, the rest is the wire.
enum FrameProperties {
    static func check(_ input: [UInt8]) {
        guard let options = input.first else { return }
        let wire = Array(input.dropFirst())
        let role: WebSocketRole = options & 1 == 0 ? .server : .client
        let limits = WebSocketLimits(
            messageBytesMax: options & 2 == 0 ? 64 * 1024 : 300, frameBytesMax: options & 8 == 0 ? .max : 100,
            fragmentsPerMessageMax: options & 4 == 0 ? 4_096 : 3)
        let decoder = MessageDecoder(role: role, limits: limits)
        let whole = Conversation(decoder, [wire], limits: limits)
        for cutting in cuttings(of: input) {
            let cut = Conversation(decoder, cutting.pieces(of: wire), limits: limits)
            expectEqual(cut, whole, "\(cutting) gives what the whole gives")
        }
        checkHeader(wire, role)
        let again = Conversation(decoder, [encoded(whole.events, for: role)], limits: limits)
        expectEqual(again.events, whole.events, "what was accepted reads the same when written again")
        expect(again.error == nil, "what was accepted is accepted when written again")
    }

    /// A header that was read is written as the same bytes: there is one way to write each (RFC 6455 §5.2).
    private static func checkHeader(_ wire: [UInt8], _ role: WebSocketRole) {
        guard let header = try? FrameHeader.decode(wire.span, role: role, allowsCompression: true) else { return }
        var written: [UInt8] = []
        header.encode(to: &written)
        expectEqual(written, Array(wire.prefix(header.encodedLength)), "a header has one form")
    }

    /// Messages as the peer of `role` would send them, in one frame each.
    static func encoded(_ events: [WebSocketEvent], for role: WebSocketRole) -> [UInt8] {
        let key = role == .server ? MaskingKey(random: 0x1234_5678) : nil
        var wire: [UInt8] = []
        for event in events {
            switch event {
            case .text(let bytes): FrameEncoder.append(opcode: .text, payload: bytes.span, maskingKey: key, to: &wire)
            case .binary(let bytes):
                FrameEncoder.append(opcode: .binary, payload: bytes.span, maskingKey: key, to: &wire)
            case .ping(let bytes): FrameEncoder.append(opcode: .ping, payload: bytes.span, maskingKey: key, to: &wire)
            case .pong(let bytes): FrameEncoder.append(opcode: .pong, payload: bytes.span, maskingKey: key, to: &wire)
            case .close(let code, let reason):
                let payload = FrameEncoder.closePayload(code, reason: String(decoding: reason, as: UTF8.self))
                FrameEncoder.append(opcode: .close, payload: payload.span, maskingKey: key, to: &wire)
            }
        }
        return wire
    }
}
