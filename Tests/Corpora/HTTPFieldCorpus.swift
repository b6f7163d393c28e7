/// Field lines: names, colons, values, line ends (RFC 9112 §5, RFC 9110 §5).
public enum HTTPFieldCorpus {
    public static let all = names + values + lines

    private static let bad = HTTPCorpus.bad
    private static let slash = "GET / HTTP/1.1 keep-alive []"
    private static let next = HTTPCorpus.nextDecoded

    private static func get(_ fields: String) -> String { HTTPCorpus.get(fields) }

    public static let names: [HTTPCase] = [
        .init("name of every token character", get("!#$%&'*+-.^_`|~09azAZ: b"), slash, next),
        .init("name a single letter", get("A: b"), slash, next),
        .init("name of 1000 letters", get(String(repeating: "a", count: 1000) + ": b"), slash, next),
        .init("space before colon", get("A : b"), bad),
        .init("tab before colon", get("A\t: b"), bad),
        .init("space in name", get("A B: c"), bad),
        .init("empty name", get(": b"), bad),
        .init("only a colon", get(":"), bad),
        .init("only a space before the colon", get(" : b"), bad),
        .init("no colon", get("AB"), bad),
        .init("no colon but equals", get("A=b"), bad),
        .init("no colon but space", get("A b"), bad),
        .init("name with parenthesis", get("A(: b"), bad),
        .init("name with comma", get("A,B: c"), bad),
        .init("name with slash", get("A/B: c"), bad),
        .init("name with at sign", get("A@: b"), bad),
        .init("name with bracket", get("A[]: b"), bad),
        .init("name with brace", get("{A}: b"), bad),
        .init("name with backslash", get("A\\: b"), bad),
        .init("name with semicolon", get("A;: b"), bad),
        .init("name with angle bracket", get("<A>: b"), bad),
        .init("name with question mark", get("A?: b"), bad),
        .init("quoted name", get("\"A\": b"), bad),
        .init("name with obs-text", get("\u{E4}: b"), bad),
        .init("name in UTF-8", get("\u{C3}\u{A4}: b"), bad),
        .init("name behind a byte-order mark", get("\u{EF}\u{BB}\u{BF}A: b"), bad),
        .init("NUL in name", get("A\0: b"), bad),
        .init("NUL as name", get("\0: b"), bad),
        .init("escape in name", get("A\u{1B}: b"), bad),
        .init("DEL in name", get("A\u{7F}: b"), bad),
        .init("vertical tab before colon", get("A\u{0B}: b"), bad),
        .init("CR in name", get("A\rB: c"), bad),
        .init("LF in name", get("A\nB: c"), bad),
        .init("line end in name", get("A\r\nB: c"), bad),
    ]

    public static let values: [HTTPCase] = [
        .init("empty value", get("A:"), slash, next),
        .init("blank value", get("A: \t  "), slash, next),
        .init("value without space", get("A:b"), slash, next),
        .init("value with colons", get("A: b:c::"), slash, next),
        .init("value with inner blanks", get("A: b \t c"), slash, next),
        .init(
            "value with every visible character",
            get("A: " + String(String.UnicodeScalarView((0x21...0x7E).compactMap { UnicodeScalar($0) }))), slash, next),
        .init("obs-text in value", get("A: \u{E4}"), slash, next),
        .init("UTF-8 in value", get("A: \u{E2}\u{82}\u{AC}"), slash, next),
        .init(
            "every obs-text octet in value",
            get("A: " + String(String.UnicodeScalarView((0x80...0xFF).compactMap { UnicodeScalar($0) }))), slash, next),
        .init("encoded line end in value is text", get("A: b%0d%0aContent-Length: 5"), slash, next),
        .init("same field twice", get("A: b\r\nA: c"), slash, next),
        .init("NUL in value", get("A: b\0c"), bad),
        .init("NUL alone as value", get("A: \0"), bad),
        .init("bell in value", get("A: \u{07}"), bad),
        .init("backspace in value", get("A: b\u{08}"), bad),
        .init("vertical tab in value", get("A: b\u{0B}c"), bad),
        .init("form feed in value", get("A: b\u{0C}c"), bad),
        .init("escape in value", get("A: \u{1B}[0m"), bad),
        .init("unit separator in value", get("A: \u{1F}"), bad),
        .init("DEL in value", get("A: \u{7F}"), bad),
        .init("CR in value", get("A: b\rC: d"), bad),
        .init("CR at the end of a value", get("A: b\r"), bad),
        .init("CR at the beginning of a value", get("A:\rb"), bad),
        .init("LF in value", get("A: b\nC: d"), bad),
        .init("LF CR in value", get("A: b\n\rC: d"), bad),
        .init(
            "line end and request in value", get("A: b\r\n\r\nGET /y HTTP/1.1\r\nHost: h"),
            slash, "GET /y HTTP/1.1 keep-alive []", next),
    ]

