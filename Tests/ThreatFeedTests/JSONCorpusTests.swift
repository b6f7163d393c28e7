import Corpora
import TestSupport
import Testing
import ThreatFeed

@Suite("The corpus of JSON texts")
struct JSONCorpusTests {
    @Test("RFC 8259: each text is accepted, or refused at its offset", arguments: JSONCorpus.all)
    func decides(_ sample: JSONCase) {
        let error = scanError(sample.text)
        #expect(error?.offset == sample.refusedAt, "\(sample): \(error?.description ?? "accepted")")
    }

    @Test("the names of the corpus are different, and the sets hold what they say")
    func isConsistent() {
        #expect(Set(JSONCorpus.all.map(\.name)).count == JSONCorpus.all.count)
        for sample in JSONCorpus.accepted + JSONCorpus.acceptedByChoice { #expect(sample.refusedAt == nil) }
        for sample in JSONCorpus.refused + JSONCorpus.refusedEncodings + JSONCorpus.refusedByChoice {
            #expect(sample.refusedAt.map { $0 <= sample.text.count } == true)
        }
    }

    @Test("a text is decided alike within a larger buffer, whatever stands around it")
    func ignoresSurroundings() {
        let surroundings: [[UInt8]] = [[], Array("\"".utf8), Array("]}".utf8), [0, 0], [0xC3], Array("\\".utf8)]
        var scanner = JSONScanner()
        for sample in JSONCorpus.all {
            for (before, after) in zip(surroundings, surroundings.reversed()) {
                let bytes = before + sample.text + after
                var offset: Int?
                do {
                    try scanner.scan(bytes.span, in: before.count..<before.count + sample.text.count)
                } catch {
                    offset = error.offset
                }
                #expect(offset == sample.refusedAt, "\(sample)")
            }
        }
    }

    @Test("a scanner decides alike after any other text")
    func forgetsEarlierTexts() {
        let seed = TestSeed.value
        print("JSON order seed \(seed)")
        var random = SeededGenerator(state: seed)
        var scanner = JSONScanner()
        for _ in 0..<10 {
            for sample in JSONCorpus.all.shuffled(using: &random) {
                var offset: Int?
                do { try scanner.scan(sample.text.span) } catch { offset = error.offset }
                #expect(offset == sample.refusedAt, "seed \(seed): \(sample)")
                #expect(scanner.nodes.isEmpty == (offset != nil), "seed \(seed): \(sample)")
            }
        }
    }

    @Test("every cut of an accepted text is refused within it, or accepted")
    func survivesCuts() {
        for sample in JSONCorpus.accepted where sample.text.count < 2_000 {
            for end in 0..<sample.text.count {
                guard let error = scanError(Array(sample.text[..<end])) else { continue }
                #expect(error.offset >= 0 && error.offset <= end, "\(sample)")
            }
        }
    }

    @Test("a byte put into or taken from a text never traps, and what is then accepted is accepted twice")
    func survivesMutations() {
        let seed = TestSeed.value
        print("JSON corpus mutation seed \(seed)")
        var random = SplitMix(seed: seed)
        let interesting = octets("\0\t\n \"\\,:{}[]-+.0123456789eEtfnu/'\u{7F}\u{80}\u{BF}\u{C3}\u{ED}\u{F4}\u{FF}")
        for sample in JSONCorpus.all where sample.text.count < 2_000 {
            for _ in 0..<40 {
                var text = sample.text
                let position = Int.random(in: 0...text.count, using: &random)
                if Bool.random(using: &random), position < text.count {
                    text.remove(at: position)
                } else {
                    text.insert(interesting.randomElement(using: &random) ?? 0, at: position)
                }
                let error = scanError(text)
                #expect((error?.offset ?? 0) <= text.count, "seed \(seed): \(sample)")
                // What stands in an array alone is decided as it is by itself, but for what begins or ends a text.
                if error == nil, scanError([0x5B] + text + [0x5D])?.reason != nil {
                    #expect(scanError([0x5B] + text + [0x5D])?.reason == .depthExceeded, "seed \(seed): \(sample)")
                }
            }
        }
    }

    @Test("an accepted text comes back as sent within a threat, but for insignificant whitespace")
    func keepsTexts() throws {
        var parser = ThreatParser()
        for sample in JSONCorpus.accepted + JSONCorpus.acceptedByChoice {
            let body = Array(#"{"threat_type":"a","x":"#.utf8) + sample.text + Array("}".utf8)
            if case .failure(let error) = Result(catching: { try parser.parse(body, receipt: receipt()) }) {
                // One level is the threat's own.
                #expect(sample.name.hasPrefix("nesting of 32"), "\(sample): \(error)")
                continue
            }
            let tail = try parser.parse(body, receipt: receipt()).tail
            let kept = Array(#""threat_type":"a","x":"#.utf8) + sample.compacted + Array(#","id":"made-id""#.utf8)
            #expect(tail.starts(with: kept), "\(sample): \(text(tail))")
        }
    }
}
