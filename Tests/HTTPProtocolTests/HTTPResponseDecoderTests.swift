import Corpora
import HTTPProtocol
import TestSupport
import Testing

@Suite struct HTTPResponseDecoderTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var method = HTTPMethod.get
        let input: String
        var closes = false
        let expected: [String]
    }

    static let cases: [Case] = [
        Case(testDescription: "length", input: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", expected: ["200 hi"]),
        Case(testDescription: "no reason", input: "HTTP/1.1 204\r\n\r\n", expected: ["204 "]),
        Case(
            testDescription: "two",
            input: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx",
            expected: ["404 ", "200 x"]),
        Case(
            testDescription: "chunked",
            input: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;a\r\n!\r\n0\r\nT: v\r\n\r\n",
            expected: ["200 hi!"]),
        Case(
            testDescription: "HEAD", method: .head, input: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            expected: ["200 "]),
        Case(
            testDescription: "304", input: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", expected: ["304 "]),
        Case(
            testDescription: "interim",
            input: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
            expected: ["201 "]),
        Case(
            testDescription: "until close", input: "HTTP/1.0 200 OK\r\n\r\nhello", closes: true, expected: ["200 hello"]
        ),
        Case(testDescription: "closed between", input: "", closes: true, expected: []),
        Case(testDescription: "cut head", input: "HTTP/1.1 200 OK\r\nA", closes: true, expected: ["truncated"]),
        Case(
            testDescription: "cut body", input: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", closes: true,
            expected: ["truncated"]),
        Case(
            testDescription: "cut chunk", input: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi",
            closes: true,
            expected: ["truncated"]),
        Case(
            testDescription: "too large", input: "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
            expected: ["malformed"]),
        Case(
            testDescription: "both lengths",
            input: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            expected: ["malformed"]),
        Case(testDescription: "HTTP/2", input: "HTTP/2 200\r\n\r\n", expected: ["malformed"]),
        Case(testDescription: "short code", input: "HTTP/1.1 20\r\n\r\n", expected: ["malformed"]),
        Case(testDescription: "code 600", input: "HTTP/1.1 600 X\r\n\r\n", expected: ["malformed"]),
        Case(testDescription: "bare LF", input: "HTTP/1.1 200 OK\n\n", expected: ["malformed"]),
        Case(
            testDescription: "endless interim", input: String(repeating: "HTTP/1.1 100 C\r\n\r\n", count: 9),
            expected: ["malformed"]),
    ]

    private func transcript(_ testCase: Case, _ cutting: Cutting) -> [String] {
        var decoder = HTTPResponseDecoder(bodyBytesMax: 100)
        decoder.sentRequest(testCase.method)
        var lines: [String] = []
        func drain() throws(HTTPResponseError) {
            while let response = try decoder.nextResponse() {
                lines.append("\(response.status.rawValue) \(String(decoding: response.body, as: UTF8.self))")
            }
        }
        do {
            for piece in cutting.pieces(of: octets(testCase.input)) {
                decoder.append(piece.span)
                try drain()
            }
            if testCase.closes {
                try decoder.finish()
                try drain()
            }
        } catch {
            lines.append(error == .truncated ? "truncated" : "malformed")
        }
        return lines
    }

    @Test("RFC 9112 §6.3: responses of every framing, in any splits", arguments: cases)
    func responses(_ testCase: Case) {
        for cutting in Cutting.all(seed: TestSeed.value) {
            #expect(transcript(testCase, cutting) == testCase.expected, "\(cutting)")
        }
    }

    @Test("Content of a stream is delivered as it arrives")
    func incremental() throws {
        var decoder = HTTPResponseDecoder(bodyBytesMax: Int.max)
        decoder.append(octets("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").span)
        guard case .head(let head) = try decoder.next() else {
            Issue.record("no head")
            return
        }
        #expect(head.keepAlive)
        for text in ["id: 1", "id: 2"] {
            decoder.append(octets("5\r\n\(text)\r\n").span)
            guard case .body(let bytes) = try decoder.next() else {
                Issue.record("no content")
                return
            }
            #expect(bytes == octets(text))
        }
    }

    @Test("RFC 9110 §15.2.2: what follows 101 is handed over")
    func upgrade() throws {
        var decoder = HTTPResponseDecoder(bodyBytesMax: 0)
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        decoder.append((octets(head) + [0x81, 0x00]).span)
        let response = try decoder.nextResponse()
        #expect(response?.status == .switchingProtocols)
        #expect(response?.headers.first("upgrade") == "websocket")
        #expect(decoder.takeRemainder() == [0x81, 0x00])
    }

    @Test("What the request encoder writes, the request decoder reads")
    func roundTrip() {
        var output: [UInt8] = []
        let request = HTTPOutgoingRequest(
            method: .post, target: "/a?b", host: "h:1", headers: [("Accept", "*/*")], body: octets("hi"))
        request.encode(into: &output)
        expectSame(output, ["POST /a?b HTTP/1.1 keep-alive [hi]"])
    }
}
