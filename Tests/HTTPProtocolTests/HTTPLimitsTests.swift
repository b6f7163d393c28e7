import Corpora
import HTTPProtocol
import Testing

@Suite struct HTTPLimitsTests {
    private static let host = "Host: h\r\n"

    @Test("RFC 9112 §3: a target at the limit passes, one byte more is 414")
    func target() {
        var limits = HTTPLimits()
        limits.targetBytesMax = 100
        for (count, status) in [(100, nil), (101, 414), (5000, 414)] as [(Int, Int?)] {
            let target = "/" + String(repeating: "a", count: count - 1)
            let expected = status.map { "error \($0)" } ?? "GET \(target) HTTP/1.1 keep-alive []"
            expectSame(octets("GET \(target) HTTP/1.1\r\n\(Self.host)\r\n"), [expected], limits: limits)
        }
        expectSame(octets("GET /" + String(repeating: "a", count: 100)), ["error 414"], limits: limits)
    }

    @Test("RFC 6585 §5: a header section at the limit passes, one byte more is 431")
    func headerSection() {
        var limits = HTTPLimits()
        limits.headerBytesMax = 200
        for (extra, expected) in [(0, "GET / HTTP/1.1 keep-alive []"), (1, "error 431"), (900, "error 431")] {
            let fixed = Self.host.utf8.count + "A: \r\n\r\n".utf8.count
            let fill = String(repeating: "v", count: 200 - fixed + extra)
            expectSame(octets("GET / HTTP/1.1\r\n\(Self.host)A: \(fill)\r\n\r\n"), [expected], limits: limits)
        }
        expectSame(octets("GET / HTTP/1.1\r\n" + String(repeating: "n", count: 200)), ["error 431"], limits: limits)
    }

    @Test("RFC 6585 §5: 100 field lines pass, 101 are 431")
    func fieldCount() {
        for (count, expected) in [(100, "GET / HTTP/1.1 keep-alive []"), (101, "error 431")] {
            let lines = Self.host + String(repeating: "A: b\r\n", count: count - 1)
            expectSame(octets("GET / HTTP/1.1\r\n\(lines)\r\n"), [expected])
        }
    }

    @Test("RFC 9110 §15.5.14: content at the limit passes, one byte more is 413 before any of it is there")
    func content() {
        let head = "POST / HTTP/1.1\r\n\(Self.host)"
        let full = head + "Content-Length: 8\r\n\r\n12345678"
        expectSame(octets(full), ["POST / HTTP/1.1 keep-alive [12345678]"], bodyBytesMax: 8)
        expectSame(octets(head + "Content-Length: 9\r\n\r\n"), ["error 413"], bodyBytesMax: 8)
        let chunked = head + "Transfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n"
        expectSame(
            octets(chunked + "4\r\n5678\r\n0\r\n\r\n"), ["POST / HTTP/1.1 keep-alive [12345678]"], bodyBytesMax: 8)
        expectSame(octets(chunked + "5\r\n"), ["error 413"], bodyBytesMax: 8)
    }

    @Test("RFC 9112 §7.1.1: chunk extensions are bounded over the whole body")
    func chunkExtensions() {
        var limits = HTTPLimits()
        limits.chunkExtensionBytesMax = 8
        let head = "POST / HTTP/1.1\r\n\(Self.host)Transfer-Encoding: chunked\r\n\r\n1;a=1\r\nx\r\n"
        expectSame(octets(head + "0;a=1\r\n\r\n"), ["POST / HTTP/1.1 keep-alive [x]"], limits: limits)
        expectSame(octets(head + "1;a=12"), ["error 400"], limits: limits)
    }

    @Test("RFC 9112 §7.1.2: trailers are bounded")
    func trailers() {
        var limits = HTTPLimits()
        limits.trailerBytesMax = 10
        let head = "POST / HTTP/1.1\r\n\(Self.host)Transfer-Encoding: chunked\r\n\r\n0\r\n"
        expectSame(octets(head + "A: 123\r\n\r\n"), ["POST / HTTP/1.1 keep-alive []"], limits: limits)
        expectSame(octets(head + "A: 1234\r\n\r\n"), ["error 431"], limits: limits)
    }

    @Test("The content bound is asked for per request, with its head")
    func perRequestBound() throws {
        var decoder = HTTPRequestDecoder { $0.hasPath("/large") ? 10 : 2 }
        decoder.append(octets("POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc").span)
        guard case .request(let request) = try decoder.next() else {
            Issue.record("no request")
            return
        }
        #expect(request.body == octets("abc"))
        decoder.append(octets("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n").span)
        #expect(throws: HTTPRequestError.message(.bodyTooLarge(bytesMax: 2))) { _ = try decoder.next() }
    }
}
