/// Persistence, pipelining, upgrades and expectations (RFC 9112 §9, RFC 9110 §7.6 to §7.8 and §10.1.1).
public enum HTTPConnectionCorpus {
    public static let all = persistence + upgrades + expectations + heads + pipelines

    private static let bad = HTTPCorpus.bad
    private static let kept = "GET / HTTP/1.1 keep-alive []"
    private static let next = HTTPCorpus.nextDecoded

    /// What follows is served only where the connection is kept.
    private static func connection(_ value: String) -> String { HTTPCorpus.get("Connection: \(value)") }

    private static func old(_ fields: String) -> String { "GET / HTTP/1.0\r\n\(fields)\r\n\(HTTPCorpus.next)" }

    public static let persistence: [HTTPCase] = [
        .init("1.1 without Connection", HTTPCorpus.get("A: b"), kept, next),
        .init("1.1 keep-alive", connection("keep-alive"), kept, next),
        .init("1.1 empty Connection", connection(""), kept, next),
        .init("1.1 empty members of Connection", connection(" , ,"), kept, next),
        .init("1.1 closed is not close", connection("closed"), kept, next),
        .init("1.1 quoted close is not close", connection("\"close\""), kept, next),
        .init("1.1 close with parameter is not close", connection("close;q=1"), kept, next),
        .init("1.1 Keep-Alive field", HTTPCorpus.get("Keep-Alive: timeout=5, max=1"), kept, next),
        .init("1.1 Proxy-Connection is not looked at", HTTPCorpus.get("Proxy-Connection: close"), kept, next),
        .init("1.1 Connection names Host", connection("Host"), kept, next),
        .init("1.1 close", connection("close"), "GET / HTTP/1.1 close []", next),
        .init("1.1 Close in other case", connection("cLoSe"), "GET / HTTP/1.1 close []", next),
        .init("1.1 close in list", connection("keep-alive , close"), "GET / HTTP/1.1 close []", next),
        .init("1.1 close first in list", connection("close,keep-alive"), "GET / HTTP/1.1 close []", next),
        .init(
            "1.1 close in second line", HTTPCorpus.get("Connection: x\r\nConnection: close"),
            "GET / HTTP/1.1 close []", next),
        .init(
            "1.1 close with content",
            "POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello\(HTTPCorpus.next)",
            "POST /a HTTP/1.1 close [hello]", next),
        .init("1.0", old(""), "GET / HTTP/1.0 close []", next),
        .init("1.0 close", old("Connection: close\r\n"), "GET / HTTP/1.0 close []", next),
        .init("1.0 keep-alive", old("Connection: Keep-Alive\r\n"), "GET / HTTP/1.0 keep-alive []", next),
        .init("1.0 both", old("Connection: keep-alive, close\r\n"), "GET / HTTP/1.0 close []", next),
        .init(
            "1.0 Proxy-Connection is not looked at", old("Proxy-Connection: keep-alive\r\n"),
            "GET / HTTP/1.0 close []", next),
    ]

    public static let upgrades: [HTTPCase] = [
        .init(
            "upgrade to h2c is not taken up",
            HTTPCorpus.get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"),
            kept, next),
        .init("upgrade to TLS is not taken up", HTTPCorpus.get("Connection: Upgrade\r\nUpgrade: TLS/1.2"), kept, next),
        .init(
            "upgrade to WebSocket elsewhere is not taken up",
            HTTPCorpus.get(
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), kept, next),
        .init("Upgrade without its connection option", HTTPCorpus.get("Upgrade: websocket"), kept, next),
        .init("upgrade without Upgrade", connection("upgrade"), kept, next),
        .init("upgrade and close", connection("upgrade, close"), "GET / HTTP/1.1 close []", next),
    ]

    private static func expecting(_ value: String, _ fields: String, _ content: String = "") -> String {
        "POST /a HTTP/1.1\r\nHost: h\r\nExpect: \(value)\r\n\(fields)\r\n\(content)\(HTTPCorpus.next)"
    }

