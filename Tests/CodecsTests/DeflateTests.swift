import Codecs
import Corpora
import TestSupport
import Testing

/// SplitMix, so that a failure can be run again from its seed.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

extension Inflater {
    fileprivate func inflate(_ compressed: [UInt8], bytesMax: Int) throws(InflateError) -> [UInt8] {
        try inflate(compressed.span, bytesMax: bytesMax)
    }
}

extension Deflater {
    fileprivate func deflate(_ message: [UInt8]) -> [UInt8] {
        deflate(message.span)
    }

    fileprivate func deflate(_ message: [UInt8], after previous: [UInt8]) -> [UInt8] {
        deflate(message.span, after: previous.span)
    }
}

private let hello = Array("Hello".utf8)

@Suite struct InflaterTests {
    @Test(
        "RFC 7692 §7.2.3: the examples inflate",
        arguments: [
            ([0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], hello),
            ([0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00], hello),
            ([0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], hello),
            ([0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00], hello),
            ([0x00], []),
        ] as [([UInt8], [UInt8])])
    func examples(_ compressed: [UInt8], _ expected: [UInt8]) throws {
        let inflater = Inflater()
        for _ in 0..<3 { #expect(try inflater.inflate(compressed, bytesMax: 5) == expected) }
    }

    @Test("RFC 7692 §7.2.3.2: the second message of a shared window needs context that is not kept")
    func noContext() throws {
        let inflater = Inflater()
        let first: [UInt8] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]
        #expect(try inflater.inflate(first, bytesMax: 5) == hello)
        #expect(throws: InflateError.corrupt) {
            try inflater.inflate([0xf2, 0x00, 0x11, 0x00, 0x00], bytesMax: 5)
        }
    }

    @Test("a bomb is stopped at the bound, whatever it holds")
    func bomb() throws {
        let zeros = [UInt8](repeating: 0, count: 20_000_000)
        let compressed = Deflater(level: 9).deflate(zeros)
        #expect(compressed.count < 20_000)
        let inflater = Inflater()
        for bytesMax in [0, 1, 65_535, 65_536, 19_999_999] {
            #expect(throws: InflateError.outputTooLarge) {
                try inflater.inflate(compressed, bytesMax: bytesMax)
            }
        }
        #expect(try inflater.inflate(compressed, bytesMax: 20_000_000) == zeros)
    }

    @Test(
        "output of exactly the bound passes at every size around a chunk",
        arguments: [0, 1, 16383, 16384, 16385, 32768])
    func exactBound(_ count: Int) throws {
        let message = [UInt8](repeating: 0x61, count: count)
        let compressed = Deflater().deflate(message)
        #expect(try Inflater().inflate(compressed, bytesMax: count) == message)
        if count > 0 {
            #expect(throws: InflateError.outputTooLarge) {
                try Inflater().inflate(compressed, bytesMax: count - 1)
            }
        }
    }

    @Test("every truncation of a message fails and leaves the inflater usable")
    func truncated() throws {
        let inflater = Inflater()
        let message = Array("a message that repeats: a message that repeats, and some more of it".utf8)
        let compressed = Deflater().deflate(message)
        for end in 1..<compressed.count {
            let result = try? inflater.inflate(Array(compressed[..<end]), bytesMax: 1000)
            #expect(result == nil, "\(end) of \(compressed.count) bytes")
        }
        #expect(try inflater.inflate(compressed, bytesMax: 1000) == message)
    }

    @Test(
        "RFC 7692 §7.2.2: what ends with a whole block needs no tail",
        arguments: [
            ([], []), ([0x03, 0x00], []),
            ([0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], hello),
            ([0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff], hello),
        ] as [([UInt8], [UInt8])])
    func wholeBlocks(_ compressed: [UInt8], _ expected: [UInt8]) throws {
        let inflater = Inflater()
        for _ in 0..<3 {
            #expect(try inflater.inflate(compressed, bytesMax: 5) == expected)
            // Nothing of it is left for the next message.
            #expect(throws: InflateError.self) { try inflater.inflate([0xf2, 0x48, 0xcd], bytesMax: 5) }
        }
    }

    @Test("bytes that are not DEFLATE fail")
    func corrupt() {
        for bytes in [[0x07], [0xFF, 0xFF, 0xFF], [0x01, 0x05, 0x00, 0x00, 0x00]] as [[UInt8]] {
            #expect(throws: InflateError.self) { try Inflater().inflate(bytes, bytesMax: 1000) }
        }
    }

    @Test("random bytes end in a result or an error, never beyond the bound")
    func randomInput() {
        let seed = TestSeed.value
        var generator = SeededGenerator(state: seed)
        let inflater = Inflater()
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let result = try? inflater.inflate(bytes, bytesMax: 100)
            #expect((result?.count ?? 0) <= 100, "seed \(seed), bytes \(bytes)")
        }
    }
}

