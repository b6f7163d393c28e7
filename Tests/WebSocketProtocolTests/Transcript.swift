import TestSupport
import Testing

@testable import WebSocketProtocol

/// What a decoder made of some bytes: its events, and the error that ended it.
struct Transcript: Equatable, CustomStringConvertible {
    var events: [WebSocketEvent] = []
    var error: FrameError?

    var description: String {
        "\(events.count) events \(events.prefix(3)), error \(String(describing: error))"
    }

    init(_ events: [WebSocketEvent] = [], error: FrameError? = nil) {
        self.events = events
        self.error = error
    }

    /// Feeds `pieces` one after the other, draining the decoder after each.
    init(_ pieces: [[UInt8]], _ decoder: consuming MessageDecoder) {
        for piece in pieces {
            decoder.append(piece)
            do throws(FrameError) {
                while let event = try decoder.next() { events.append(event) }
            } catch {
                self.error = error
                return
            }
        }
    }
}

/// SplitMix64, so that a failure can be run again from its seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

extension Array where Element == UInt8 {
    /// Cuts into pieces of 1 to 1,000 bytes, mostly small ones.
    func splitRandomly(_ generator: inout SeededGenerator) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = self[...]
        while !rest.isEmpty {
            let longest = [1, 2, 7, 60, 1000].randomElement(using: &generator) ?? 1
            let piece = rest.prefix(Int.random(in: 1...longest, using: &generator))
            pieces.append(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        return pieces
    }
}

/// Decodes `bytes` whole, byte by byte and in random splits, and expects the same every time.
func expectTranscript(
    _ expected: Transcript, of bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation,
    _ makeDecoder: () -> MessageDecoder
) {
    #expect(Transcript([bytes], makeDecoder()) == expected, "whole", sourceLocation: sourceLocation)
    let single = bytes.map { [$0] }
    #expect(Transcript(single, makeDecoder()) == expected, "byte by byte", sourceLocation: sourceLocation)
    let seed = TestSeed.value
    var generator = SeededGenerator(seed: seed)
    // Large inputs are there for their lengths; a few splits of them say as much as many.
    for _ in 0..<(bytes.count > 4096 ? 2 : 20) {
        let pieces = bytes.splitRandomly(&generator)
        #expect(
            Transcript(pieces, makeDecoder()) == expected, "random splits, seed \(seed)", sourceLocation: sourceLocation
        )
    }
}

let testKey = MaskingKey(0x37, 0xFA, 0x21, 0x3D)

/// One frame as a client sends it, rules or not.
func clientFrame(
    _ opcode: UInt8, _ payload: [UInt8], fin: Bool = true, rsv: UInt8 = 0, key: MaskingKey? = testKey
) -> [UInt8] {
    var bytes: [UInt8] = [(fin ? 0x80 : 0) | rsv << 4 | opcode]
    let mask: UInt8 = key == nil ? 0 : 0x80
    switch payload.count {
    case ...125: bytes.append(mask | UInt8(payload.count))
    case ...0xFFFF: bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
    default: bytes += [mask | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
    }
    if let key { bytes += (0..<4).map { key[$0] } }
    return bytes + payload.enumerated().map { $1 ^ (key?[$0] ?? 0) }
}

func clientText(_ text: String) -> [UInt8] {
    clientFrame(0x1, Array(text.utf8))
}

extension MessageDecoder {
    mutating func append(_ bytes: some Collection<UInt8>) {
        let array = Array(bytes)
        append(array.span)
    }
}

/// `FrameEncoder.append` for arrays and slices.
func appendFrame(
    _ opcode: Opcode, _ payload: some Collection<UInt8>, isFinal: Bool = true, key: MaskingKey? = nil,
    to output: inout [UInt8]
) {
    let array = Array(payload)
    FrameEncoder.append(opcode: opcode, payload: array.span, isFinal: isFinal, maskingKey: key, to: &output)
}