    public static let expectations: [HTTPCase] = [
        .init(
            "100-continue", expecting("100-continue", "Content-Length: 2\r\n", "hi"),
            "100", "POST /a HTTP/1.1 keep-alive [hi]", next),
        .init(
            "100-continue in other case", expecting(" 100-Continue ", "Content-Length: 2\r\n", "hi"),
            "100", "POST /a HTTP/1.1 keep-alive [hi]", next),
        .init(
            "100-continue and chunked",
            expecting("100-continue", "Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"),
            "100", "POST /a HTTP/1.1 keep-alive [hi]", next),
        .init(
            "100-continue, content awaited",
            "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", "100", "pending"),
        .init(
            "100-continue without content", expecting("100-continue", ""),
            "POST /a HTTP/1.1 keep-alive []", next),
        .init(
            "100-continue with length 0", expecting("100-continue", "Content-Length: 0\r\n"),
            "POST /a HTTP/1.1 keep-alive []", next),
        .init("100-continue of GET", HTTPCorpus.get("Expect: 100-continue"), kept, next),
        .init(
            "100-continue in HTTP/1.0 is ignored",
            "POST /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
            "POST /a HTTP/1.0 close [hi]"),
        .init(
            "100-continue with too much content", expecting("100-continue", "Content-Length: 65537\r\n"),
            "error 413"),
        .init("100-continue with a bad length", expecting("100-continue", "Content-Length: x\r\n"), bad),
        .init(
            "100-continue with an unknown coding", expecting("100-continue", "Transfer-Encoding: gzip\r\n"),
            "error 501"),
        .init("another expectation", expecting("200-ok", "Content-Length: 2\r\n", "hi"), "error 417"),
        .init("another expectation of GET", HTTPCorpus.get("Expect: nothing"), "error 417"),
        .init("another expectation in HTTP/1.0", "GET / HTTP/1.0\r\nExpect: nothing\r\n\r\n", "error 417"),
        .init("100-continue among others", expecting("100-continue, x", "Content-Length: 2\r\n", "hi"), "error 417"),
        .init(
            "100-continue and another in two lines",
            expecting("100-continue\r\nExpect: x", "Content-Length: 2\r\n", "hi"), "error 417"),
        .init("100-continue with parameter", expecting("100-continue;a=b", "Content-Length: 2\r\n", "hi"), "error 417"),
        .init("quoted 100-continue", expecting("\"100-continue\"", "Content-Length: 2\r\n", "hi"), "error 417"),
        .init("101-continue", expecting("101-continue", "Content-Length: 2\r\n", "hi"), "error 417"),
        .init("empty expectation", expecting("", "Content-Length: 2\r\n", "hi"), "error 417"),
    ]

    private static func some(_ index: Int) -> (text: String, decoded: String) {
        let body = String(repeating: "b", count: index)
        switch index % 3 {
        case 0: return ("GET /\(index) HTTP/1.1\r\nHost: h\r\n\r\n", "GET /\(index) HTTP/1.1 keep-alive []")
        case 1:
            return (
                "POST /\(index) HTTP/1.1\r\nHost: h\r\nContent-Length: \(index)\r\n\r\n\(body)",
                "POST /\(index) HTTP/1.1 keep-alive [\(body)]"
            )
        default:
            let size = String(index, radix: 16)
            return (
                "PUT /\(index) HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\(size)\r\n\(body)\r\n0\r\n\r\n",
                "PUT /\(index) HTTP/1.1 keep-alive [\(body)]"
            )
        }
    }

    /// The answer to HEAD carries no content, whatever it says (RFC 9110 §9.3.2).
    public static let heads: [HTTPCase] = [
        .init("HEAD with Host twice", "HEAD / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", bad),
        .init("HEAD with a bad target", "HEAD /% HTTP/1.1\r\nHost: h\r\n\r\n", bad),
        .init("HEAD with a bad version", "HEAD / HTTP/2.0\r\nHost: h\r\n\r\n", "error 505"),
        .init("HEAD with too long a target", "HEAD /" + String(repeating: "a", count: 9000), "error 414"),
        .init("HEAD with a bare LF", "HEAD / HTTP/1.1\nHost: h\n\n", bad),
        .init("HEAD with too much content", "HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n", "error 413"),
        .init(
            "HEAD with a bad chunk",
            "HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx", bad),
        .init("HEAD of 1.0", "HEAD / HTTP/1.0\r\n\r\n", "HEAD / HTTP/1.0 close []"),
    ]

    public static let pipelines: [HTTPCase] = [
        .init(
            "sixty requests in a row", octets((0..<60).map { some($0).text }.joined()),
            (0..<60).map { some($0).decoded }),
        .init(
            "two hundred requests in a row",
            octets(String(repeating: "GET /health HTTP/1.1\r\nHost: h\r\n\r\n", count: 200)),
            Array(repeating: "GET /health HTTP/1.1 keep-alive []", count: 200)),
        .init(
            "a broken request behind a good one",
            "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost : h\r\n\r\n\(HTTPCorpus.next)", kept, bad),
        .init(
            "HEAD and GET in a row",
            "HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
            "HEAD / HTTP/1.1 keep-alive []", kept),
        .init(
            "OPTIONS, HEAD and POST in a row",
            "OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\nHEAD /x HTTP/1.1\r\nHost: h\r\n\r\n"
                + "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
            "OPTIONS / HTTP/1.1 keep-alive []", "HEAD /x HTTP/1.1 keep-alive []",
            "POST /a HTTP/1.1 keep-alive [hello]"),
        .init(
            "a request without its end behind a good one", "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /x HTTP/1.1\r\nHo",
            kept, "pending"),
    ]
}
