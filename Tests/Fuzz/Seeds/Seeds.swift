import Codecs
import Corpora
import WebSocketProtocol

/// Inputs with which the fuzzers begin: one for each road through the code that a mutation would hardly find.
enum Seeds {
    // MARK: WebSocket

    static var frames: [[UInt8]] {
        var wires = [
            frame(.text, "hello"), frame(.text, ""), frame(.binary, "\u{0}\u{FF}"), frame(.ping, "are you there"),
            frame(.pong, ""), frame(.close, ""), frame(.close, "\u{3}\u{E8}bye"), frame(.close, "\u{3}\u{ED}"),
            frame(.close, "\u{3}"), frame(.text, String(repeating: "a", count: 126)),
            frame(.text, String(repeating: "b", count: 301)), frame(.text, "\u{C3}\u{A9}\u{F0}\u{9F}\u{98}\u{80}"),
            frame(.text, "\u{C3}\u{28}"), frame(.text, "\u{F4}\u{90}"), frame(.text, "\u{ED}\u{A0}\u{80}"),
            frame(.text, "a\u{E2}", isFinal: false) + frame(.ping, "p") + frame(.continuation, "\u{82}\u{AC}"),
            frame(.text, "1", isFinal: false) + frame(.continuation, "2", isFinal: false) + frame(.continuation, "3"),
            frame(.continuation, "x"), frame(.text, "a", isFinal: false) + frame(.text, "b"),
        ]
        wires += [[0x81, 0x05], [0xC1, 0x80, 1, 2, 3, 4], [0x83, 0x80, 1, 2, 3, 4], [0x09, 0x80, 1, 2, 3, 4]]
        wires += [[0x81, 0xFE, 0, 5, 1, 2, 3, 4], [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4]]
        wires += [[0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], [0x89, 0xFE, 0, 126, 1, 2, 3, 4]]
        let unmasked: [[UInt8]] = [
            [0x81, 0x02, 0x68, 0x69], [0x88, 0x02, 0x0F, 0xA1], [0x01, 0x01, 0x61, 0x80, 0x01, 0x62],
        ]
        let cases = WebSocketCase.all.map(\.bytes)
        return each(wires, with: [0, 2, 4, 8]) + each(unmasked, with: [1]) + each(cases, with: [0])
    }

