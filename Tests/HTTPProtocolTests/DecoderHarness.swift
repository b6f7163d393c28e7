import Corpora
import HTTPProtocol
import TestSupport
import Testing

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

func expectSame(
    _ input: [UInt8], _ expected: [String], limits: HTTPLimits = HTTPLimits(), bodyBytesMax: Int = 64 * 1024,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    for cutting in Cutting.all(seed: TestSeed.value) {
        let lines = transcript(input, cutting, limits: limits, bodyBytesMax: bodyBytesMax)
        #expect(lines == expected, "\(cutting)", sourceLocation: sourceLocation)
    }
}
