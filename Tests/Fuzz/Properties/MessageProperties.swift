import Codecs
import Corpora
import WebSocketProtocol

/// Messages with permessage-deflate. The first byte sets what the rest is: the wire, DEFLATE to be put into frames, or
/// a message to be deflated, and the limit.
enum MessageProperties {
    nonisolated(unsafe) private static let inflater = Inflater()
    nonisolated(unsafe) private static let deflaters = [9, 12, 15].map { Deflater(windowBits: $0) }

    private enum Mode {
        case wire, deflated, plain
    }

    static func check(_ input: [UInt8]) {
        guard let options = input.first else { return }
        let rest = Array(input.dropFirst())
        let limits = WebSocketLimits(messageBytesMax: options & 4 == 0 ? 64 * 1024 : 512)
        let isText = options & 8 == 0
        let mode: Mode =
            switch options & 3 {
            case 0: .wire
            case 1, 2: .deflated
            default: .plain
            }
        switch mode {
        case .wire: checkWire(rest, limits, input)
        case .deflated: checkDeflated(rest, isText: isText, limits, input)
        case .plain: checkPlain(rest, isText: isText, limits, input)
        }
    }

    private static func decoder(_ limits: WebSocketLimits) -> MessageDecoder {
        MessageDecoder(role: .server, limits: limits) { compressed, bytesMax throws(InflateFailure) in
            expect(bytesMax <= limits.messageBytesMax, "the bound on inflating is the limit on messages")
            return try inflate(compressed, bytesMax: bytesMax)
        }
    }

    private static func inflate(_ compressed: [UInt8], bytesMax: Int) throws(InflateFailure) -> [UInt8] {
        do throws(InflateError) {
            let message = try inflater.inflate(compressed.span, bytesMax: bytesMax)
            expect(message.count <= bytesMax, "no more is inflated than allowed")
            return message
        } catch {
            switch error {
            case .outputTooLarge: throw .outputTooLarge
            case .corrupt, .truncated: throw .corrupt
            }
        }
    }

    /// - Returns: What the wire led to, the same however it is cut.
    @discardableResult
    private static func checkWire(_ wire: [UInt8], _ limits: WebSocketLimits, _ input: [UInt8]) -> Conversation {
        let whole = Conversation(decoder(limits), [wire], limits: limits)
        for cutting in cuttings(of: input) {
            let cut = Conversation(decoder(limits), cutting.pieces(of: wire), limits: limits)
            expectEqual(cut, whole, "\(cutting) gives what the whole gives")
        }
        return whole
    }

    /// Any bytes as the payload of a compressed message: accepted exactly if they inflate within the limit.
    private static func checkDeflated(
        _ payload: [UInt8], isText: Bool, _ limits: WebSocketLimits, _ input: [UInt8]
    ) {
        let wire = fragments(of: payload, isText: isText, seed: fingerprint(input))
        let heard = checkWire(wire, limits, input)
        // What a compressed message takes on the wire has a bound of its own, not below that of the message.
        if payload.count > limits.messageBytesMax, heard.error == .messageTooLarge || heard.error == .frameTooLarge {
            return
        }
        do throws(InflateFailure) {
            let message = try inflate(payload, bytesMax: limits.messageBytesMax)
            if isText, !isUTF8(message) {
                expectEqual(heard.error, .invalidUTF8, "inflated text is UTF-8")
            } else {
                expectEqual(heard.events, [isText ? .text(message) : .binary(message)], "what inflates is heard")
            }
        } catch {
            let expected: FrameError = error == .outputTooLarge ? .messageTooLarge : .corruptCompressedData
            expectEqual(heard.error, expected, "what does not inflate is refused")
        }
        let greeting = Array("after any failure the inflater serves the next message".utf8)
        let deflated = deflaters[0].deflate(greeting.span)
        expectEqual(try? inflate(deflated, bytesMax: 100), greeting, "one message leaves nothing to the next")
    }

    /// What we deflate is what a peer inflates.
    private static func checkPlain(
        _ message: [UInt8], isText: Bool, _ limits: WebSocketLimits, _ input: [UInt8]
    ) {
        let deflater = deflaters[message.count % deflaters.count]
        let deflated = deflater.deflate(message.span)
        expectEqual(
            try? inflate(deflated, bytesMax: message.count), message, "inflating undoes deflating, within its size")
        if !message.isEmpty {
            expect((try? inflate(deflated, bytesMax: message.count - 1)) == nil, "one byte less is not enough")
        }
        checkContext(message, deflater)
        guard deflated.count <= limits.messageBytesMax, message.count <= limits.messageBytesMax else { return }
        let heard = checkWire(fragments(of: deflated, isText: isText, seed: fingerprint(input)), limits, input)
        if isText, !isUTF8(message) {
            expectEqual(heard.error, .invalidUTF8, "inflated text is UTF-8")
        } else {
            expectEqual(heard.events, [isText ? .text(message) : .binary(message)], "a message arrives as sent")
        }
    }

    /// Both halves of a message after each other, as a peer inflates them that keeps its window.
    private static func checkContext(_ message: [UInt8], _ deflater: Deflater) {
        let first = Array(message.prefix(message.count / 2))
        let second = Array(message.dropFirst(message.count / 2))
        let keeper = Inflater(keepsContext: true)
        for (half, deflated) in [
            (first, deflater.deflate(first.span)), (second, deflater.deflate(second.span, after: first.span)),
            (first, deflater.deflate(first.span, after: second.span)), (second, deflater.deflate(second.span)),
        ] {
            let inflated = try? keeper.inflate(deflated.span, bytesMax: half.count)
            expectEqual(inflated, half, "inflating undoes deflating after what was inflated before")
        }
    }

    /// A client's compressed message in up to eight frames, with a ping somewhere between them.
    private static func fragments(of payload: [UInt8], isText: Bool, seed: UInt64) -> [UInt8] {
        var random = SplitMix(seed: seed)
        var wire: [UInt8] = []
        var rest = payload[...]
        var isFirst = true
        for number in (0..<Int.random(in: 1...8, using: &random)).reversed() {
            let count = number == 0 ? rest.count : Int.random(in: 0...rest.count, using: &random)
            let piece = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            FrameEncoder.append(
                opcode: isFirst ? (isText ? .text : .binary) : .continuation, payload: piece.span,
                compressed: isFirst, isFinal: number == 0,
                maskingKey: MaskingKey(random: UInt32.random(in: 0...UInt32.max, using: &random)), to: &wire)
            isFirst = false
        }
        return wire
    }
}
