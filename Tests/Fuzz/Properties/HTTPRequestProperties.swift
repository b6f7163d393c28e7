import Corpora

@testable import HTTPProtocol

/// Requests as they come from a client, pipelined.
enum HTTPRequestProperties {
    private static let bodyBytesMax = 4_096
    /// Small, so that inputs of a few KiB reach every bound.
    private static let limits: HTTPLimits = {
        var limits = HTTPLimits()
        limits.targetBytesMax = 512
        limits.headerBytesMax = 2_048
        limits.fieldCountMax = 20
        limits.chunkExtensionBytesMax = 64
        limits.trailerBytesMax = 256
        return limits
    }()
    private static let configuration = HTTPRequestDecoder.Configuration(limits: limits) { _ in bodyBytesMax }

    static func check(_ input: [UInt8]) {
        let whole = Requests([input])
        for cutting in cuttings(of: input) {
            expectEqual(Requests(cutting.pieces(of: input)), whole, "\(cutting) gives what the whole gives")
        }
        let rewritten = whole.heard.flatMap { $0.rewritten() }
        let again = Requests([rewritten])
        expectEqual(again.error, nil, "what was accepted is accepted when written again")
        expectEqual(
            again.heard.map(\.meaning), whole.heard.map(\.meaning), "what was accepted means the same written again")
    }

    /// One request, as bytes: text would hide what is not UTF-8.
    struct Heard: Equatable {
        var method: HTTPMethod
        var target: String
        var path: String
        var isHTTP11: Bool
        var keepAlive: Bool
        var fields: [[[UInt8]]]
        var body: [UInt8]

        init(_ request: HTTPRequest) {
            method = request.method
            target = request.rawTarget
            path = request.path
            isHTTP11 = request.version == .http11
            keepAlive = request.keepAlive
            let bytes = request.headers.bytes
            fields = request.headers.fields.map { [Array(bytes[$0.name]), Array(bytes[$0.value])] }
            body = request.body
        }

        /// What must survive being written in another way: all but how the content was delimited.
        var meaning: Heard {
            var meaning = self
            meaning.fields.removeAll { field in
                ["content-length", "transfer-encoding"].contains(String(decoding: field[0], as: UTF8.self).lowercased())
            }
            return meaning
        }

        /// The request in the plainest form there is, with a Content-Length.
        func rewritten() -> [UInt8] {
            var text = octets("\(method.rawValue) \(target) HTTP/1.\(isHTTP11 ? 1 : 0)\r\n")
            for field in meaning.fields {
                text += field[0] + octets(": ") + field[1] + octets("\r\n")
            }
            if !body.isEmpty { text += octets("Content-Length: \(body.count)\r\n") }
            return text + octets("\r\n") + body
        }
    }

    /// What a client's bytes led to.
    private struct Requests: Equatable {
        var heard: [Heard] = []
        var expectations = 0
        var error: HTTPRequestError?
        var isIdle = true

        init(_ pieces: [[UInt8]]) {
            var decoder = HTTPRequestDecoder(configuration)
            do throws(HTTPRequestError) {
                for piece in pieces {
                    decoder.append(piece.span)
                    try drain(&decoder)
                }
                isIdle = decoder.isIdle
            } catch {
                self.error = error
                checkFailed(&decoder, error)
            }
        }

        private mutating func drain(_ decoder: inout HTTPRequestDecoder) throws(HTTPRequestError) {
            while let event = try decoder.next() {
                switch event {
                case .expectContinue:
                    expectations += 1
                    expect(decoder.pendingHead != nil, "who waits for 100 Continue has sent a head")
                case .request(let request):
                    check(request)
                    heard.append(Heard(request))
                }
            }
            let boundHead = limits.targetBytesMax + limits.methodBytesMax + limits.headerBytesMax + 64
            expect(
                decoder.bufferedBytes <= boundHead * 2 + bodyBytesMax + limits.trailerBytesMax,
                "what is held keeps to the limits")
        }

        private func checkFailed(_ decoder: inout HTTPRequestDecoder, _ error: HTTPRequestError) {
            expect((400...599).contains(error.status.rawValue), "a refusal is an error's status")
            expect(!error.detail.isEmpty, "a refusal says why")
            let more = octets("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            decoder.append(more.span)
            expectEqual(decoder.bufferedBytes, 0, "a failed decoder holds nothing and takes in nothing")
            do throws(HTTPRequestError) {
                let event = try decoder.next()
                fatalError("property broken: a failed decoder gave \(String(describing: event))")
            } catch let second {
                expectEqual(second, error, "a failed decoder throws the same again")
            }
        }

        private func check(_ request: HTTPRequest) {
            let path = request.path
            expect(path.utf8.first == UInt8(ascii: "/") || path == "*", "a path is absolute")
            expect(path.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a path has no control characters")
            let segments = path.split(separator: "/")
            expect(!segments.contains(".") && !segments.contains(".."), "a path has no dot segments")
            expect(request.hasPath(path), "a path is itself")
            expect(request.headers.count <= limits.fieldCountMax, "fields keep to their limit")
            expect(request.body.count <= bodyBytesMax, "a body keeps to its limit")
            let bytes = request.headers.bytes
            for field in request.headers.fields {
                expect(!field.name.isEmpty, "a field has a name")
                expect(bytes[field.name].allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a field name is a token")
                expect(
                    bytes[field.value].allSatisfy { ($0 >= 0x20 || $0 == 0x09) && $0 != 0x7F },
                    "a field value has no control characters")
            }
            let hosts = request.headers.all("Host").count
            expect(request.version == .http11 ? hosts == 1 : hosts <= 1, "HTTP/1.1 has one Host")
            let lengths = request.headers.all("Content-Length").count
            let codings = request.headers.all("Transfer-Encoding").count
            expect(lengths + min(1, codings) <= 1, "one thing alone tells the length")
            _ = try? request.query
            _ = request.authority
            _ = request.headers.values(ofList: "Connection")
        }
    }
}
