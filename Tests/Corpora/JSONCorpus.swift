/// A text and what a reader of JSON must make of it.
public struct JSONCase: Sendable, CustomStringConvertible {
    public let name: String
    public let text: [UInt8]
    /// Where the text is refused, in bytes from its beginning; `nil` when it is accepted.
    public let refusedAt: Int?

    public var description: String { name }

    /// The text without whitespace outside of strings.
    public var compacted: [UInt8] {
        var output: [UInt8] = []
        var isInString = false
        var isEscaped = false
        for byte in text {
            if isInString {
                output.append(byte)
                isInString = byte != UInt8(ascii: "\"") || isEscaped
                isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
            } else if ![0x20, 0x09, 0x0A, 0x0D].contains(byte) {
                output.append(byte)
                isInString = byte == UInt8(ascii: "\"")
            }
        }
        return output
    }

    static func accepts(_ name: String, _ text: String) -> JSONCase {
        JSONCase(name: name, text: Array(text.utf8), refusedAt: nil)
    }

    static func refuses(_ name: String, _ text: String, at offset: Int) -> JSONCase {
        JSONCase(name: name, text: Array(text.utf8), refusedAt: offset)
    }

    /// A text that no `String` can hold; see `octets`.
    static func refuses(_ name: String, octets text: String, at offset: Int) -> JSONCase {
        JSONCase(name: name, text: octets(text), refusedAt: offset)
    }
}

/// JSON texts: the well-formed and broken ones that every reader must tell apart (RFC 8259), and those on which readers
/// differ, with what is decided here: duplicate names, lone surrogates, byte-order marks and nesting beyond 32 are
/// refused, numbers of any magnitude and noncharacters are accepted.
///
/// An offset is that of the first byte that cannot stand where it stands; for a broken token (number, literal, escape,
/// encoded character) that of the token; for a repeated name that of its quotation mark; for a text that ends too early
/// its length.
public enum JSONCorpus {
    /// Every case.
    public static let all = accepted + acceptedByChoice + refused + refusedEncodings + refusedByChoice

    /// Well-formed texts.
    public static let accepted: [JSONCase] = arrays + numbers + objects + strings + structures

    private static let arrays: [JSONCase] = [
        .accepts("array of an array, with spaces", "[[]   ]"),
        .accepts("array of an empty string", #"[""]"#),
        .accepts("empty array", "[]"),
        .accepts("array ending in a line feed", "[\"a\"]\n"),
        .accepts("array of false", "[false]"),
        .accepts("array of every kind", #"[null, 1, "1", {}]"#),
        .accepts("array of null", "[null]"),
        .accepts("array broken by a line feed", "[1\n]"),
        .accepts("space before an array", " [1]"),
        .accepts("array of nulls between numbers", "[1,null,null,null,2]"),
        .accepts("space after an array", "[2] "),
        .accepts("array with each kind of whitespace", "[ \t\r\n1\t\r\n , \t\r\n2 ]\t\r\n"),
        .accepts("nesting of 31 arrays", String(repeating: "[", count: 31) + String(repeating: "]", count: 31)),
        .accepts("nesting of 32 arrays", String(repeating: "[", count: 32) + String(repeating: "]", count: 32)),
    ]

    private static let numbers: [JSONCase] = [
        .accepts("number with an exponent", "[123e65]"),
        .accepts("zero with a positive exponent", "[0e+1]"),
        .accepts("zero with an exponent", "[0e1]"),
        .accepts("number after a space", "[ 4]"),
        .accepts("number close to zero", "[-0.\(String(repeating: "0", count: 76))1]"),
        .accepts("integer with an exponent", "[20e1]"),
        .accepts("negative zero", "[-0]"),
        .accepts("negative zero with a fraction", "[-0.0]"),
        .accepts("negative integer", "[-123]"),
        .accepts("minus one", "[-1]"),
        .accepts("capital E", "[1E22]"),
        .accepts("capital E, negative exponent", "[1E-2]"),
        .accepts("capital E, positive exponent", "[1E+2]"),
        .accepts("three digits with an exponent", "[123e45]"),
        .accepts("fraction and exponent", "[123.456e78]"),
        .accepts("negative exponent", "[1e-2]"),
        .accepts("positive exponent", "[1e+2]"),
        .accepts("exponent with leading zeros", "[1e0005]"),
        .accepts("integer", "[123]"),
        .accepts("fraction", "[123.456789]"),
        .accepts("fraction of zeros", "[1.000]"),
        .accepts("all ten digits", "[1234567890.0123456789]"),
    ]

    private static let objects: [JSONCase] = [
        .accepts("object of two members", #"{"asd":"sdf", "dfg":"fgh"}"#),
        .accepts("object of one member", #"{"asd":"sdf"}"#),
        .accepts("empty object", "{}"),
        .accepts("empty name", #"{"":0}"#),
        .accepts("escaped NUL in a name", #"{"foo\u0000bar": 42}"#),
        .accepts("numbers near the end of a double's range", #"{ "min": -1.0e+28, "max": 1.0e+28 }"#),
        .accepts(
            "long strings",
            #"{"x":[{"id": "\#(String(repeating: "x", count: 40))"}], "id": "\#(String(repeating: "x", count: 40))"}"#),
        .accepts("object of an array", #"{"a":[]}"#),
        .accepts(
            "escaped Cyrillic",
            #"{"title":"\u041f\u043e\u043b\u0442\u043e\u0440\u0430 \u0417\u0435\u043c\u043b\u0435\u043a\u043e\u043f\u0430"}"#
        ),
        .accepts("object over several lines", "{\n\"a\": \"b\"\n}"),
        .accepts("names that differ in case", #"{"a":1,"A":2,"\u0041a":3}"#),
        .accepts("names that only normalisation makes equal", "{\"\u{E9}\":1,\"e\u{301}\":2}"),
        .accepts("the same name at different depths", #"{"a":{"a":{"a":[{"a":1},{"a":2}]}}}"#),
        .accepts("a name that is the start of another", #"{"ab":1,"a":2,"abc":3,"":4}"#),
        .accepts("names that differ in their escapes", #"{"\u0061\u0062":1,"\u0061\u0063":2,"\\u0061":3}"#),
        .accepts("hundred members", "{" + (0..<100).map { "\"m\($0)\":\($0)" }.joined(separator: ",") + "}"),
        .accepts(
            "nesting of 32 objects",
            String(repeating: "{\"a\":", count: 31) + "{}" + String(repeating: "}", count: 31)),
    ]

    private static let structures: [JSONCase] = [
        .accepts("false alone", "false"),
        .accepts("true alone", "true"),
        .accepts("null alone", "null"),
        .accepts("integer alone", "42"),
        .accepts("zero alone", "0"),
        .accepts("negative fraction alone", "-0.1"),
        .accepts("string alone", #""asd""#),
        .accepts("empty string alone", #""""#),
        .accepts("string of a space alone", #"" ""#),
        .accepts("true in an array", "[true]"),
        .accepts("spaces around an array", " [] "),
        .accepts("whitespace of every kind around a number", " \t\r\n1 \t\r\n"),
    ]
}
