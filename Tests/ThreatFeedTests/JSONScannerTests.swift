import Testing
import ThreatFeed

private let accepted: [String] = [
    "{}", "[]", "0", "-0", "1", "-1", "10", "1.5", "0.0", "-0.0", "1e1", "1E+2", "1e-2", "123.456e789", "1e400",
    "123456789012345678901234567890", "true", "false", "null", "\"\"", "\"a\"", " \t\r\n{} \t\r\n", "[1,2 , 3]",
    "[[],[[]],{}]", #"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}"#, #"{"":0}"#, #"{"":{"":{"":0}}}"#,
    #"["\"\\\/\b\f\n\r\t\u0000\u00e9"]"#, #"["\uD83D\uDE00"]"#, #"["\ud83d\ude00\ud83d\ude00"]"#, #"["\uABCD\uabcd"]"#,
    #"["é日本語😀"]"#, "[\"\u{7F}\"]", "[\"\u{2028}\u{2029}\"]", "[\"\u{FFFF}\u{10FFFF}\"]", "[\"\u{FEFF}\"]",
    #"["aaaaaaa\"aaaaaaaa\\aaaaaaaaa"]"#, #"{"a":1,"A":2}"#, #"{"aa":1,"ab":2,"ba":3,"bb":4}"#,
    #"{"é":1,"e\u0301":2}"#, "[\"\u{D7FF}\u{E000}\u{10000}\"]", #"[""]"#, #"["\\u"]"#, #"["\uFFFE\uFFFF"]"#,
    #"["asd "]"#, "[1\n]", "[true,false,null]", #""\u005C""#, "-123123e100000", #"["a/*b*/c/*d//e"]"#,
]

