/// Methods, versions and the line they stand in (RFC 9112 §2.2, §2.3 and §3).
public enum HTTPRequestLineCorpus {
    public static let all = methods + versions + lines

    private static let bad = HTTPCorpus.bad

    private static func line(_ text: String) -> String { "\(text)\r\nHost: h\r\n\r\n\(HTTPCorpus.next)" }

    public static let methods: [HTTPCase] =
        ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"].map {
            .init("method \($0)", line("\($0) / HTTP/1.1"), "\($0) / HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded)
        }
        + [
            "BREW", "FOO", "get", "Get", "GETT", "GE", "G", "PROPFIND", "PURGE", "QUERY", "LINK", "PRI", "SOURCE",
            "M-SEARCH", "GET!", "X_Y", "123", "POSTGET", String(repeating: "A", count: 32),
        ].map { .init("unknown method \($0)", line("\($0) / HTTP/1.1"), "error 501") }
        + [
            .init("CONNECT with authority", line("CONNECT h:443 HTTP/1.1"), "error 501"),
            .init("CONNECT with path", line("CONNECT / HTTP/1.1"), "error 501"),
            .init("very long method", String(repeating: "A", count: 40), "error 501"),
            .init("method of 100,000 letters", String(repeating: "A", count: 100_000), "error 501"),
            .init("method with slash", line("GE/T / HTTP/1.1"), bad),
            .init("method with colon", line("GET: / HTTP/1.1"), bad),
            .init("method with comma", line("GET,HEAD / HTTP/1.1"), bad),
            .init("method in parentheses", line("(GET) / HTTP/1.1"), bad),
            .init("quoted method", line("\"GET\" / HTTP/1.1"), bad),
            .init("method with NUL", line("GE\0T / HTTP/1.1"), bad),
            .init("method with DEL", line("GET\u{7F} / HTTP/1.1"), bad),
            .init("method with obs-text", line("G\u{C3}\u{8B}T / HTTP/1.1"), bad),
            .init("method behind a byte-order mark", line("\u{EF}\u{BB}\u{BF}GET / HTTP/1.1"), bad),
            .init("method behind CR", line("\rGET / HTTP/1.1"), bad),
            .init("no method", line("/ HTTP/1.1"), bad),
        ]

    public static let versions: [HTTPCase] =
        [
            .init(
                "HTTP/1.2 counts as 1.1", line("GET / HTTP/1.2"), "GET / HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded
            ),
            .init(
                "HTTP/1.9 counts as 1.1", line("GET / HTTP/1.9"), "GET / HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded
            ),
            .init("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "error 505"),
            .init(
                "HTTP/2 preface with settings",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{04}\0\0\0\0\0", "error 505"),
        ]
        + ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "HTTP/0.0", "HTTP/0.1", "HTTP/2.1", "HTTP/9.9"].map {
            .init("version \($0)", line("GET / \($0)"), "error 505")
        }
        + [
            "HTTP/1.10", "HTTP/1.", "HTTP/.1", "HTTP/1", "HTTP/2", "HTTP/11", "HTTP/01.1", "HTTP/1.01", "HTTP/1.1.1",
            "HTTP/1,1", "HTTP/-1.1", "HTTP/+1.1", "HTTP/1.x", "HTTP/x.1", "HTTP/1.1x", "HTTP/ 1.1", "HTTP /1.1",
            "HTTP/1 .1", "HTTP/1. 1", "HTTP/1.1 ", "HTTP/1.1\t", "HTTP/1.1 HTTP/1.1", "HTTP/1.1;q=1", "http/1.1",
            "Http/1.1", "HTTp/1.1", "HTTPS/1.1", "HTP/1.1", "XTTP/1.1", "HTTP", "HTTP/", "HTTP1.1", "HTTP//1.1",
            "RTSP/1.0", "ICY/1.1", "\"HTTP/1.1\"", "HTTP/1.1\0", "HTTP/1.\0", "HTTP/\u{FF}.1", "HTTP\\1.1", "1.1",
            "HTTP/1.1\u{0B}", "HTTP/1.\u{D9}\u{A1}",
        ].map { .init("malformed version \($0.debugDescription)", line("GET / \($0)"), bad) }

    public static let lines: [HTTPCase] = [
        .init("two spaces before the target", line("GET  / HTTP/1.1"), bad),
        .init("two spaces behind the target", line("GET /  HTTP/1.1"), bad),
        .init("space in the target", line("GET /a b HTTP/1.1"), bad),
        .init("tabs separate", line("GET\t/\tHTTP/1.1"), bad),
        .init("tab before the target", line("GET \t/ HTTP/1.1"), bad),
        .init("tab behind the target", line("GET /\tHTTP/1.1"), bad),
        .init("vertical tab separates", line("GET\u{0B}/ HTTP/1.1"), bad),
        .init("no-break space separates", line("GET\u{A0}/ HTTP/1.1"), bad),
        .init("space first", line(" GET / HTTP/1.1"), bad),
        .init("tab first", line("\tGET / HTTP/1.1"), bad),
        .init("no target", line("GET HTTP/1.1"), bad),
        .init("empty target", line("GET  HTTP/1.1"), bad),
        .init("no version", "GET /\r\n\r\n", bad),
        .init("no version but a space", "GET / \r\nHost: h\r\n\r\n", bad),
        .init("HTTP/0.9 with LF", "GET /\n", bad),
        .init("only a method", "GET\r\n\r\n", bad),
        .init("only a method and a space", "GET \r\n\r\n", bad),
        .init("CR behind the version", "GET / HTTP/1.1\rHost: h\r\r", bad),
        .init("CR in the target", line("GET /\r HTTP/1.1"), bad),
        .init("LF in the target", line("GET /\n HTTP/1.1"), bad),
        .init("line end in the target", line("GET /\r\n HTTP/1.1"), bad),
        .init("CR CR LF ends the line", "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", bad),
        .init("field in place of the line", "Host: h\r\n\r\n", bad),
        .init("answer in place of a request", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", bad),
        .init("JSON in place of a request", "{\"threat_type\":\"malware\"}\r\n\r\n", bad),
        .init("TLS hello", "\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}", bad),
        .init("SSH greeting", "SSH-2.0-OpenSSH_9.2\r\n", bad),
        .init("proxy protocol", "PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n\(HTTPCorpus.next)", bad),
        .init("proxy protocol version 2", "\r\n\r\n\0\r\nQUIT\n!\u{11}\0\u{0C}", bad),
        .init("zeros", "\0\0\0\0", bad),
        .init(
            "an empty line first", "\r\n\(line("GET / HTTP/1.1"))",
            "GET / HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded),
        .init(
            "two empty lines first", "\r\n\r\n\(line("GET / HTTP/1.1"))",
            "GET / HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded),
        .init(
            "two empty lines before each of two",
            "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n\r\n\(HTTPCorpus.next)",
            "GET / HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded),
        .init("three empty lines first", "\r\n\r\n\r\n\(line("GET / HTTP/1.1"))", bad),
        .init("empty lines without end", String(repeating: "\r\n", count: 1000), bad),
        .init("LF first", "\n\(line("GET / HTTP/1.1"))", bad),
        .init("blank line first", " \r\n\(line("GET / HTTP/1.1"))", bad),
        .init("half a line", "GET / HT", "pending"),
        .init("half an empty line", "\r", "pending"),
        .init("nothing", ""),
        .init("only an empty line", "\r\n"),
    ]
}
