/// A page that opens a WebSocket, and whether it may.
public struct OriginCase: Sendable, CustomStringConvertible {
    /// The value of `Origin`.
    public let origin: String
    /// The value of `Host`.
    public let host: String
    /// Whether they name one origin, if nobody knows whether the request came by TLS.
    public let isSame: Bool
    /// Whether it is one of `OriginCorpus.setting`.
    public let isNamed: Bool

    public var description: String { "\(origin) at \(host)" }

    init(_ origin: String, at host: String, isSame: Bool, isNamed: Bool = false) {
        self.origin = origin
        self.host = host
        self.isSame = isSame
        self.isNamed = isNamed
    }
}

/// Origins (RFC 6454 §4 and §5, URL Standard "origin") as they are sent and as they are set.
public enum OriginCorpus {
    /// A setting that names three origins in other forms than browsers send.
    public static let setting = " HTTPS://SOC.Example.COM/ ,http://[0:0:0:0:0:0:0:1]:9000,https://noc.example.com:443"

    public static let all: [OriginCase] = same + different + named

    private static let same: [OriginCase] = [
        ("https://h", "h"), ("http://h", "h"), ("http://h:8000", "h:8000"), ("https://h:8443", "h:8443"),
        // The default port may stand or be left out, on either side.
        ("https://h", "h:443"), ("https://h:443", "h"), ("http://h", "h:80"), ("http://h:80", "h"),
        ("https://h:", "h"), ("http://h", "h:"), ("https://h:0443", "h"), ("http://h:8000", "h:08000"),
        // Neither scheme nor host have a case.
        ("HTTPS://H", "h"), ("https://soc.example.net", "SOC.Example.NET"),
        ("https://XN--BCHER-KVA.example", "xn--bcher-kva.Example"),
        // Addresses, in whatever form.
        ("http://127.0.0.1:8000", "127.0.0.1:8000"), ("http://[::1]:8000", "[::1]:8000"),
        ("http://[::1]", "[0:0:0:0:0:0:0:1]:80"), ("http://[2001:DB8::A]", "[2001:db8:0::000a]"),
        ("http://[::ffff:7f00:1]", "[::ffff:127.0.0.1]"), ("http://[::]", "[0::0]"),
        // Names of one label, with digits, dashes and underscores, and with their final dot.
        ("http://localhost:8000", "localhost:8000"), ("http://soc_1.a-b.c3", "soc_1.a-b.c3"), ("https://h.", "h."),
    ].map { OriginCase($0, at: $1, isSame: true) }

    private static let different: [OriginCase] = [
        ("https://h:8443", "h"), ("https://h", "h:8443"), ("http://h:443", "h:444"), ("https://h", "h:80"),
        ("http://h", "h:443"), ("https://h", "i"), ("https://h.example", "h"), ("https://h", "h.example"),
        ("https://evilh", "h"), ("https://h.evil", "h"), ("https://h.", "h"), ("https://h", "h."),
        ("http://[::1]", "[::2]"), ("http://[::1]", "127.0.0.1"), ("http://127.0.0.1", "[::ffff:127.0.0.1]"),
        ("http://127.0.0.1", "localhost"),
        // What is no origin of a page of ours is the same as nothing.
        ("null", "null"), ("", "h"), ("h", "h"), ("//h", "h"), ("https:h", "h"), ("https:/h", "h"), ("https://", "h"),
        ("ws://h", "h"), ("wss://h", "h"), ("ftp://h", "h"), ("file://", "h"), ("file://h", "h"),
        ("chrome-extension://h", "h"), ("https://h/", "h"), ("https://h/x", "h"), ("https://h?x", "h"),
        ("https://h#x", "h"), ("https://u@h", "h"), ("https://u:p@h", "h"), ("https://h@evil", "h"),
        ("https://h https://h", "h"), ("https://h,https://h", "h"), (" https://h x", "h"), ("https://h:x", "h"),
        ("https://h:65536", "h"), ("https://h:-1", "h"), ("https://h:443:443", "h"), ("https://:443", "h"),
        ("https://h:000443", "h"), ("https://*", "*"), ("https://*.h", "*.h"), ("https://h%2e", "h%2e"),
        ("https://a..b", "a..b"), ("https://.h", ".h"), ("https://h..", "h.."), ("https://.", "."),
        ("https://b\u{FC}cher.example", "xn--bcher-kva.example"), ("http://127.1", "127.1"),
        ("http://0x7f.1", "0x7f.1"), ("http://127.0.0.01", "127.0.0.01"), ("http://1.2.3.4.5", "1.2.3.4.5"),
        ("http://127.0.0.1.", "127.0.0.1."), ("http://h.0x7f", "h.0x7f"), ("http://[::1", "[::1"),
        ("http://::1", "::1"),
        ("http://[::1]8000", "[::1]"), ("http://[::g]", "[::1]"), ("http://[::1%25lo]", "[::1]"),
    ].map { OriginCase($0, at: $1, isSame: false) }

    private static let named: [OriginCase] =
        [
            "https://soc.example.com", "https://soc.example.com:443", "HTTPS://Soc.example.com",
            "http://[::1]:9000", "https://noc.example.com",
        ].map { OriginCase($0, at: "h", isSame: false, isNamed: true) }
        + [
            "http://soc.example.com", "https://soc.example.com:8443", "https://soc.example.com.", "http://[::1]",
            "https://example.com", "https://a.soc.example.com", "https://soc.example.com.evil",
        ].map { OriginCase($0, at: "h", isSame: false) }

    /// Settings, each of which some page can have.
    public static let acceptedSettings = [
        setting, "*", "", " ", "https://h", "https://h/", "https://h:443/", "HTTP://H", "https://a, https://b ",
        "https://a,,https://b,", "*,https://h", "https://xn--bcher-kva.example", "http://127.0.0.1:8000",
        "http://[::1]",
        "https://h.", "http://soc_1",
    ]

    /// Settings with an origin that no page has.
    public static let refusedSettings = [
        "h", "soc.example.com", "soc.example.com:443", "//h", "https://", "https:///", "https:h", "http:/h",
        "wss://h", "ws://h", "ftp://h", "null", "file://", "chrome-extension://abc", "https://h/soc", "https://h//",
        "https://h/?a", "https://h?", "https://h#", "https://u@h", "https://*.example.com", "https://*", "http*://h",
        "https://b\u{FC}cher.example", "https://h:65536", "https://h:x", "https://h h", "https://h;https://i",
        "https://h https://i", "https://[::1", "https://[fe80::1%eth0]", "https://127.1", "https://a..b", "https://.h",
        "https://h,x", "* *", "**", ",", " , ", "https://h:0", "http://h:00000",
    ]
}