@Suite struct DeflaterTests {
    @Test("RFC 7692 §7.2.3.1: the example deflates to the example's bytes, every time")
    func example() {
        let deflater = Deflater()
        for _ in 0..<3 { #expect(deflater.deflate(hello) == [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]) }
    }

    @Test("RFC 7692 §7.2.3.6: an empty message is one block without content")
    func empty() throws {
        let compressed = Deflater().deflate([])
        #expect(try Inflater().inflate(compressed, bytesMax: 0) == [])
        #expect(compressed.count <= 2)
    }

    @Test("what is lent is what is returned")
    func lending() {
        let deflater = Deflater()
        let lent = deflater.withDeflated(hello.span) { span in span.indices.map { span[$0] } }
        #expect(lent == deflater.deflate(hello))
    }

    @Test("any message survives at every level and window", arguments: [1, 6, 9], [9, 12, 15])
    func roundTrip(_ level: Int, _ windowBits: Int) throws {
        let seed = TestSeed.value
        var generator = SeededGenerator(state: seed)
        let deflater = Deflater(level: level, windowBits: windowBits)
        let inflater = Inflater()
        for count in [0, 1, 2, 100, 563, 16384, 65536, 200_000] {
            let alphabet: UInt8 = [1, 4, 255].randomElement(using: &generator) ?? 255
            let message = (0..<count).map { _ in UInt8.random(in: 0...alphabet, using: &generator) }
            let compressed = deflater.deflate(message)
            #expect(try inflater.inflate(compressed, bytesMax: count) == message, "seed \(seed), \(count) bytes")
            #expect(compressed.suffix(4) != [0, 0, 0xFF, 0xFF] || count == 0)
        }
    }
}

@Suite("Context from one message to the next")
struct DeflateContextTests {
    @Test("RFC 7692 §7.2.3.2: the example that refers to the message before it needs an inflater that keeps it")
    func example() throws {
        let first: [UInt8] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]
        let second: [UInt8] = [0xf2, 0x00, 0x11, 0x00, 0x00]
        let inflater = Inflater(keepsContext: true)
        for compressed in [first, second, second, first, second] {
            #expect(try inflater.inflate(compressed, bytesMax: 5) == hello)
        }
        #expect(Deflater().deflate(hello, after: hello) == second)
    }

    @Test("RFC 7692 §7.2.3.4: a last block ends the message, not the context")
    func lastBlock() throws {
        let inflater = Inflater(keepsContext: true)
        let withFinalBit: [UInt8] = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]
        #expect(try inflater.inflate(withFinalBit, bytesMax: 5) == hello)
        #expect(try inflater.inflate([0xf2, 0x00, 0x11, 0x00, 0x00], bytesMax: 5) == hello)
    }

    @Test("a message after any other inflates where that was inflated last, also one that is longer than the window")
    func chain() throws {
        let seed: UInt64 = 11
        var random = SeededGenerator(state: seed)
        let deflater = Deflater()
        let inflater = Inflater(keepsContext: true)
        var previous: [UInt8]?
        for count in [650, 640, 0, 1, 650, 40_960, 650, 40_960, 32_768, 32_506, 70_000, 3, 0, 0, 650] {
            // Words repeat, within a message and from one to the next.
            let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 % 97 + Int(random.next() % 3)) }
            let byItself = deflater.deflate(message)
            let compressed = previous.map { deflater.deflate(message, after: $0) } ?? byItself
            #expect(try inflater.inflate(compressed, bytesMax: count) == message, "seed \(seed), \(count) bytes")
            #expect(try Inflater().inflate(byItself, bytesMax: count) == message)
            // One by itself refers to nothing, so that it may come at any time.
            if count % 2 == 0 { #expect(try inflater.inflate(byItself, bytesMax: count) == message) }
            previous = message
        }
    }

    @Test("what one message was told after leaves nothing to the next")
    func leavesNothing() {
        let deflater = Deflater()
        let alone = deflater.deflate(hello)
        _ = deflater.deflate(hello, after: [UInt8](repeating: 7, count: 40_000))
        #expect(deflater.deflate(hello) == alone)
        #expect(deflater.deflate(hello, after: []) == alone)
    }
}