    public static let lines: [HTTPCase] = [
        .init("folded line", get("A: b\r\n c"), bad),
        .init("folded line with tab", get("A: b\r\n\tc"), bad),
        .init("folded line that is blank", get("A: b\r\n \r\nC: d"), bad),
        .init("folded line that looks like a field", get("A: b\r\n C: d"), bad),
        .init("folded empty value", get("A:\r\n b"), bad),
        .init("fold behind the request line", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", bad),
        .init("fold with tab behind the request line", "GET / HTTP/1.1\r\n\tHost: h\r\n\r\n", bad),
        .init("blank line behind the request line", "GET / HTTP/1.1\r\n \r\nHost: h\r\n\r\n", bad),
        .init("blank line ends the section", "GET / HTTP/1.1\r\nHost: h\r\n \r\n\(HTTPCorpus.next)", bad),
        .init("all lines end in LF", "GET / HTTP/1.1\nHost: h\n\n", bad),
        .init("all lines end in CR", "GET / HTTP/1.1\rHost: h\r\r", bad),
        .init("all lines end in LF CR", "GET / HTTP/1.1\n\rHost: h\n\r\n\r", bad),
        .init("request line ends in LF", "GET / HTTP/1.1\nHost: h\r\n\r\n", bad),
        .init("Host line ends in LF", "GET / HTTP/1.1\r\nHost: h\n\r\n", bad),
        .init("Host line ends in CR CR LF", "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", bad),
        .init("LF ends the section", "GET / HTTP/1.1\r\nHost: h\r\n\n", bad),
        .init("CR and a letter end the section", "GET / HTTP/1.1\r\nHost: h\r\n\rx", bad),
        .init("CR CR LF ends the section", "GET / HTTP/1.1\r\nHost: h\r\n\r\r\n", bad),
        .init("request line twice", "GET / HTTP/1.1\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", bad),
        .init("section without its end", "GET / HTTP/1.1\r\nHost: h\r\n", "pending"),
        .init("section that ends inside its empty line", "GET / HTTP/1.1\r\nHost: h\r\n\r", "pending"),
        .init("section that ends inside a name", "GET / HTTP/1.1\r\nHo", "pending"),
        .init("section that ends inside a value", "GET / HTTP/1.1\r\nHost: h", "pending"),
    ]
}

/// The Host field (RFC 9112 §3.2, RFC 9110 §7.2).
public enum HTTPHostCorpus {
    public static let all = accepted + refused

    private static let bad = HTTPCorpus.bad
    private static let next = HTTPCorpus.nextDecoded

    private static func host(_ value: String) -> String { "GET / HTTP/1.1\r\nHost: \(value)\r\n\r\n\(HTTPCorpus.next)" }

