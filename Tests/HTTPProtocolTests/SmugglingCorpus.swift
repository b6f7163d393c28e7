/// Requests that two parties could read differently, each with the one reading accepted here. `GET /x` behind a
/// refused message must never come to life.
enum SmugglingCorpus {
    static let bad = "error 400"
    private static let next = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"

    private static func post(_ fields: String, _ content: String = "5\r\nhello\r\n0\r\n\r\n") -> String {
        "POST /a HTTP/1.1\r\nHost: h\r\n\(fields)\r\n\r\n\(content)\(next)"
    }

    private static func get(_ fields: String) -> String { "GET / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n\r\n\(next)" }

    static let lengths: [DecoderCase] = [
        .init("length and chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked"), bad),
        .init("chunked and length", post("Transfer-Encoding: chunked\r\nContent-Length: 5"), bad),
        .init("zero length and chunked", post("Content-Length: 0\r\nTransfer-Encoding: chunked"), bad),
        .init("length and unknown coding", post("Content-Length: 5\r\nTransfer-Encoding: gzip"), bad),
        .init("same length twice", post("Content-Length: 5\r\nContent-Length: 5", "hello"), bad),
        .init("different lengths", post("Content-Length: 5\r\ncontent-length: 6", "hello"), bad),
        .init("listed length", post("Content-Length: 5, 5", "hello"), bad),
        .init("plus sign", post("Content-Length: +5", "hello"), bad),
        .init("minus sign", post("Content-Length: -5", "hello"), bad),
        .init("negative zero", post("Content-Length: -0", ""), bad),
        .init("hexadecimal", post("Content-Length: 0x5", "hello"), bad),
        .init("fraction", post("Content-Length: 5.0", "hello"), bad),
        .init("exponent", post("Content-Length: 5e0", "hello"), bad),
        .init("underscore", post("Content-Length: 1_0", "hello"), bad),
        .init("inner space", post("Content-Length: 1 0", "hello"), bad),
        .init("quoted", post("Content-Length: \"5\"", "hello"), bad),
        .init("empty", post("Content-Length: ", "hello"), bad),
        .init("overflows Int64", post("Content-Length: 9223372036854775808", ""), bad),
        .init("overflows UInt64", post("Content-Length: 18446744073709551621", "hello"), bad),
        .init("thirty digits", post("Content-Length: 000000000000000000000000000005", "hello"), bad),
        .init("largest Int64", post("Content-Length: 9223372036854775807", ""), "error 413"),
        .init("Arabic digit", post("Content-Length: \u{D9}\u{A5}", "hello"), bad),
    ]

    static let codings: [DecoderCase] = [
        .init("gzip", post("Transfer-Encoding: gzip"), "error 501"),
        .init("gzip, chunked", post("Transfer-Encoding: gzip, chunked"), "error 501"),
        .init("identity", post("Transfer-Encoding: identity"), "error 501"),
        .init("xchunked", post("Transfer-Encoding: xchunked"), "error 501"),
        .init("chunked twice", post("Transfer-Encoding: chunked, chunked"), bad),
        .init("chunked in two lines", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), bad),
        .init("empty coding", post("Transfer-Encoding: "), bad),
        .init("empty element", post("Transfer-Encoding: ,chunked"), bad),
        .init("trailing comma", post("Transfer-Encoding: chunked,"), bad),
        .init("parameter", post("Transfer-Encoding: chunked;q=1"), bad),
        .init("quoted coding", post("Transfer-Encoding: \"chunked\""), bad),
        .init("vertical tab", post("Transfer-Encoding: \u{0B}chunked"), bad),
        .init("no-break space", post("Transfer-Encoding: \u{A0}chunked"), bad),
        .init("space before colon", post("Transfer-Encoding : chunked"), bad),
        .init("folded coding", post("Transfer-Encoding:\r\n chunked"), bad),
        .init(
            "underscore is another field", post("Transfer_Encoding: chunked", ""),
            "POST /a HTTP/1.1 keep-alive []", "GET /x HTTP/1.1 keep-alive []"),
        .init(
            "chunked in HTTP/1.0",
            "POST /a HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\(next)", bad),
        .init(
            "case and whitespace", post("tRANSFER-eNCODING: \t ChUnKeD \t"),
            "POST /a HTTP/1.1 keep-alive [hello]", "GET /x HTTP/1.1 keep-alive []"),
    ]

    private static func chunked(_ content: String) -> String { post("Transfer-Encoding: chunked", content) }

    static let chunks: [DecoderCase] = [
        .init("empty size", chunked("\r\nhello\r\n0\r\n\r\n"), bad),
        .init("hexadecimal prefix", chunked("0x5\r\nhello\r\n0\r\n\r\n"), bad),
        .init("plus sign", chunked("+5\r\nhello\r\n0\r\n\r\n"), bad),
        .init("minus sign", chunked("-5\r\nhello\r\n0\r\n\r\n"), bad),
        .init("leading space", chunked(" 5\r\nhello\r\n0\r\n\r\n"), bad),
        .init("trailing space", chunked("5 \r\nhello\r\n0\r\n\r\n"), bad),
        .init("underscore", chunked("0_5\r\nhello\r\n0\r\n\r\n"), bad),
        .init("not hexadecimal", chunked("5g\r\nhello\r\n0\r\n\r\n"), bad),
        .init("overflow", chunked("FFFFFFFFFFFFFFFF\r\n"), bad),
        .init("wraps to five", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), bad),
        .init("seventeen zeros", chunked("00000000000000005\r\nhello\r\n0\r\n\r\n"), bad),
        .init("too large", chunked("7FFFFFFFFFFFFFFF\r\n"), "error 413"),
        .init("size ends in LF", chunked("5\nhello\r\n0\r\n\r\n"), bad),
        .init("size ends in CR", chunked("5\rhello\r\n0\r\n\r\n"), bad),
        .init("data too long", chunked("5\r\nhelloo\r\n0\r\n\r\n"), bad),
        .init("data too short", chunked("5\r\nhell\r\n0\r\n\r\n"), bad),
        .init("data ends in LF", chunked("5\r\nhello\n0\r\n\r\n"), bad),
        .init("data ends in CR CR", chunked("5\r\nhello\r\r0\r\n\r\n"), bad),
        .init("LF in extension", chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"), bad),
        .init("CR in extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), bad),
        .init("NUL in extension", chunked("5;a\0\r\nhello\r\n0\r\n\r\n"), bad),
        .init("extension without name", chunked("5;\r\nhello\r\n0\r\n\r\n"), bad),
        .init("extension without value", chunked("5;a=\r\nhello\r\n0\r\n\r\n"), bad),
        .init("extension with open quote", chunked("5;a=\"b\r\nhello\r\n0\r\n\r\n"), bad),
        .init("trailer with space before colon", chunked("0\r\nA : b\r\n\r\n"), bad),
        .init("folded trailer", chunked("0\r\nA: b\r\n c\r\n\r\n"), bad),
        .init("trailer without colon", chunked("0\r\nhello\r\n\r\n"), bad),
        .init(
            "extensions and trailers",
            chunked("5 ; a = \"q;\\\"\" ;b\r\nhello\r\n000;x=1\r\nContent-Length: 9\r\n\r\n"),
            "POST /a HTTP/1.1 keep-alive [hello]", "GET /x HTTP/1.1 keep-alive []"),
        .init(
            "upper and lower case digits", chunked("A\r\n0123456789\r\n0a\r\nabcdefghij\r\n0\r\n\r\n"),
            "POST /a HTTP/1.1 keep-alive [0123456789abcdefghij]", "GET /x HTTP/1.1 keep-alive []"),
    ]

    static let fieldLines: [DecoderCase] = [
        .init("obs-fold", get("A: b\r\n c"), bad),
        .init("obs-fold with tab", get("A: b\r\n\tc"), bad),
        .init("fold after request line", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", bad),
        .init("space before colon", get("A : b"), bad),
        .init("tab before colon", get("A\t: b"), bad),
        .init("space in name", get("A B: c"), bad),
        .init("empty name", get(": b"), bad),
        .init("no colon", get("AB"), bad),
        .init("name with parenthesis", get("A(: b"), bad),
        .init("name with obs-text", get("\u{E4}: b"), bad),
        .init("NUL in name", get("A\0: b"), bad),
        .init("NUL in value", get("A: b\0c"), bad),
        .init("bell in value", get("A: \u{07}"), bad),
        .init("DEL in value", get("A: \u{7F}"), bad),
        .init("bare LF", get("A: b\nC: d"), bad),
        .init("bare CR", get("A: b\rC: d"), bad),
        .init("CR CR LF", get("A: b\r"), bad),
        .init("LF only", "GET / HTTP/1.1\nHost: h\n\n", bad),
        .init("LF ends the section", "GET / HTTP/1.1\r\nHost: h\r\n\n", bad),
        .init("CR then letter ends the section", "GET / HTTP/1.1\r\nHost: h\r\n\rx", bad),
        .init("obs-text in value", get("A: \u{E4}"), "GET / HTTP/1.1 keep-alive []", "GET /x HTTP/1.1 keep-alive []"),
        .init("empty value", get("A:"), "GET / HTTP/1.1 keep-alive []", "GET /x HTTP/1.1 keep-alive []"),
    ]

    static let hosts: [DecoderCase] = [
        .init("missing", "GET / HTTP/1.1\r\n\r\n", bad),
        .init("twice", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", bad),
        .init("twice in HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", bad),
        .init("empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", bad),
        .init("comma", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", bad),
        .init("space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", bad),
        .init("user information", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", bad),
        .init("path", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", bad),
        .init("scheme", "GET / HTTP/1.1\r\nHost: http://h\r\n\r\n", bad),
        .init("port too large", "GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n", bad),
        .init("port not a number", "GET / HTTP/1.1\r\nHost: h:x\r\n\r\n", bad),
        .init("only a port", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", bad),
        .init("open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", bad),
        .init("bad escape", "GET / HTTP/1.1\r\nHost: h%2\r\n\r\n", bad),
        .init("obs-text", "GET / HTTP/1.1\r\nHost: \u{E4}\r\n\r\n", bad),
        .init("IPv6 with port", "GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", "GET / HTTP/1.1 keep-alive []"),
        .init("name with port", "GET / HTTP/1.1\r\nhost: a-b.example:65535\r\n\r\n", "GET / HTTP/1.1 keep-alive []"),
        .init("none in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0 close []"),
    ]

    static let all: [(String, [DecoderCase])] = [
        ("lengths", lengths), ("codings", codings), ("chunks", chunks), ("field lines", fieldLines), ("hosts", hosts),
    ]
}
