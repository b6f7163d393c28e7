/// How long the content of a request is said to be (RFC 9112 §6, RFC 9110 §8.6): everything that two parties could read
/// differently, each with the one reading accepted here.
public enum HTTPFramingCorpus {
    public static let all = lengths + codings + mixtures

    private static let bad = HTTPCorpus.bad
    private static let accepted = "POST /a HTTP/1.1 keep-alive [hello]"
    private static let next = HTTPCorpus.nextDecoded

    private static func length(_ text: String, _ content: String = "hello") -> String {
        HTTPCorpus.post("Content-Length: \(text)", content)
    }

    public static let lengths: [HTTPCase] = [
        .init("length", length("5"), accepted, next),
        .init("length without space", HTTPCorpus.post("Content-Length:5", "hello"), accepted, next),
        .init("length among blanks", length(" \t 5 \t"), accepted, next),
        .init("length of other case", HTTPCorpus.post("cONTENT-lENGTH: 5", "hello"), accepted, next),
        .init("length with leading zeros", length("0000000000000000005"), accepted, next),
        .init("length 0", length("0", ""), "POST /a HTTP/1.1 keep-alive []", next),
        .init("length 000", length("000", ""), "POST /a HTTP/1.1 keep-alive []", next),
        .init(
            "length of GET", HTTPCorpus.post("Content-Length: 5", "hello").replacingPost("GET"),
            "GET /a HTTP/1.1 keep-alive [hello]", next),
        .init(
            "length of HEAD", HTTPCorpus.post("Content-Length: 5", "hello").replacingPost("HEAD"),
            "HEAD /a HTTP/1.1 keep-alive [hello]", next),
        .init(
            "length of OPTIONS", HTTPCorpus.post("Content-Length: 5", "hello").replacingPost("OPTIONS"),
            "OPTIONS /a HTTP/1.1 keep-alive [hello]", next),
        .init(
            "neither length nor coding", "\(HTTPCorpus.postHead)\r\n\(HTTPCorpus.next)",
            "POST /a HTTP/1.1 keep-alive []", next),
        .init("same length twice", HTTPCorpus.post("Content-Length: 5\r\nContent-Length: 5", "hello"), bad),
        .init("length 0 twice", HTTPCorpus.post("Content-Length: 0\r\nContent-Length: 0", ""), bad),
        .init("different lengths", HTTPCorpus.post("Content-Length: 5\r\ncontent-length: 6", "hello"), bad),
        .init("length and zero length", HTTPCorpus.post("Content-Length: 5\r\nContent-Length: 0", "hello"), bad),
        .init(
            "length twice with a field between",
            HTTPCorpus.post("Content-Length: 5\r\nA: b\r\nContent-Length: 5", "hello"), bad),
        .init("length and empty length", HTTPCorpus.post("Content-Length: 5\r\nContent-Length:", "hello"), bad),
        .init("listed length", length("5, 5"), bad),
        .init("listed length without space", length("5,5"), bad),
        .init("listed different lengths", length("5, 6"), bad),
        .init("length with trailing comma", length("5,"), bad),
        .init("length with leading comma", length(",5"), bad),
        .init("length with plus sign", length("+5"), bad),
        .init("length with minus sign", length("-5"), bad),
        .init("length of negative zero", length("-0", ""), bad),
        .init("hexadecimal length", length("0x5"), bad),
        .init("hexadecimal length without prefix", length("A", "helloworld"), bad),
        .init("octal length", length("0o5"), bad),
        .init("length with fraction", length("5.0"), bad),
        .init("length with exponent", length("5e0"), bad),
        .init("length with underscore", length("1_0"), bad),
        .init("length with inner space", length("1 0"), bad),
        .init("length with inner tab", length("1\t0"), bad),
        .init("quoted length", length("\"5\""), bad),
        .init("length with semicolon", length("5;"), bad),
        .init("length with letter", length("5b"), bad),
        .init("length as a word", length("five"), bad),
        .init("infinite length", length("inf"), bad),
        .init("empty length", length(""), bad),
        .init("blank length", length("  \t "), bad),
        .init("length overflows Int32 and wraps to five", length("4294967301"), "error 413"),
        .init("length overflows Int64", length("9223372036854775808", ""), bad),
        .init("length overflows UInt64 and wraps to five", length("18446744073709551621"), bad),
        .init("length of thirty digits", length("000000000000000000000000000005"), bad),
        .init("length of a thousand nines", length(String(repeating: "9", count: 1000), ""), bad),
        .init("largest Int64 as length", length("9223372036854775807", ""), "error 413"),
        .init("length in Arabic digits", length("\u{D9}\u{A5}"), bad),
        .init("length in full-width digits", length("\u{EF}\u{BC}\u{95}"), bad),
        .init("length behind vertical tab", length("\u{0B}5"), bad),
        .init("length behind form feed", length("\u{0C}5"), bad),
        .init("length behind no-break space", length("\u{A0}5"), bad),
        .init("length before NUL", length("5\0"), bad),
        .init("length before bare CR", length("5\r"), bad),
        .init("length with space before colon", HTTPCorpus.post("Content-Length : 5", "hello"), bad),
        .init("length with tab before colon", HTTPCorpus.post("Content-Length\t: 5", "hello"), bad),
        .init("length with NUL before colon", HTTPCorpus.post("Content-Length\0: 5", "hello"), bad),
        .init("length folded", HTTPCorpus.post("Content-Length:\r\n 5", "hello"), bad),
        .init("length folded into the field before", HTTPCorpus.post("A: b\r\n Content-Length: 5", "hello"), bad),
        .init(
            "length with underscore in its name is another field",
            HTTPCorpus.post("Content_Length: 5", ""), "POST /a HTTP/1.1 keep-alive []", next),
        .init(
            "length without hyphen is another field",
            HTTPCorpus.post("ContentLength: 5", ""), "POST /a HTTP/1.1 keep-alive []", next),
        .init("content shorter than its length", "\(HTTPCorpus.postHead)Content-Length: 9\r\n\r\nhello", "pending"),
        .init(
            "content longer than its length", "\(HTTPCorpus.postHead)Content-Length: 4\r\n\r\nhello /x",
            "POST /a HTTP/1.1 keep-alive [hell]", "pending"),
        .init(
            "request inside content stays content",
            HTTPCorpus.post("Content-Length: \(HTTPCorpus.next.utf8.count)", HTTPCorpus.next),
            "POST /a HTTP/1.1 keep-alive [\(HTTPCorpus.next)]", next),
    ]