    public static let accepted: [HTTPCase] =
        [
            "h", "example.com", "example.com.", "EXAMPLE.com", "a-b.example:65535", "h:80", "h:", "h:0", "h:00080",
            "127.0.0.1", "127.0.0.1:8000", "1.2.3.999", "under_score", "xn--bcher-kva.example", "b%C3%BCcher.example",
            "[::]", "[::1]:8000", "[::1]:", "[2001:db8::ff00:42:8329]", "[1:2:3:4:5:6:7:8]", "[::ffff:192.0.2.1]",
            "[1:2:3:4:5:6:192.0.2.1]", "[1::8]", "[1:2:3:4:5:6:7::]", " \t h \t ",
        ].map { .init("Host \($0)", host($0), "GET / HTTP/1.1 keep-alive []", next) } + [
            .init("no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0 close []"),
            .init("Host in HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\n\r\n", "GET / HTTP/1.0 close []"),
            .init("Host of other case", "GET / HTTP/1.1\r\nhOST: h\r\n\r\n", "GET / HTTP/1.1 keep-alive []"),
            .init("Host last", "GET / HTTP/1.1\r\nA: b\r\nC: d\r\nHost: h\r\n\r\n", "GET / HTTP/1.1 keep-alive []"),
        ]

    public static let refused: [HTTPCase] =
        [
            "", "  ", "a,b", "a, b", "a b", "h\tx", "u@h", "u:p@h", "@h", "h/x", "h/", "/h", "h?x", "h#x", "h\\x",
            "http://h", "//h", "h:65536", "h:999999", "h:x", "h:80x", "h:-1", "h:+80", "h: 80", "h :80",
            "h:80:80",
            ":80", ":", "::1", "[::1", "::1]", "[]", "[]:80", "[::1]x", "[::1]80", "[:::]", "[::1::]", "[1:2:3]",
            "[1:2:3:4:5:6:7:8:9]", "[12345::]", "[1:2:3:4:5:6:7:8::]", "[::g]", "[:1]", "[1:]", "[::1.2.3]",
            "[::1.2.3.256]", "[::01.2.3.4]", "[1.2.3.4]", "[fe80::1%25eth0]", "[v1.x]", "[h]", "h%", "h%2", "h%zz",
            "h%00", "h%20", "h%0d%0a", "h%7F", "\"h\"", "<h>", "h|", "h^", "h`", "{h}", "\u{E4}", "\u{C3}\u{A4}", "h\0",
            "h\u{7F}", "h\u{0B}", "h\rx", "h\nx", "h\r\n x",
        ].map { .init("Host refused: \(readable($0))", host($0), bad) } + [
            .init("no Host", "GET / HTTP/1.1\r\n\r\n", bad),
            .init("no Host but other fields", "GET / HTTP/1.1\r\nA: b\r\n\r\n", bad),
            .init("no Host in HTTP/1.2", "GET / HTTP/1.2\r\n\r\n", bad),
            .init("no Host with absolute form", "GET http://h/ HTTP/1.1\r\n\r\n", bad),
            .init("no Host but X-Forwarded-Host", "GET / HTTP/1.1\r\nX-Forwarded-Host: h\r\n\r\n", bad),
            .init("Host without value", "GET / HTTP/1.1\r\nHost:\r\n\r\n", bad),
            .init("Host twice", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", bad),
            .init("Host twice with other values", "GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", bad),
            .init("Host twice in other case", "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nhost: h\r\n\r\n", bad),
            .init("Host twice, once empty", "GET / HTTP/1.1\r\nHost:\r\nHost: h\r\n\r\n", bad),
            .init("Host twice in HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", bad),
            .init("Host twice with absolute form", "GET http://h/ HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", bad),
            .init("malformed Host in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a b\r\n\r\n", bad),
            .init("empty Host in HTTP/1.0", "GET / HTTP/1.0\r\nHost:\r\n\r\n", bad),
            .init("malformed Host with absolute form", "GET http://h/ HTTP/1.1\r\nHost: a b\r\n\r\n", bad),
            .init("Host with space before colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", bad),
            .init("indented Host", "GET / HTTP/1.1\r\nA: b\r\n Host: h\r\n\r\n", bad),
        ]

    private static func readable(_ text: String) -> String {
        text.unicodeScalars.map { $0.value < 0x21 || $0.value > 0x7E ? "\\x\(String($0.value, radix: 16))" : "\($0)" }
            .joined()
    }
}
