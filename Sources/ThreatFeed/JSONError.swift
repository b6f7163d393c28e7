/// Why bytes are not an acceptable JSON text, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was found. All but the last four are breaches of RFC 8259; duplicate names (§4 "SHOULD be unique") and
    /// lone surrogates (§8.2) are refused because peers would read them differently.
    public enum Reason: String, Hashable, Sendable {
        case empty = "there is no JSON value"
        case unexpectedEnd = "the text ends inside a value"
        case unexpectedByte = "this byte cannot stand here"
        case trailingBytes = "there is more after the JSON value"
        case controlCharacter = "a control character in a string is not escaped"
        case invalidEscape = "this is not an escape sequence"
        case invalidUTF8 = "the text is not UTF-8"
        case byteOrderMark = "the text begins with a byte-order mark"
        case notUTF8Encoding = "the text is UTF-16 or UTF-32"
        case invalidNumber = "this is not a JSON number"
        case invalidLiteral = "this is neither true, false nor null"
        case loneSurrogate = "a surrogate escape stands alone"
        case duplicateMember = "a member of this object stands twice"
        case depthExceeded = "values are nested too deeply"
        case tooManyValues = "there are too many values"
    }

    /// Bytes from the beginning of the text (of the item, in a batch) to the first byte that cannot stand where it
    /// stands. A broken token (number, literal, escape, encoded character) counts as a whole from its first byte, a
    /// repeated member from the quotation mark of its name, and a text that ends too early is as long as its offset.
    public let offset: Int
    public let reason: Reason

    public init(offset: Int, reason: Reason) {
        self.offset = offset
        self.reason = reason
    }

    /// One sentence with the offset.
    public var description: String { "not acceptable as JSON at byte \(offset): \(reason.rawValue)" }
}
