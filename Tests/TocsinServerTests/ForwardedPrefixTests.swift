import Testing

@testable import TocsinServer

@Suite("The path under which a proxy serves the replica")
struct ForwardedPrefixTests {
    @Test(
        "an absolute path of unreserved characters is taken, without its final slash",
        arguments: [
            ("/soc", "/soc"), ("/soc/", "/soc"), ("/a/b.c/~d_e-1", "/a/b.c/~d_e-1"), ("/", ""), ("/...", "/..."),
            ("/.soc", "/.soc"),
        ])
    func accepts(_ value: String, _ prefix: String) {
        #expect(ForwardedPrefix.parse(Array(value.utf8)[...]) == prefix)
    }

    @Test(
        "anything else counts as none: it would name another host, another path, or another field",
        arguments: [
            "", "soc", "soc/", "//evil.example", "//", "/soc//", "/a//b", "/.", "/..", "/a/../b", "/a/./b", "/a/..",
            "http://evil.example/", "/\\evil.example", "\\\\evil", "/a b", " /a", "/a\tb", "/a\r\nSet-Cookie: x",
            "/a\0",
            "/a?b", "/a#b", "/a;b", "/a,/b", "/a, /b", "/%2e%2e", "/a%0d%0a", "/\u{E9}", "/a:b", "/a@b", "/\"",
            "/<script>",
            "/{id}",
        ])
    func refuses(_ value: String) {
        #expect(ForwardedPrefix.parse(Array(value.utf8)[...]) == nil)
    }

    @Test(
        "a setting of trusted proxies is a list of addresses and networks, or none",
        arguments: [
            ("none", true), ("127.0.0.1", true), ("10.0.0.0/8,192.168.0.0/16, ::1 ,fd00::/8", true),
            ("0.0.0.0/0", true),
            ("", false), (" ", false), ("*", false), ("localhost", false), ("10.0.0.0/8,", false),
            ("10.0.0.0/33", false),
            ("::/129", false), ("10.0.0.0/-1", false), ("10.0.0/8", false), ("10.0.0.1:80", false), ("[::1]", false),
            ("10.0.0.0/8/8", false), ("10.0.0.0/", false), ("none,none", false), ("fe80::1%lo", false),
        ])
    func settings(_ text: String, _ isAccepted: Bool) {
        #expect((TrustedProxies(parsing: text) != nil) == isAccepted)
    }
}