private let refused: [(String, JSONError.Reason, Int)] = [
    ("", .empty, 0), ("  ", .empty, 2), ("{", .unexpectedEnd, 1), ("[", .unexpectedEnd, 1), ("[1", .unexpectedEnd, 2),
    ("[1,", .unexpectedEnd, 3), ("\"abc", .unexpectedEnd, 4), (#"{"a""#, .unexpectedEnd, 4),
    (#"{"a":"#, .unexpectedEnd, 5), (#"{"a":1"#, .unexpectedEnd, 6), (#"{"a":1,"#, .unexpectedEnd, 7),
    (#""\"#, .unexpectedEnd, 2), ("[1,]", .unexpectedByte, 3), ("[,1]", .unexpectedByte, 1),
    ("[1 2]", .unexpectedByte, 3), ("[1;2]", .unexpectedByte, 2), ("[}", .unexpectedByte, 1),
    ("{]", .unexpectedByte, 1), (#"{"a":1,}"#, .unexpectedByte, 7), (#"{,"a":1}"#, .unexpectedByte, 1),
    (#"{"a" 1}"#, .unexpectedByte, 5), (#"{"a",1}"#, .unexpectedByte, 4), (#"{"a"::1}"#, .unexpectedByte, 5),
    ("{a:1}", .unexpectedByte, 1), ("{'a':1}", .unexpectedByte, 1), ("{1:1}", .unexpectedByte, 1),
    ("{null:1}", .unexpectedByte, 1), (#"{"a":1 "b":2}"#, .unexpectedByte, 7), ("'a'", .unexpectedByte, 0),
    ("NaN", .unexpectedByte, 0), ("[NaN]", .unexpectedByte, 1), ("Infinity", .unexpectedByte, 0),
    ("[+1]", .unexpectedByte, 1), ("[.5]", .unexpectedByte, 1), ("// c\n1", .unexpectedByte, 0),
    ("[1/**/]", .unexpectedByte, 2), ("\u{0C}1", .unexpectedByte, 0), ("[\u{A0}]", .unexpectedByte, 1),
    ("\u{0B}[]", .unexpectedByte, 0), ("[-Infinity]", .invalidNumber, 1), ("[-NaN]", .invalidNumber, 1),
    ("-", .invalidNumber, 0), ("[-]", .invalidNumber, 1), ("01", .invalidNumber, 0), ("[-01]", .invalidNumber, 1),
    ("[00]", .invalidNumber, 1), ("[1.]", .invalidNumber, 1), ("[1.e1]", .invalidNumber, 1),
    ("[1e]", .invalidNumber, 1), ("[1e+]", .invalidNumber, 1), ("[1eE2]", .invalidNumber, 1),
    ("[0x1]", .unexpectedByte, 2), ("[1a]", .unexpectedByte, 2), ("[1.2.3]", .unexpectedByte, 4),
    ("[1_000]", .unexpectedByte, 2), ("[１]", .unexpectedByte, 1), ("[--1]", .invalidNumber, 1),
    ("tru", .invalidLiteral, 0), ("[True]", .unexpectedByte, 1), ("[nul]", .invalidLiteral, 1),
    ("truth", .invalidLiteral, 0), ("nulll", .trailingBytes, 4), ("{} {}", .trailingBytes, 3),
    ("[]]", .trailingBytes, 2), ("1 2", .trailingBytes, 2), ("{}#", .trailingBytes, 2), ("[]\u{0}", .trailingBytes, 2),
    ("[\"a\nb\"]", .controlCharacter, 3), ("[\"a\tb\"]", .controlCharacter, 3), ("[\"\u{0}\"]", .controlCharacter, 2),
    ("[\"\u{1F}\"]", .controlCharacter, 2), ("[\"aaaaaaaaaaaa\u{1}aaaaaaa\"]", .controlCharacter, 14),
    (#"["\x41"]"#, .invalidEscape, 2), (#"["\a"]"#, .invalidEscape, 2), (#"["\'"]"#, .invalidEscape, 2),
    (#"["\u12"]"#, .invalidEscape, 2), (#"["\u12G4"]"#, .invalidEscape, 2), (#"["\U0041"]"#, .invalidEscape, 2),
    (#"["\u{41}"]"#, .invalidEscape, 2), (#"["\u"]"#, .invalidEscape, 2), (#"["\é"]"#, .invalidEscape, 2),
    (#"["\uD800"]"#, .loneSurrogate, 2), (#"["\uDC00"]"#, .loneSurrogate, 2), (#"["\uD800x"]"#, .loneSurrogate, 2),
    (#"["\uD800\u0041"]"#, .loneSurrogate, 2), (#"["\uD800\uD800"]"#, .loneSurrogate, 2),
    (#"["\uDC00\uD800"]"#, .loneSurrogate, 2), (#"["\uD800\n"]"#, .loneSurrogate, 2),
    (#"["ok\uDBFF\uE000"]"#, .loneSurrogate, 4), (#"["\uD83D\uDE"]"#, .invalidEscape, 8),
    ("\u{FEFF}{}", .byteOrderMark, 0), (#"{"a":1,"a":1}"#, .duplicateMember, 7),
    (#"{"a":1,"\u0061":1}"#, .duplicateMember, 7), (#"{"\u0061":1,"a":1}"#, .duplicateMember, 12),
    (#"{"x":[{"k":{"b":1,"c":2,"b":3}}]}"#, .duplicateMember, 24), (#"{"":1,"":2}"#, .duplicateMember, 6),
    (#"{"é":1,"\u00e9":2}"#, .duplicateMember, 8),
]

private let refusedBytes: [([UInt8], JSONError.Reason)] = [
    ([0xFF, 0xFE, 0x7B, 0x00], .notUTF8Encoding), ([0xFE, 0xFF, 0x00, 0x7B], .notUTF8Encoding),
    ([0x7B, 0x00, 0x7D, 0x00], .notUTF8Encoding), ([0x00, 0x7B, 0x00, 0x7D], .notUTF8Encoding),
    ([0x22, 0x80, 0x22], .invalidUTF8), ([0x22, 0xC0, 0xAF, 0x22], .invalidUTF8),
    ([0x22, 0xC1, 0xBF, 0x22], .invalidUTF8), ([0x22, 0xE0, 0x80, 0xAF, 0x22], .invalidUTF8),
    ([0x22, 0xED, 0xA0, 0x80, 0x22], .invalidUTF8), ([0x22, 0xF0, 0x80, 0x80, 0xAF, 0x22], .invalidUTF8),
    ([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], .invalidUTF8), ([0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], .invalidUTF8),
    ([0x22, 0xC3, 0x22], .invalidUTF8), ([0x22, 0xE2, 0x82, 0x22], .invalidUTF8), ([0x22, 0xE2], .invalidUTF8),
    ([0x22, 0xF0, 0x9F, 0x98, 0x22], .invalidUTF8), ([0x22, 0xFF, 0x22], .invalidUTF8),
    ([0x5B, 0xE9, 0x5D], .unexpectedByte), ([0x22, 0x61, 0xE9, 0x22], .invalidUTF8),
]

@Suite("JSON scanner")
struct JSONScannerTests {
    @Test("RFC 8259: well-formed texts are accepted", arguments: accepted)
    func accepts(_ text: String) {
        #expect(scanError(Array(text.utf8)) == nil)
    }

    @Test("RFC 8259: broken texts are refused with reason and offset", arguments: refused)
    func refuses(_ text: String, _ reason: JSONError.Reason, _ offset: Int) {
        #expect(scanError(Array(text.utf8)) == JSONError(offset: offset, reason: reason))
    }

    @Test("RFC 3629 and RFC 8259 §8.1: other encodings and bad UTF-8 are refused", arguments: refusedBytes)
    func refusesBytes(_ bytes: [UInt8], _ reason: JSONError.Reason) {
        #expect(scanError(bytes)?.reason == reason)
    }

    @Test("RFC 8259 §9: nesting is accepted to 32 and refused at 33", arguments: ["[", "{\"a\":"])
    func boundsDepth(_ open: String) {
        func nested(_ depth: Int) -> [UInt8] {
            let close = open == "[" ? "]" : "}"
            let inner = open == "[" ? "" : "1"
            return Array((String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)).utf8)
        }
        #expect(scanError(nested(32)) == nil)
        #expect(scanError(nested(33)) == JSONError(offset: 32 * open.utf8.count, reason: .depthExceeded))
        let bomb = Array(repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(scanError(bomb)?.reason == .depthExceeded)
    }

    @Test("what is delivered, a threat in a list in a frame, may be nested as deeply as a threat and two levels more")
    func readsDelivered() throws {
        let threat = "{\"x\":" + String(repeating: "[", count: 31) + String(repeating: "]", count: 31) + "}"
        #expect(scanError(Array(threat.utf8)) == nil)
        let frame = Array("{\"type\":\"initial_batch\",\"data\":[\(threat),\(threat)]}".utf8)
        #expect(scanError(frame)?.reason == .depthExceeded)
        var scanner = JSONScanner(limits: .delivered)
        try scanner.scan(frame.span)
        #expect(scanner.nodes[0].range == 0..<frame.count)
    }

    @Test("duplicates are found in objects of every size", arguments: [2, 15, 16, 17, 18, 100, 3_000])
    func findsDuplicates(_ count: Int) {
        let members = (0..<count).map { "\"n\($0)\":\($0)" }
        #expect(scanError(Array("{\(members.joined(separator: ","))}".utf8)) == nil)
        let twice = "{\(members.joined(separator: ",")),"
        let text = twice + "\"n\(count / 2)\":0}"
        #expect(scanError(Array(text.utf8)) == JSONError(offset: twice.utf8.count, reason: .duplicateMember))
    }

    @Test("every special byte is found at every position of a word")
    func findsBytesAtEveryPosition() {
        for length in 0..<40 {
            for position in 0..<max(length, 1) {
                for (byte, reason) in [
                    (UInt8(0x1F), JSONError.Reason.controlCharacter), (0x80, .invalidUTF8), (0x00, .controlCharacter),
                ] {
                    var bytes = Array(repeating: UInt8(ascii: "~"), count: length + 1)
                    bytes[position] = byte
                    let text = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
                    // A NUL in second place means UTF-16.
                    if byte == 0, position == 0 { continue }
                    #expect(scanError(text) == JSONError(offset: position + 1, reason: reason))
                }
            }
        }
    }

    @Test("a text inside a larger buffer ends where its range ends")
    func respectsRange() throws {
        let bytes = Array(#"xx{"a":"bbbbbbbbbbbb"}]]"#.utf8)
        var scanner = JSONScanner()
        try scanner.scan(bytes.span, in: 2..<bytes.count - 2)
        #expect(scanner.nodes[1].name.map { text(bytes[$0]) } == "a")
        #expect(text(bytes[scanner.nodes[1].content]) == "bbbbbbbbbbbb")
        for end in 2..<bytes.count - 2 {
            #expect(throws: JSONError.self) { try scanner.scan(bytes.span, in: 2..<end) }
        }
    }

    @Test("nodes tell kinds, ranges, names, escapes and whitespace")
    func describesNodes() throws {
        let bytes = Array(#"{"a": [1, "x\n"], "\u0062":{"c":null},"d":true}"#.utf8)
        var scanner = JSONScanner()
        try scanner.scan(bytes.span)
        let kinds = scanner.nodes.map(\.kind)
        #expect(kinds == [.object, .array, .number, .string, .object, .null, .boolean])
        let texts = scanner.children(of: 0).map { text(bytes[scanner.nodes[$0].range]) }
        #expect(texts == [#"[1, "x\n"]"#, #"{"c":null}"#, "true"])
        #expect(scanner.nodes[1].containsWhitespace && !scanner.nodes[4].containsWhitespace)
        #expect(scanner.nodes[3].hasEscapes && scanner.nodes[4].nameHasEscapes && !scanner.nodes[1].nameHasEscapes)
    }

    @Test("the number of values is bounded")
    func boundsValues() {
        var scanner = JSONScanner(limits: JSONScanner.Limits(valuesMax: 4))
        #expect(throws: Never.self) { try scanner.scan(Array("[1,2,3]".utf8).span) }
        #expect(throws: JSONError(offset: 7, reason: .tooManyValues)) {
            try scanner.scan(Array("[1,2,3,4]".utf8).span)
        }
    }
}