    private static func coding(_ text: String) -> String { HTTPCorpus.post("Transfer-Encoding: \(text)") }

    public static let codings: [HTTPCase] = [
        .init("chunked", coding("chunked"), accepted, next),
        .init("chunked without space", HTTPCorpus.post("Transfer-Encoding:chunked"), accepted, next),
        .init(
            "chunked in other case among blanks", HTTPCorpus.post("tRANSFER-eNCODING: \t ChUnKeD \t"), accepted, next),
        .init("chunked GET", coding("chunked").replacingPost("GET"), "GET /a HTTP/1.1 keep-alive [hello]", next),
        .init("gzip", coding("gzip"), "error 501"),
        .init("gzip, chunked", coding("gzip, chunked"), "error 501"),
        .init(
            "gzip and chunked in two lines",
            HTTPCorpus.post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), "error 501"),
        .init("deflate", coding("deflate"), "error 501"),
        .init("compress, chunked", coding("compress, chunked"), "error 501"),
        .init("identity", coding("identity"), "error 501"),
        .init("identity, chunked", coding("identity, chunked"), "error 501"),
        .init("xchunked", coding("xchunked"), "error 501"),
        .init("chunkedx", coding("chunkedx"), "error 501"),
        .init("chunk", coding("chunk"), "error 501"),
        .init("cow", coding("cow"), "error 501"),
        .init("chunked, gzip: chunked is not last", coding("chunked, gzip"), bad),
        .init("chunked, identity: chunked is not last", coding("chunked, identity"), bad),
        .init(
            "chunked and gzip in two lines",
            HTTPCorpus.post("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip"), bad),
        .init(
            "chunked and identity in two lines",
            HTTPCorpus.post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), bad),
        .init("chunked twice", coding("chunked, chunked"), bad),
        .init("chunked twice without space", coding("chunked,chunked"), bad),
        .init("chunked in two lines", HTTPCorpus.post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), bad),
        .init("chunked, gzip, chunked", coding("chunked, gzip, chunked"), bad),
        .init(
            "chunked and empty coding in two lines",
            HTTPCorpus.post("Transfer-Encoding: chunked\r\nTransfer-Encoding:"), bad),
        .init("empty coding", coding(""), bad),
        .init("empty element", coding(",chunked"), bad),
        .init("empty element in the middle", coding("gzip,,chunked"), bad),
        .init("trailing comma", coding("chunked,"), bad),
        .init("only a comma", coding(","), bad),
        .init("coding with parameter", coding("chunked;q=1"), bad),
        .init("coding with semicolon", coding("chunked;"), bad),
        .init("quoted coding", coding("\"chunked\""), bad),
        .init("coding in single quotes", coding("'chunked'"), "error 501"),
        .init("coding in brackets", coding("[chunked]"), bad),
        .init("coding as JSON", coding("{\"chunked\":1}"), bad),
        .init("two words", coding("chunked gzip"), bad),
        .init("word before", coding("x chunked"), bad),
        .init("inner space", coding("chun ked"), bad),
        .init("inner tab", coding("chunked\tx"), bad),
        .init("vertical tab", coding("\u{0B}chunked"), bad),
        .init("form feed", coding("\u{0C}chunked"), bad),
        .init("vertical tab behind", coding("chunked\u{0B}"), bad),
        .init("NUL behind", coding("chunked\0"), bad),
        .init("backspace", coding("\u{08}chunked"), bad),
        .init("bare CR before", coding("\rchunked"), bad),
        .init("bare LF before", coding("\nchunked"), bad),
        .init("no-break space", coding("\u{A0}chunked"), bad),
        .init("no-break space in UTF-8", coding("\u{C2}\u{A0}chunked"), bad),
        .init("byte-order mark", coding("\u{EF}\u{BB}\u{BF}chunked"), bad),
        .init("Kelvin sign for k", coding("chun\u{E2}\u{84}\u{AA}ed"), bad),
        .init("coding with space before colon", HTTPCorpus.post("Transfer-Encoding : chunked"), bad),
        .init("coding with tab before colon", HTTPCorpus.post("Transfer-Encoding\t: chunked"), bad),
        .init("coding with colon twice", HTTPCorpus.post("Transfer-Encoding:: chunked"), bad),
        .init("folded coding", HTTPCorpus.post("Transfer-Encoding:\r\n chunked"), bad),
        .init("folded coding with tab", HTTPCorpus.post("Transfer-Encoding:\r\n\tchunked"), bad),
        .init("indented coding", HTTPCorpus.post(" Transfer-Encoding: chunked"), bad),
        .init("coding in a folded field", HTTPCorpus.post("A: b\r\n\tTransfer-Encoding: chunked"), bad),
        .init("coding behind bare LF", HTTPCorpus.post("A: b\nTransfer-Encoding: chunked"), bad),
        .init("coding behind bare CR", HTTPCorpus.post("A: b\rTransfer-Encoding: chunked"), bad),
        .init(
            "coding with underscore in its name is another field", HTTPCorpus.post("Transfer_Encoding: chunked", ""),
            "POST /a HTTP/1.1 keep-alive []", next),
        .init(
            "TE is another field", HTTPCorpus.post("TE: chunked, trailers", ""),
            "POST /a HTTP/1.1 keep-alive []", next),
        .init(
            "X-Transfer-Encoding is another field", HTTPCorpus.post("X-Transfer-Encoding: chunked", ""),
            "POST /a HTTP/1.1 keep-alive []", next),
    ]

    private static let old = "POST /a HTTP/1.0\r\nHost: h\r\n"
    private static let chunks = "\r\n\r\n5\r\nhello\r\n0\r\n\r\n\(HTTPCorpus.next)"

    public static let mixtures: [HTTPCase] = [
        .init("length and chunked", HTTPCorpus.post("Content-Length: 5\r\nTransfer-Encoding: chunked"), bad),
        .init("chunked and length", HTTPCorpus.post("Transfer-Encoding: chunked\r\nContent-Length: 5"), bad),
        .init("chunked and fitting length", HTTPCorpus.post("Transfer-Encoding: chunked\r\nContent-Length: 15"), bad),
        .init("zero length and chunked", HTTPCorpus.post("Content-Length: 0\r\nTransfer-Encoding: chunked"), bad),
        .init("length and unknown coding", HTTPCorpus.post("Content-Length: 5\r\nTransfer-Encoding: gzip"), bad),
        .init("length and identity", HTTPCorpus.post("Content-Length: 5\r\nTransfer-Encoding: identity"), bad),
        .init("length and empty coding", HTTPCorpus.post("Content-Length: 5\r\nTransfer-Encoding:"), bad),
        .init("bad length and chunked", HTTPCorpus.post("Content-Length: x\r\nTransfer-Encoding: chunked"), bad),
        .init(
            "two lengths and chunked",
            HTTPCorpus.post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 6"), bad),
        .init(
            "chunked and length named in Connection",
            HTTPCorpus.post("Connection: Content-Length\r\nContent-Length: 5\r\nTransfer-Encoding: chunked"), bad),
        .init(
            "length named in Connection counts",
            HTTPCorpus.post("Connection: Content-Length\r\nContent-Length: 5", "hello"), accepted, next),
        .init("chunked in HTTP/1.0", "\(old)Transfer-Encoding: chunked\(chunks)", bad),
        .init("chunked in kept HTTP/1.0", "\(old)Connection: keep-alive\r\nTransfer-Encoding: chunked\(chunks)", bad),
        .init("gzip in HTTP/1.0", "\(old)Transfer-Encoding: gzip\(chunks)", bad),
        .init("identity in HTTP/1.0", "\(old)Transfer-Encoding: identity\(chunks)", bad),
        .init("length and chunked in HTTP/1.0", "\(old)Content-Length: 5\r\nTransfer-Encoding: chunked\(chunks)", bad),
        .init("length in HTTP/1.0", "\(old)Content-Length: 5\r\n\r\nhello", "POST /a HTTP/1.0 close [hello]"),
    ]
}

extension String {
    fileprivate func replacingPost(_ method: String) -> String { method + dropFirst("POST".count) }
}
