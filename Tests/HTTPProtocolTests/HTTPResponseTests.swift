import Corpora
import HTTPProtocol
import Testing

@Suite struct HTTPResponseTests {
    private static let date = "Sun, 06 Nov 1994 08:49:37 GMT"
    private static let dateField = DateField(unixSeconds: 784_111_777)

    private func encoded(_ response: HTTPResponse, _ context: HTTPResponseContext) -> String {
        var output: [UInt8] = []
        response.encode(into: &output, context: context)
        return String(decoding: output, as: UTF8.self)
    }

    @Test("RFC 9112 §4: golden bytes of a response")
    func golden() {
        let response = HTTPResponse(
            status: .created, headers: [("Location", "/a"), ("content-length", "9"), ("Date", "x")],
            body: octets("hello"))
        let lines = "Location: /a\r\nContent-Length: 5\r\n\r\n"
        #expect(
            encoded(response, .init(date: Self.dateField))
                == "HTTP/1.1 201 Created\r\nDate: \(Self.date)\r\n\(lines)hello")
        #expect(
            encoded(response, .init(isHead: true, date: Self.dateField))
                == "HTTP/1.1 201 Created\r\nDate: \(Self.date)\r\n\(lines)")
        #expect(
            encoded(response, .init(keepAlive: false, date: .none))
                == "HTTP/1.1 201 Created\r\nConnection: close\r\n\(lines)hello")
        #expect(
            encoded(response, .init(version: .http10, date: .none))
                == "HTTP/1.1 201 Created\r\nConnection: keep-alive\r\n\(lines)hello")
    }

    @Test("a response written in place is the same bytes", arguments: [false, true], [false, true])
    func inPlace(isHead: Bool, keepAlive: Bool) {
        let response = HTTPResponse(
            status: .created, headers: [("Content-Type", "text/plain"), ("Location", "/a/b c?d")],
            body: octets("hello"))
        let context = HTTPResponseContext(isHead: isHead, keepAlive: keepAlive, date: Self.dateField)
        var output = octets("before")
        HTTPResponse.encode(.created, into: &output, context: context, contentByteCount: 5) { head in
            HTTPResponse.appendField("Content-Type", "text/plain", to: &head)
            HTTPResponse.appendField("Location", "/a/", "b\nc", "?d", to: &head)
        } content: {
            $0 += octets("hello")
        }
        #expect(String(decoding: output, as: UTF8.self) == "before" + encoded(response, context))
    }

    @Test("RFC 9110 §8.6: no Content-Length and no content in 1xx, 204 and 304", arguments: [101, 204, 304])
    func withoutContent(_ code: Int) {
        let text = encoded(HTTPResponse(status: HTTPStatus(code), body: octets("x")), .init(date: .none))
        #expect(text == "HTTP/1.1 \(HTTPStatus(code))\r\n\r\n")
    }

    @Test("RFC 9110 §7.8: 101 carries the Connection field it was given and no Date")
    func switching() {
        let response = HTTPResponse(
            status: .switchingProtocols, headers: [("Connection", "Upgrade"), ("Upgrade", "websocket")])
        #expect(
            encoded(response, .init(date: Self.dateField))
                == "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    }

    @Test("RFC 9110 §7.8 and §15.5.22: an Upgrade field brings its connection option along")
    func upgradeRequired() {
        let response = HTTPResponse(status: .upgradeRequired, headers: [("upgrade", "websocket")])
        let fields = "upgrade: websocket\r\nContent-Length: 0\r\n\r\n"
        let line = "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade"
        #expect(encoded(response, .init(date: .none)) == "\(line)\r\n\(fields)")
        #expect(encoded(response, .init(keepAlive: false, date: .none)) == "\(line), close\r\n\(fields)")
        #expect(encoded(response, .init(version: .http10, date: .none)) == "\(line), keep-alive\r\n\(fields)")
    }

    @Test("RFC 9110 §8.6: the answer to HEAD tells no length where GET is answered by a stream")
    func headOfStream() {
        var response = HTTPResponse(status: .ok, headers: [("Content-Type", "text/event-stream")])
        response.hasKnownLength = false
        #expect(
            encoded(response, .init(isHead: true, date: .none))
                == "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    }

    @Test("RFC 9112 §11.1: a value cannot start another line")
    func splitting() {
        let response = HTTPResponse(status: .noContent, headers: [("A", "b\r\nSet-Cookie: c\0")])
        #expect(encoded(response, .init(date: .none)) == "HTTP/1.1 204 No Content\r\nA: b  Set-Cookie: c \r\n\r\n")
    }

    @Test("RFC 9112 §7.1: streams are chunked in 1.1 and end with the connection in 1.0")
    func streaming() {
        let response = HTTPResponse(status: .ok, headers: [("Content-Type", "text/event-stream")])
        var output: [UInt8] = []
        #expect(response.encodeStreamingHead(into: &output, context: .init(date: .none)) == .chunked)
        HTTPChunk.append(octets("hello world, 17 b"), to: &output)
        HTTPChunk.append([], to: &output)
        output += HTTPChunk.last
        #expect(
            String(decoding: output, as: UTF8.self)
                == "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "11\r\nhello world, 17 b\r\n0\r\n\r\n")
        output = []
        let old = HTTPResponseContext(version: .http10, date: .none)
        #expect(response.encodeStreamingHead(into: &output, context: old) == .untilClose)
        #expect(
            String(decoding: output, as: UTF8.self)
                == "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n")
    }

    @Test(
        "Chunk sizes are lower-case hexadecimal without leading zeros",
        arguments: [1, 15, 16, 255, 256, 65_536, Int.max])
    func chunkSize(_ count: Int) {
        var output: [UInt8] = []
        HTTPChunk.appendHeader(byteCount: count, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == String(count, radix: 16) + "\r\n")
    }

    @Test(
        "RFC 9110 §5.6.7: IMF-fixdate",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"), (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"), (Int64.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (Int64.min, "Sat, 01 Jan 0000 00:00:00 GMT"),
        ] as [(Int64, String)])
    func date(_ seconds: Int64, _ text: String) {
        #expect(HTTPDate.format(unixSeconds: seconds) == text)
    }

    @Test("Every refusal has a sentence and an error status")
    func errors() {
        let errors: [HTTPRequestError] = [
            .malformedRequestLine, .unknownMethod, .malformedTarget, .targetTooLong(bytesMax: 1),
            .malformedPathEncoding, .controlCharacterInPath, .dotSegmentInPath, .malformedVersion,
            .unsupportedVersion, .missingHost, .repeatedHost, .malformedHost, .transferEncodingInHTTP10,
            .unknownExpectation, .message(.bareLineFeed), .message(.bodyTooLarge(bytesMax: 1)),
        ]
        for error in errors {
            #expect(error.status.rawValue >= 400)
            #expect(error.status.reasonPhrase != "Unknown")
            #expect(error.detail.hasSuffix("."))
        }
    }
}