    static var messages: [[UInt8]] {
        let plain = [
            "", "a", "hello, hello, hello", String(repeating: "tocsin ", count: 120), #"{"type":"filter"}"#,
        ].map(octets)
        let deflater = Deflater()
        let deflated = plain.map { deflater.deflate($0.span) } + [bomb]
        // A block that is stored, one that is the last (RFC 7692 §7.2.3.4), and ones that are not DEFLATE.
        let blocks: [[UInt8]] = [
            [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
            [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], [0x07], [0xF2, 0x48], [0x00, 0x01, 0x00, 0x00, 0x00], [],
        ]
        let wires = deflated.map { frame(.text, $0, isCompressed: true) }
        let cases = WebSocketCase.all.filter(\.isDeflateNegotiated).map(\.bytes)
        return each(plain, with: [3, 7, 11]) + each(deflated + blocks, with: [1, 5, 9])
            + each(wires + cases, with: [0, 4])
    }

    /// Each input behind each byte of options.
    private static func each(_ inputs: [[UInt8]], with options: [UInt8]) -> [[UInt8]] {
        options.flatMap { option in inputs.map { [option] + $0 } }
    }

    /// Two hundred KiB of zeros in a few hundred bytes.
    private static var bomb: [UInt8] {
        let zeros = [UInt8](repeating: 0, count: 200 * 1024)
        return Deflater(level: 9).deflate(zeros.span)
    }

    static var handshakes: [[UInt8]] {
        let common = "GET HTTP/1.1\nUpgrade: websocket\nConnection: keep-alive, Upgrade\n"
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
        let good = common + key + "Sec-WebSocket-Version: 13\n"
        let offers = [
            "permessage-deflate", "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12, permessage-deflate",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; server_max_window_bits=\"15\"", "permessage-deflate; server_max_window_bits=08",
            "x-webkit-deflate-frame, permessage-deflate;unknown", "foo; bar=\"a\\b\", ,baz", "permessage-deflate; =",
            "\"",
        ]
        let refused = [
            "POST HTTP/1.1\n", "GET HTTP/1.0\n", "GET HTTP/1.1\n", common, common + key,
            common + key + "Sec-WebSocket-Version: 8\n", common + key + key + "Sec-WebSocket-Version: 13\n",
            common + "Sec-WebSocket-Key: c2hvcnQ=\nSec-WebSocket-Version: 13\n",
        ]
        let response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        let responses = [
            response + accept + "\r\n", response + accept + "Sec-WebSocket-Protocol: chat\r\n\r\n",
            response + accept + "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n",
            response + "\r\n", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 101 \r\nno colon\r\n\r\n",
        ]
        let offering = offers.map { "\(good)Sec-WebSocket-Extensions: \($0)\n" }
        let cases = WebSocketHandshakeCase.all.map { handshake in
            let lines = handshake.fields.map { "\($0.name): \($0.value)\n" }.joined()
            return "\(handshake.method) HTTP/\(handshake.version)\n\(lines)"
        }
        return (offering + [good] + refused + responses + cases).map(octets)
    }

    private static func frame(
        _ opcode: Opcode, _ payload: [UInt8], isFinal: Bool = true, isCompressed: Bool = false
    ) -> [UInt8] {
        var wire: [UInt8] = []
        let header = FrameHeader(
            opcode: opcode, payloadLength: payload.count, isFinal: isFinal, isCompressed: isCompressed,
            maskingKey: MaskingKey(1, 2, 3, 4))
        header.encode(to: &wire)
        let start = wire.count
        wire += payload
        MaskingKey(1, 2, 3, 4).apply(to: &wire, from: start)
        return wire
    }

    private static func frame(_ opcode: Opcode, _ text: String, isFinal: Bool = true) -> [UInt8] {
        frame(opcode, octets(text), isFinal: isFinal)
    }

    // MARK: HTTP

    static var requests: [[UInt8]] {
        let chunked = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        let good = [
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\r\nGET /a%20b?q=1&r=%C3%A9 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
            "POST /api/threats/trigger HTTP/1.1\r\nHost: h:8000\r\nContent-Type: application/json\r\n"
                + "Content-Length: 2\r\n\r\n{}GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            chunked + "5;x=\"y\\\"\"\r\nhello\r\n0\r\nTrailer: t\r\n\r\n",
            chunked + "00a ; n\r\n0123456789\r\n0\r\n\r\n",
            "GET http://example.test:80/x?y HTTP/1.1\r\nHost: example.test\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
            "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\u{81}\u{80}",
        ]
        let heads = [
            "Content-Length: 1\r\nTransfer-Encoding: chunked", "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: +1", "Content-Length: 0x1", "Content-Length: 1, 1",
            "Content-Length: 99999999999999999999",
            "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: \tchunked ,",
            "X: a\r\n folded", "X : a", "X: a\rb", "X: a\u{0}", "Host: other", "Expect: other", "Content-Length: 5000",
        ].map { "POST / HTTP/1.1\r\nHost: h\r\n\($0)\r\n\r\nx" }
        let lines = [
            "GET  / HTTP/1.1", "GET / HTTP/1.2", "GET / HTTP/2.0", "PRI * HTTP/2.0", "BREW / HTTP/1.1",
            "GET /../etc HTTP/1.1",
            "GET /%2e%2e/ HTTP/1.1", "GET /%00 HTTP/1.1", "GET /# HTTP/1.1", "GET /\u{E9} HTTP/1.1",
            "GET / HTTP/1.1\n",
        ].map { "\($0)\r\nHost: h\r\n\r\n" }
        let chunks = [
            "g\r\n", "-1\r\n", "\r\n", "1\r\nab", "1;=\r\n", "FFFFFFFFFFFFFFFF\r\n", "1001\r\n",
            "0\r\nX\r\n\r\n",
        ]
        return (good + heads + lines + chunks.map { chunked + $0 }).map(octets) + HTTPCorpus.all.map(\.input)
    }

    static var responses: [[UInt8]] {
        let texts = [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nuntil close",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                + "HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\u{81}\u{0}", "HTTP/1.1 200 O\nK\r\n\r\n",
            "HTTP/1.1 999 No\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "HTTP/2.0 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
        ]
        return each(texts.map(octets), with: [0, 1, 10])
    }
}
