/// Request targets: their four forms, paths and queries (RFC 9112 §3.2, RFC 3986 §2 and §3).
public enum HTTPTargetCorpus {
    public static let all = acceptedTargets + refusedTargets + optionsTargets

    private static func get(_ target: String, _ method: String = "GET") -> String {
        "\(method) \(target) HTTP/1.1\r\nHost: h\r\n\r\n\(HTTPCorpus.next)"
    }

    /// With the status a replica answers.
    private static let accepted: [(target: String, status: Int)] = [
        // Origin form.
        ("/", 200), ("/?", 200), ("/?a=b", 200), ("/?a=b?c=d", 200), ("/??", 200), ("/?/../", 200), ("/?//", 200),
        ("/?a=%41", 200), ("/?&&&", 200), ("/?=", 200), ("/?a==b&", 200), ("/?a=b;c=d", 200), ("/?'()*!$,:@", 200),
        ("/?[]{}|^`\"<>\\", 200), ("/health", 200), ("/health?", 200), ("/health?a", 200),
        ("/%68ealth", 200), ("/%48ealth", 404), ("/Health", 404), ("/health/", 404), ("//health", 404), ("//", 404),
        ("//h/health", 404), ("/health//", 404), ("/health;a=b", 404), ("/health%20", 404), ("/health%3F", 404),
        ("/health%23", 404), ("/%2Fhealth", 404), ("/health%2F", 404), ("/api%2Fthreats", 404), ("/api%2fthreats", 404),
        ("/api/threats%2ftrigger", 404), ("/api%5Cthreats", 404), ("/%252e%252e/", 404), ("/%25", 404), ("/a+b", 404),
        ("/~a", 404), ("/a:b", 404), ("/a@b", 404), ("/*", 404), ("/...", 404), ("/..a/b../.c", 404),
        ("/..;/health", 404), ("/.%2Ehealth", 404), ("/\\..\\health", 404), ("/%5C..%5Chealth", 404),
        ("/%C3%A4", 404), ("/%E2%82%AC", 404), ("/%F0%9F%98%80", 404), ("/http://h/", 404), ("/|", 404),
        // Absolute form.
        ("http://h/", 200), ("http://h", 200), ("http://h?a=b", 200), ("http://other/health", 200),
        ("http://h:80/health", 200), ("http://h:/health", 200), ("HTTP://H/health", 200), ("https://h/health", 200),
        ("HTTPS://h?q", 200), ("http://127.0.0.1:8000/health", 200), ("http://[::1]:8000/health", 200),
        ("http://h/x", 404), ("http://h//health", 404), ("http://h/?a=http://i/", 200),
    ]

    public static let acceptedTargets: [HTTPCase] =
        accepted.map { target, status in
            .init(
                "target \(target)", octets(get(target)),
                ["GET \(target) HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded], served: [status, 404])
        } + [
            .init(
                "query with bad escape", octets(get("/?a=%zz")),
                ["GET /?a=%zz HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded], served: [400, 404]),
            .init(
                "query with cut escape", octets(get("/?a=%2")),
                ["GET /?a=%2 HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded], served: [400, 404]),
            .init(
                "query that is not UTF-8", octets(get("/?a=%FF")),
                ["GET /?a=%FF HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded], served: [400, 404]),
            .init(
                "query with overlong UTF-8", octets(get("/?a=%C0%AF")),
                ["GET /?a=%C0%AF HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded], served: [400, 404]),
        ]

    private static let refused: [String] = [
        // No accepted form.
        "*", "**", "*?a", "a", "health", "?a=b", "?", "#", ".", "..", "h:80", "h:443", "127.0.0.1:80", "[::1]:80",
        "ftp://h/", "ws://h/ws", "file:///etc/passwd", "http:/h/", "http:h", "http:", "http:/", "http://",
        "http:///a", "http://?a", "http://:80/", "http://u@h/", "http://u:p@h/", "http://h:65536/", "http://h:x/",
        "http://a,b/", "http://h h/", "http://[::1/", "http://[h]/", "http://h%00/", "http://h\\x/", "http://h#a",
        "http ://h/", "%2F", "\\", "\\health", "javascript:0", "mailto:a@b",
        // Fragments.
        "/#", "/#a", "/health#a", "/health?a#b", "http://h/#a", "/a#?b",
        // Escapes.
        "/%", "/%2", "/%zz", "/%2z", "/%z2", "/a%", "/%%", "/%%41", "/% 41", "/%u0041", "/%x41", "/%-1", "/health%",
        // Not UTF-8.
        "/%FF", "/%80", "/%C3", "/%C3%28", "/%C0%AF", "/%C0%80", "/%C0%AE%C0%AE/", "/%C1%81", "/%E0%80%AF",
        "/%ED%A0%80", "/%F4%90%80%80", "/%F8%88%80%80%80", "/%E2%82",
        // Controls.
        "/%00", "/a%00", "/health%00", "/health%00.html", "/%01", "/%09", "/%0A", "/%0d%0a", "/%1F", "/%7F", "/\0",
        "/health\0", "/\u{01}", "/\u{7F}", "/\u{E4}", "/\u{C3}\u{A4}", "/\u{FF}", "/?\0", "/?\u{E4}", "/?\u{7F}",
        // Dot segments.
        "/.", "/..", "/./", "/../", "/./health", "/../health", "/a/../health", "/a/./health", "/health/..",
        "/health/.", "/health/../health", "//../", "/../../../../etc/passwd", "/%2e", "/%2E/", "/%2e%2e", "/%2e%2E/b",
        "/.%2e/", "/%2e./", "/%2e%2e/health", "/a/%2e%2e/health", "/a%2f..%2fb", "/..%2fhealth", "/%2e%2e%2fhealth",
        "/a%2F..", "/a/..?b", "/..?", "http://h/..", "http://h/a/../b", "http://h/%2e%2e/", "/api/threats/../health",
    ]

    public static let refusedTargets: [HTTPCase] = refused.map {
        .init("target refused: \($0.debugDescription)", get($0), HTTPCorpus.bad)
    }

    public static let optionsTargets: [HTTPCase] = [
        .init(
            "OPTIONS *", octets(get("*", "OPTIONS")),
            ["OPTIONS * HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded]),
        .init(
            "OPTIONS of the authority", octets(get("http://h", "OPTIONS")),
            ["OPTIONS http://h HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded]),
        .init(
            "OPTIONS of a path", octets(get("/health", "OPTIONS")),
            ["OPTIONS /health HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded]),
        .init(
            "OPTIONS of nothing", octets(get("/nothing", "OPTIONS")),
            ["OPTIONS /nothing HTTP/1.1 keep-alive []", HTTPCorpus.nextDecoded]),
        .init("OPTIONS *?", get("*?", "OPTIONS"), HTTPCorpus.bad),
        .init("OPTIONS **", get("**", "OPTIONS"), HTTPCorpus.bad),
        .init("HEAD *", get("*", "HEAD"), HTTPCorpus.bad),
        .init("POST *", get("*", "POST"), HTTPCorpus.bad),
    ]
}
