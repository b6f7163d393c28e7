import TestSupport
import Testing

@testable import WebSocketProtocol

/// Bytes that are no text, and how many of them it takes to know. 0: only the end shows it.
private let invalid: [(bytes: [UInt8], knownAfter: Int)] = [
    ([0x80], 1), ([0xBF], 1), ([0xC0, 0x80], 1), ([0xC1, 0xBF], 1),  // lone continuation, overlong ASCII
    ([0xE0, 0x80, 0x80], 2), ([0xE0, 0x9F, 0xBF], 2), ([0xF0, 0x8F, 0xBF, 0xBF], 2),  // overlong
    ([0xED, 0xA0, 0x80], 2), ([0xED, 0xBF, 0xBF], 2),  // surrogates
    ([0xF4, 0x90, 0x80, 0x80], 2), ([0xF5, 0x80, 0x80, 0x80], 1), ([0xFE], 1), ([0xFF], 1),  // beyond U+10FFFF
    ([0xC3, 0x28], 2), ([0xE2, 0x82, 0x28], 3), ([0xF0, 0x9F, 0x98, 0x28], 4), ([0xE2, 0xC3], 2),
    ([0xC3], 0), ([0xE2, 0x82], 0), ([0xF0, 0x9F, 0x98], 0), ([0xF4, 0x8F, 0xBF], 0),
    (Array("abcdefgh".utf8) + [0xFF], 9), (Array("abcdefghabcdefg".utf8) + [0xC3], 0),
]

private let valid: [[UInt8]] = [
    [], [0x00], [0x7F], [0xC2, 0x80], [0xDF, 0xBF], [0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF], [0xEE, 0x80, 0x80],
    [0xEF, 0xBF, 0xBF], [0xF0, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF],
    Array("κόσμε, 12345678 bytes of ASCII, then 😀 and ascii again".utf8),
]

@Suite struct UTF8ValidatorTests {
    @Test("RFC 3629 §4: text is valid whole and byte by byte", arguments: valid)
    func accepts(_ bytes: [UInt8]) {
        var whole = UTF8Validator()
        let isPossible = whole.validate(bytes.span)
        #expect(isPossible && whole.isComplete)
        var single = UTF8Validator()
        let arePossible = bytes.map { [$0] }.allSatisfy { single.validate($0.span) }
        #expect(arePossible && single.isComplete)
    }

    @Test("RFC 6455 §8.1: other bytes are refused at the first that cannot be", arguments: invalid)
    func refuses(_ bytes: [UInt8], knownAfter: Int) {
        var whole = UTF8Validator()
        let isPossible = whole.validate(bytes.span)
        #expect(!(isPossible && whole.isComplete))
        var single = UTF8Validator()
        var refusedAfter = 0
        for index in bytes.indices {
            let byte = [bytes[index]]
            guard !single.validate(byte.span) else { continue }
            refusedAfter = index + 1
            break
        }
        #expect(refusedAfter == knownAfter)
    }

    @Test("the verdict is the standard library's, for random mixes of valid and broken pieces")
    func agreesWithStandardLibrary() {
        let seed = TestSeed.value
        var generator = SeededGenerator(seed: seed)
        let pieces = valid + invalid.map(\.bytes) + [Array("a long run of plain ASCII text".utf8)]
        for _ in 0..<3000 {
            let count = Int.random(in: 1...6, using: &generator)
            let bytes = (0..<count).flatMap { _ in pieces.randomElement(using: &generator) ?? [] }
            var validator = UTF8Validator()
            let isPossible = bytes.splitRandomly(&generator).allSatisfy { validator.validate($0.span) }
            let isText = String(validating: bytes, as: UTF8.self) != nil
            #expect((isPossible && validator.isComplete) == isText, "seed \(seed), bytes \(bytes)")
        }
    }
}
