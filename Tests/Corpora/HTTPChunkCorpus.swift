/// The chunked transfer coding: sizes, extensions, data and trailers (RFC 9112 §7.1).
public enum HTTPChunkCorpus {
    public static let all = sizes + extensions + trailers

    private static let bad = HTTPCorpus.bad
    private static let hello = "POST /a HTTP/1.1 keep-alive [hello]"
    private static let next = HTTPCorpus.nextDecoded

    private static func chunked(_ content: String) -> String { HTTPCorpus.post("Transfer-Encoding: chunked", content) }

    private static func size(_ text: String) -> String { chunked("\(text)\r\nhello\r\n0\r\n\r\n") }

    public static let sizes: [HTTPCase] = [
        .init("no data", chunked("0\r\n\r\n"), "POST /a HTTP/1.1 keep-alive []", next),
        .init("several zeros end the content", chunked("5\r\nhello\r\n0000\r\n\r\n"), hello, next),
        .init("size with leading zeros", size("0000000000000005"), hello, next),
        .init("one byte each", chunked("1\r\nh\r\n1\r\ne\r\n3\r\nllo\r\n0\r\n\r\n"), hello, next),
        .init(
            "digits of both cases", chunked("A\r\n0123456789\r\n0a\r\nabcdefghij\r\n0\r\n\r\n"),
            "POST /a HTTP/1.1 keep-alive [0123456789abcdefghij]", next),
        .init(
            "chunk that looks like the end", chunked("5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
            "POST /a HTTP/1.1 keep-alive [0\r\n\r\n]", next),
        .init(
            "request inside a chunk stays content",
            chunked("\(String(HTTPCorpus.next.utf8.count, radix: 16))\r\n\(HTTPCorpus.next)\r\n0\r\n\r\n"),
            "POST /a HTTP/1.1 keep-alive [\(HTTPCorpus.next)]", next),
        .init("no size line", chunked("\r\nhello\r\n0\r\n\r\n"), bad),
        .init("size with hexadecimal prefix", size("0x5"), bad),
        .init("size with h behind", size("5h"), bad),
        .init("size with plus sign", size("+5"), bad),
        .init("size with minus sign", size("-5"), bad),
        .init("size of negative zero", chunked("-0\r\n\r\n"), bad),
        .init("size behind space", size(" 5"), bad),
        .init("size behind tab", size("\t5"), bad),
        .init("size before space", size("5 "), bad),
        .init("size before tab", size("5\t"), bad),
        .init("size with inner space", size("0 5"), bad),
        .init("size with underscore", size("0_5"), bad),
        .init("size with fraction", size("5.0"), bad),
        .init("size with comma", size("5,5"), bad),
        .init("quoted size", size("\"5\""), bad),
        .init("size not hexadecimal", size("5g"), bad),
        .init("size a word", size("xyz"), bad),
        .init("size behind NUL", size("\05"), bad),
        .init("size before NUL", size("5\0"), bad),
        .init("size behind vertical tab", size("\u{0B}5"), bad),
        .init("size before DEL", size("5\u{7F}"), bad),
        .init("size before obs-text", size("5\u{A0}"), bad),
        .init("size in full-width digits", size("\u{EF}\u{BC}\u{95}"), bad),
        .init("size overflows Int64", chunked("FFFFFFFFFFFFFFFF\r\n"), bad),
        .init("size is the sign bit", chunked("8000000000000000\r\n"), bad),
        .init("size wraps to five", size("10000000000000005"), bad),
        .init("size of seventeen digits", size("00000000000000005"), bad),
        .init("size wraps to five in 32 bits", size("100000005"), "error 413"),
        .init("size of the largest Int64", chunked("7FFFFFFFFFFFFFFF\r\n"), "error 413"),
        .init("size ends in LF", chunked("5\nhello\r\n0\r\n\r\n"), bad),
        .init("size ends in CR", chunked("5\rhello\r\n0\r\n\r\n"), bad),
        .init("size ends in CR CR LF", chunked("5\r\r\nhello\r\n0\r\n\r\n"), bad),
        .init("data too long", chunked("5\r\nhelloo\r\n0\r\n\r\n"), bad),
        .init("data too short", chunked("5\r\nhell\r\n0\r\n\r\n"), bad),
        .init("data without line end", chunked("5\r\nhello0\r\n\r\n"), bad),
        .init("data ends in LF", chunked("5\r\nhello\n0\r\n\r\n"), bad),
        .init("data ends in CR", chunked("5\r\nhello\r0\r\n\r\n"), bad),
        .init("data ends in CR CR", chunked("5\r\nhello\r\r0\r\n\r\n"), bad),
        .init("data ends in two bytes that are no line end", chunked("5\r\nhelloXX0\r\n\r\n"), bad),
        .init("last chunk ends in LF", chunked("5\r\nhello\r\n0\n\n"), bad),
        .init("section behind the last chunk ends in LF", chunked("5\r\nhello\r\n0\r\n\n"), bad),
        .init("section behind the last chunk ends in CR", chunked("5\r\nhello\r\n0\r\n\rX"), bad),
        .init("no last chunk", "\(HTTPCorpus.postHead)Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "pending"),
        .init(
            "no end behind the last chunk",
            "\(HTTPCorpus.postHead)Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "pending"),
        .init("request in place of the last chunk", chunked("5\r\nhello\r\n"), bad),
        .init(
            "an empty line behind the content is ignored", chunked("0\r\n\r\n\r\n"),
            "POST /a HTTP/1.1 keep-alive []", next),
    ]

    private static func extended(_ text: String) -> String { size("5\(text)") }

    public static let extensions: [HTTPCase] = [
        .init("extension with value", extended(";a=b"), hello, next),
        .init("extension without value", extended(";a"), hello, next),
        .init("extension with quoted value", extended(";a=\"b c\""), hello, next),
        .init("extension with escapes in quotes", extended(";a=\"b\\\"c\\\\\""), hello, next),
        .init("extension with obs-text in quotes", extended(";a=\"\u{E4}\""), hello, next),
        .init("extensions among blanks", extended(" ; a = b\t;\tc"), hello, next),
        .init("extension of the last chunk", chunked("5\r\nhello\r\n0;a=b\r\n\r\n"), hello, next),
        .init(
            "extensions and trailers",
            chunked("5 ; a = \"q;\\\"\" ;b\r\nhello\r\n000;x=1\r\nContent-Length: 9\r\n\r\n"), hello, next),
        .init("extension without name", extended(";"), bad),
        .init("extension of a value only", extended(";=b"), bad),
        .init("extension without value behind equals", extended(";a="), bad),
        .init("extension with two values", extended(";a=b=c"), bad),
        .init("extension with two words", extended(";a b"), bad),
        .init("extension without semicolon", extended(" a"), bad),
        .init("extension with comma", extended(",a=b"), bad),
        .init("empty extension between others", extended(";a;;b"), bad),
        .init("extension with open quote", extended(";a=\"b"), bad),
        .init("extension whose quote ends in a backslash", extended(";a=\"b\\"), bad),
        .init("extension with text behind its quote", extended(";a=\"b\"c"), bad),
        .init("extension with obs-text as name", extended(";\u{E4}=b"), bad),
        .init("line end inside quotes", extended(";a=\"\r\n0\r\n\r\n\""), bad),
        .init("LF in extension", extended(";a\nb"), bad),
        .init("LF in quoted extension", extended(";a=\"\n\""), bad),
        .init("CR in extension", extended(";a\rb"), bad),
        .init("NUL in extension", extended(";a\0"), bad),
        .init("DEL in extension", extended(";a=\"\u{7F}\""), bad),
        .init("oversized extension", extended(";a=" + String(repeating: "b", count: 2000)), bad),
        .init(
            "oversized extensions together",
            chunked(String(repeating: "1;abcdefghi=jklmnopqrs\r\nx\r\n", count: 60) + "0\r\n\r\n"), bad),
    ]

    private static func trailing(_ fields: String) -> String { chunked("5\r\nhello\r\n0\r\n\(fields)\r\n\r\n") }

    public static let trailers: [HTTPCase] = [
        .init("trailer", trailing("A: b"), hello, next),
        .init("trailers", trailing("A: b\r\nC: d\r\nE:"), hello, next),
        .init(
            "announced trailer",
            HTTPCorpus.post("Trailer: A\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\nA: b\r\n\r\n"), hello, next),
        .init("trailer Content-Length is discarded", trailing("Content-Length: 9"), hello, next),
        .init("trailer Transfer-Encoding is discarded", trailing("Transfer-Encoding: gzip"), hello, next),
        .init("trailer Host is discarded", trailing("Host: other\r\nHost: another"), hello, next),
        .init("trailer Connection is discarded", trailing("Connection: close"), hello, next),
        .init("trailer Expect is discarded", trailing("Expect: nothing"), hello, next),
        .init("trailer with space before colon", trailing("A : b"), bad),
        .init("trailer without colon", trailing("hello"), bad),
        .init("trailer without name", trailing(": b"), bad),
        .init("folded trailer", trailing("A: b\r\n c"), bad),
        .init("trailer section begins with a space", trailing(" A: b"), bad),
        .init("trailer ends in LF", trailing("A: b\nC: d"), bad),
        .init("trailer with bare CR", trailing("A: b\rC"), bad),
        .init("trailer with NUL", trailing("A: \0"), bad),
        .init("request in place of trailers", chunked("5\r\nhello\r\n0\r\n"), bad),
        .init("too many bytes of trailers", trailing("A: " + String(repeating: "b", count: 5000)), "error 431"),
        .init("too many trailers", trailing((0..<101).map { "A\($0): b" }.joined(separator: "\r\n")), "error 431"),
    ]
}
