import Corpora

@testable import HTTPProtocol

/// Responses as they come from a server. The first byte tells which requests they answer.
enum HTTPResponseProperties {
    private static let bodyBytesMax = 2_048
    private static let limits: HTTPLimits = {
        var limits = HTTPLimits()
        limits.headerBytesMax = 1_024
        limits.fieldCountMax = 20
        limits.chunkExtensionBytesMax = 64
        limits.trailerBytesMax = 256
        limits.reasonBytesMax = 64
        return limits
    }()

    static func check(_ input: [UInt8]) {
        guard let options = input.first else { return }
        let wire = Array(input.dropFirst())
        let methods: [HTTPMethod] = (0..<4).map { options >> $0 & 1 == 0 ? .get : .head }
        let whole = Responses([wire], methods)
        for cutting in cuttings(of: input) {
            expectEqual(Responses(cutting.pieces(of: wire), methods), whole, "\(cutting) gives what the whole gives")
        }
        checkGathered(wire, methods, whole)
    }

    /// The same responses with their content in one piece.
    private static func checkGathered(_ wire: [UInt8], _ methods: [HTTPMethod], _ whole: Responses) {
        var decoder = decoder(methods)
        decoder.append(wire.span)
        var count = 0
        do throws(HTTPResponseError) {
            for _ in 0..<2 {
                while let response = try decoder.nextResponse() {
                    expect(count < whole.heard.count, "no response comes from nowhere")
                    expectEqual(response.body, whole.heard[count].body, "content in one piece is the pieces together")
                    count += 1
                }
                try decoder.finish()
            }
        } catch {
            expectEqual(error, whole.error, "both ways of reading fail alike")
        }
        expectEqual(count, whole.heard.count { $0.isComplete }, "both ways of reading find as many responses")
    }

    private static func decoder(_ methods: [HTTPMethod]) -> HTTPResponseDecoder {
        var decoder = HTTPResponseDecoder(limits: limits, bodyBytesMax: bodyBytesMax)
        for method in methods { decoder.sentRequest(method) }
        return decoder
    }

    private struct Heard: Equatable {
        var status: Int
        var keepAlive: Bool
        var fields: [[[UInt8]]]
        var body: [UInt8] = []
        var isComplete = false

        init(_ head: HTTPResponseHead) {
            status = head.status.rawValue
            keepAlive = head.keepAlive
            let bytes = head.headers.bytes
            fields = head.headers.fields.map { [Array(bytes[$0.name]), Array(bytes[$0.value])] }
        }
    }

    /// What a server's bytes, and then its closing, led to.
    private struct Responses: Equatable {
        var heard: [Heard] = []
        var error: HTTPResponseError?
        var remainder: [UInt8] = []

        init(_ pieces: [[UInt8]], _ methods: [HTTPMethod]) {
            var decoder = decoder(methods)
            do throws(HTTPResponseError) {
                for piece in pieces {
                    decoder.append(piece.span)
                    try drain(&decoder)
                }
                try decoder.finish()
                try drain(&decoder)
                remainder = decoder.takeRemainder()
                expect(remainder.isEmpty || heard.last?.status == 101, "only after 101 another protocol follows")
            } catch {
                self.error = error
                checkFailed(&decoder, error)
                // How much of a response is heard before it fails depends on where it was cut.
                if heard.last?.isComplete == false { heard[heard.count - 1].body = [] }
            }
        }

        private mutating func drain(_ decoder: inout HTTPResponseDecoder) throws(HTTPResponseError) {
            while let event = try decoder.next() {
                switch event {
                case .head(let head):
                    expect(heard.last?.isComplete ?? true, "a response begins when the one before is complete")
                    expect((100...599).contains(head.status.rawValue), "a status is 100 to 599")
                    expect(head.headers.count <= limits.fieldCountMax, "fields keep to their limit")
                    heard.append(Heard(head))
                case .body(let bytes):
                    expect(!bytes.isEmpty && !heard.isEmpty, "a piece of content belongs to a response")
                    heard[heard.count - 1].body += bytes
                    expect(heard[heard.count - 1].body.count <= bodyBytesMax, "content keeps to its limit")
                case .end: heard[heard.count - 1].isComplete = true
                }
            }
        }

        private func checkFailed(_ decoder: inout HTTPResponseDecoder, _ error: HTTPResponseError) {
            expect(!error.detail.isEmpty, "a refusal says why")
            let more = octets("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            decoder.append(more.span)
            do throws(HTTPResponseError) {
                let event = try decoder.next()
                fatalError("property broken: a failed decoder gave \(String(describing: event))")
            } catch let second {
                expectEqual(second, error, "a failed decoder throws the same again")
            }
            expect(decoder.takeRemainder().isEmpty, "a failed decoder holds nothing")
        }
    }
}
