import Corpora
import HTTPProtocol
import Testing

@Suite struct HTTPRequestDecoderTests {
    @Test("RFC 9112 §11.2: no message is open to two readings", arguments: SmugglingCorpus.all.flatMap(\.1))
    func smuggling(_ testCase: DecoderCase) {
        expectSame(octets(testCase.input), testCase.expected)
    }

    static let requestLines: [DecoderCase] = [
        .init("origin form", "GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a?b=c HTTP/1.1 keep-alive []"),
        .init(
            "absolute form", "GET http://h:80/a HTTP/1.1\r\nHost: i\r\n\r\n",
            "GET http://h:80/a HTTP/1.1 keep-alive []"),
        .init(
            "absolute form without path", "GET HTTPS://h?q HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET HTTPS://h?q HTTP/1.1 keep-alive []"),
        .init("asterisk form", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * HTTP/1.1 keep-alive []"),
        .init("asterisk form with GET", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("other scheme", "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("absolute form with user", "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("absolute form without host", "GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("relative path", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("fragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("fragment in query", "GET /a?b#c HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("space in target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("tab separates", "GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("leading space", " GET / HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("no version", "GET /\r\n\r\n", "error 400"),
        .init("NUL in target", "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("obs-text in target", "GET /\u{E4} HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("encoded NUL", "GET /a%00 HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("bad escape", "GET /a%zz HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("cut escape", "GET /a%2 HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("escape is not UTF-8", "GET /%C0%AF HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("traversal", "GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("traversal at the end", "GET /a/.. HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("encoded traversal", "GET /%2e%2E/b HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("encoded slash traversal", "GET /a%2f..%2fb HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("single dot", "GET /./a HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("dots in names", "GET /..a/b../.c HTTP/1.1\r\nHost: h\r\n\r\n", "GET /..a/b../.c HTTP/1.1 keep-alive []"),
        .init("dots in query", "GET /a?/../ HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a?/../ HTTP/1.1 keep-alive []"),
        .init("unknown method", "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", "error 501"),
        .init("lower-case method", "get / HTTP/1.1\r\nHost: h\r\n\r\n", "error 501"),
        .init("CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", "error 501"),
        .init("very long method", String(repeating: "A", count: 40), "error 501"),
        .init("method with slash", "GE/T / HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("TLS hello", "\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}", "error 400"),
        .init("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "error 505"),
        .init("HTTP/2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "error 505"),
        .init("HTTP/0.9", "GET / HTTP/0.9\r\nHost: h\r\n\r\n", "error 505"),
        .init("HTTP/1.2 counts as 1.1", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", "GET / HTTP/1.1 keep-alive []"),
        .init("HTTP/1.10", "GET / HTTP/1.10\r\nHost: h\r\n\r\n", "error 400"),
        .init("lower-case version", "GET / http/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("space after version", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "error 400"),
        .init("bare CR after version", "GET / HTTP/1.1\rHost: h\r\r", "error 400"),
        .init("empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1 keep-alive []"),
        .init("too many empty lines", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("LF first", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "error 400"),
        .init("unfinished", "GET / HTTP/1.1\r\nHost: h\r\n", "pending"),
    ]

    @Test("RFC 9112 §3: request lines", arguments: requestLines)
    func requestLine(_ testCase: DecoderCase) {
        expectSame(octets(testCase.input), testCase.expected)
    }

    static let persistence: [DecoderCase] = [
        .init("1.1", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1 keep-alive []"),
        .init("1.1 close", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", "GET / HTTP/1.1 close []"),
        .init(
            "1.1 close in list", "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive , close\r\n\r\n",
            "GET / HTTP/1.1 close []"),
        .init(
            "1.1 close in second line", "GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.1 close []"),
        .init(
            "1.1 closed is not close", "GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n",
            "GET / HTTP/1.1 keep-alive []"),
        .init("1.0", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0 close []"),
        .init("1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / HTTP/1.0 keep-alive []"),
        .init("1.0 both", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "GET / HTTP/1.0 close []"),
    ]

    @Test("RFC 9112 §9.3: persistence of 1.1 and 1.0", arguments: persistence)
    func keepAlive(_ testCase: DecoderCase) {
        expectSame(octets(testCase.input), testCase.expected)
    }

    static let expectations: [DecoderCase] = [
        .init(
            "100-continue", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\nhi",
            "100", "POST / HTTP/1.1 keep-alive [hi]"),
        .init(
            "chunked",
            "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "100", "POST / HTTP/1.1 keep-alive []"),
        .init(
            "without content", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
            "POST / HTTP/1.1 keep-alive []"),
        .init(
            "1.0 ignores it", "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
            "POST / HTTP/1.0 close [hi]"),
        .init("another", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\nContent-Length: 2\r\n\r\nhi", "error 417"),
        .init(
            "too large", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 65537\r\n\r\n",
            "error 413"),
    ]

    @Test("RFC 9110 §10.1.1: expectations", arguments: expectations)
    func expectation(_ testCase: DecoderCase) {
        expectSame(octets(testCase.input), testCase.expected)
    }

    @Test("RFC 9112 §9.3.2: pipelined requests come out in order with their own content")
    func pipeline() {
        var input = ""
        var expected: [String] = []
        for index in 0..<60 {
            let body = String(repeating: "b", count: index)
            switch index % 3 {
            case 0:
                input += "GET /\(index) HTTP/1.1\r\nHost: h\r\n\r\n"
                expected.append("GET /\(index) HTTP/1.1 keep-alive []")
            case 1:
                input += "POST /\(index) HTTP/1.1\r\nHost: h\r\nContent-Length: \(index)\r\n\r\n\(body)"
                expected.append("POST /\(index) HTTP/1.1 keep-alive [\(body)]")
            default:
                input += "PUT /\(index) HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                input += "\(String(index, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
                expected.append("PUT /\(index) HTTP/1.1 keep-alive [\(body)]")
            }
        }
        expectSame(octets(input), expected)
    }

    @Test("A request before a broken one is still delivered")
    func goodBeforeBad() {
        let input = "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost : h\r\n\r\n"
        expectSame(octets(input), ["GET /a HTTP/1.1 keep-alive []", "error 400"])
    }

    @Test("What follows an upgrade request is handed over untouched")
    func remainder() throws {
        let head = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
        var decoder = HTTPRequestDecoder { _ in 0 }
        decoder.append((octets(head) + [0x81, 0x80, 0, 0, 0, 0]).span)
        guard case .request(let request) = try decoder.next() else {
            Issue.record("no request")
            return
        }
        #expect(request.headers.contains("connection", member: "upgrade"))
        #expect(decoder.takeRemainder() == [0x81, 0x80, 0, 0, 0, 0])
        #expect(decoder.isIdle)
        #expect(decoder.bufferedBytes == 0)
    }

    @Test("The awaited request is visible while its content is outstanding")
    func pendingHead() throws {
        var decoder = HTTPRequestDecoder { _ in 10 }
        decoder.append(octets("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab").span)
        let early = try decoder.next()
        if early != nil { Issue.record("too early") }
        #expect(decoder.pendingHead?.path == "/a")
        #expect(!decoder.isIdle)
        #expect(decoder.bufferedBytes > 2)
        decoder.append(octets("cd").span)
        let late = try decoder.next()
        if late == nil { Issue.record("not complete") }
        #expect(decoder.pendingHead == nil)
        #expect(decoder.isIdle)
    }
}
