import HTTPProtocol
import Testing

/// Cuts an input in different ways; every table must give the same result for all of them.
enum Cutting: CustomStringConvertible {
    case whole
    case bytes
    case random(seed: UInt64)

    var description: String {
        switch self {
        case .whole: "whole"
        case .bytes: "byte by byte"
        case .random(let seed): "random splits, seed \(seed)"
        }
    }

    static func all() -> [Cutting] {
        [.whole, .bytes] + (0..<4).map { _ in .random(seed: UInt64.random(in: 0...UInt64.max)) }
    }

    func pieces(of input: [UInt8]) -> [[UInt8]] {
        switch self {
        case .whole: return [input]
        case .bytes: return input.map { [$0] }
        case .random(let seed):
            var generator = SplitMix(state: seed)
            var pieces: [[UInt8]] = []
            var rest = input[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...max(1, min(rest.count, 40)), using: &generator)
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            return pieces
        }
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// One line per event: `POST /path HTTP/1.1 keep-alive [body]`, `100`, `error 400 …`, `pending` for an unfinished end.
func transcript(
    _ input: [UInt8], _ cutting: Cutting, limits: HTTPLimits = HTTPLimits(), bodyBytesMax: Int = 64 * 1024
) -> [String] {
    var decoder = HTTPRequestDecoder(limits: limits) { _ in bodyBytesMax }
    var lines: [String] = []
    do {
        for piece in cutting.pieces(of: input) {
            decoder.append(piece.span)
            while let event = try decoder.next() {
                switch event {
                case .expectContinue: lines.append("100")
                case .request(let request): lines.append(summary(request))
                }
            }
        }
        if !decoder.isIdle { lines.append("pending") }
    } catch {
        #expect(throws: HTTPRequestError.self) { try decoder.next() }
        #expect(decoder.bufferedBytes == 0)
        lines.append("error \(error.status.rawValue)")
    }
    return lines
}

func summary(_ request: HTTPRequest) -> String {
    let body = String(decoding: request.body, as: UTF8.self)
    return "\(request.method) \(request.rawTarget) \(request.version.rawValue) "
        + "\(request.keepAlive ? "keep-alive" : "close") [\(body)]"
}

/// A request as text; `\u{80}` and above stand for single octets.
func octets(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }

struct DecoderCase: Sendable, CustomTestStringConvertible {
    let name: String
    let input: String
    let expected: [String]

    init(_ name: String, _ input: String, _ expected: String...) {
        self.name = name
        self.input = input
        self.expected = expected
    }

    var testDescription: String { name }
}

func expectSame(
    _ input: [UInt8], _ expected: [String], limits: HTTPLimits = HTTPLimits(), bodyBytesMax: Int = 64 * 1024,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    for cutting in Cutting.all() {
        let lines = transcript(input, cutting, limits: limits, bodyBytesMax: bodyBytesMax)
        #expect(lines == expected, "\(cutting)", sourceLocation: sourceLocation)
    }
}
