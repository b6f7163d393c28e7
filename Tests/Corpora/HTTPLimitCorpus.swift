/// The default bounds: targets of 8 KiB, header sections of 16 KiB and 100 fields, content of 64 KiB.
public enum HTTPLimitCorpus {
    public static let all = targets + sections + contents

    private static let kept = "GET / HTTP/1.1 keep-alive []"
    private static let host = "Host: h\r\n"
    private static let next = HTTPCorpus.nextDecoded

    private static func letters(_ count: Int) -> String { String(repeating: "a", count: count) }

    private static func target(_ target: String) -> String { "GET \(target) HTTP/1.1\r\n\(host)\r\n\(HTTPCorpus.next)" }

    private static func reached(_ target: String) -> [String] { ["GET \(target) HTTP/1.1 keep-alive []", next] }

    public static let targets: [HTTPCase] = [
        .init("path of 8 KiB", octets(target("/" + letters(8191))), reached("/" + letters(8191))),
        .init("path of 8 KiB and 1", target("/" + letters(8192)), "error 414"),
        .init("query of 8 KiB", octets(target("/?a=" + letters(8188))), reached("/?a=" + letters(8188))),
        .init("query of 8 KiB and 1", target("/?a=" + letters(8189)), "error 414"),
        .init(
            "absolute form of 8 KiB", octets(target("http://h/" + letters(8183))),
            reached("http://h/" + letters(8183))),
        .init("absolute form of 8 KiB and 1", target("http://h/" + letters(8184)), "error 414"),
        .init("path of 100,000 letters", target("/" + letters(100_000)), "error 414"),
        .init("path of 9,000 letters without end", "GET /" + letters(9000), "error 414"),
        .init("path of 9,000 escapes", target("/" + String(repeating: "%41", count: 3000)), "error 414"),
    ]

    private static func section(_ fields: String) -> String { "GET / HTTP/1.1\r\n\(fields)\r\n\(HTTPCorpus.next)" }

    /// A header section of this many bytes, its empty line included.
    private static func section(byteCount: Int) -> String {
        let fixed = host.utf8.count + "A: \r\n\r\n".utf8.count
        return section("\(host)A: \(letters(byteCount - fixed))\r\n")
    }

    public static let sections: [HTTPCase] = [
        .init("header section of 16 KiB", section(byteCount: 16_384), kept, next),
        .init("header section of 16 KiB and 1", section(byteCount: 16_385), "error 431"),
        .init("header section of 100,000 bytes", section(byteCount: 100_000), "error 431"),
        .init("field name of 20,000 letters", section("\(host)\(letters(20_000)): b\r\n"), "error 431"),
        .init("field name without end", "GET / HTTP/1.1\r\n" + letters(17_000), "error 431"),
        .init("field value without end", "GET / HTTP/1.1\r\nA: " + letters(17_000), "error 431"),
        .init("Host of 17,000 letters", section("Host: \(letters(17_000))\r\n"), "error 431"),
        .init("100 fields", section(host + String(repeating: "A: b\r\n", count: 99)), kept, next),
        .init("101 fields", section(host + String(repeating: "A: b\r\n", count: 100)), "error 431"),
        .init("1,000 fields", section(host + String(repeating: "A: b\r\n", count: 1000)), "error 431"),
        .init("101 Host fields", section(String(repeating: host, count: 101)), "error 431"),
        .init("fields without end", "GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 200), "error 431"),
    ]

    private static func post(_ count: Int, _ content: String) -> String {
        "\(HTTPCorpus.postHead)Content-Length: \(count)\r\n\r\n\(content)"
    }

    private static func chunks(_ sizes: [Int]) -> String {
        let chunks = sizes.map { "\(String($0, radix: 16))\r\n\(letters($0))\r\n" }.joined()
        return "\(HTTPCorpus.postHead)Transfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n\(HTTPCorpus.next)"
    }

    public static let contents: [HTTPCase] = [
        .init(
            "content of 64 KiB", octets(post(65_536, letters(65_536)) + HTTPCorpus.next),
            ["POST /a HTTP/1.1 keep-alive [\(letters(65_536))]", next]),
        .init("content of 64 KiB and 1, none of it sent", post(65_537, ""), "error 413"),
        .init("content of 64 KiB and 1", post(65_537, letters(65_537)), "error 413"),
        .init("content of 10 GB, none of it sent", post(10_000_000_000, ""), "error 413"),
        .init(
            "chunks of 64 KiB", octets(chunks([32_768, 32_768])),
            ["POST /a HTTP/1.1 keep-alive [\(letters(65_536))]", next]),
        .init("chunks of 64 KiB and 1", chunks([32_768, 32_769]), "error 413"),
        .init(
            "chunk of 64 KiB and 1, none of it sent",
            "\(HTTPCorpus.postHead)Transfer-Encoding: chunked\r\n\r\n10001\r\n", "error 413"),
        .init(
            "content of 64 KiB and 1 for GET",
            "GET /health HTTP/1.1\r\n\(host)Content-Length: 65537\r\n\r\n", "error 413"),
    ]
}
