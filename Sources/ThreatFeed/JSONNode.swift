/// The kinds of JSON values (RFC 8259 §3).
public enum JSONKind: UInt8, Hashable, Sendable {
    case object, array, string, number, boolean, null

    /// The word for error messages, with its article.
    var article: String {
        switch self {
        case .object: "an object"
        case .array: "an array"
        case .string: "a string"
        case .number: "a number"
        case .boolean: "a boolean"
        case .null: "null"
        }
    }
}

/// One value found by `JSONScanner`. Ranges are offsets into the scanned bytes.
public struct JSONNode: Hashable, Sendable {
    /// Sentinel in `nameEnd` of a value that is no object's member.
    static let unnamed = UInt32.max

    public let kind: JSONKind
    /// Whether insignificant whitespace stands within the value.
    public internal(set) var containsWhitespace = false
    /// Whether the member's name contains escape sequences.
    public let nameHasEscapes: Bool
    /// Whether the string contains escape sequences (strings only).
    public internal(set) var hasEscapes = false
    var start: UInt32
    var end: UInt32
    let nameStart: UInt32
    let nameEnd: UInt32
    /// Index of the node after this one and everything in it.
    public internal(set) var next: Int32

    @inline(__always)
    init(kind: JSONKind, start: Int, end: Int, next: Int, name: JSONName) {
        self.kind = kind
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
        nameStart = name.start
        nameEnd = name.end
        nameHasEscapes = name.hasEscapes
        self.next = Int32(truncatingIfNeeded: next)
    }

    /// The value's text, quotes and brackets included.
    public var range: Range<Int> { Int(start)..<Int(end) }

    /// The text of a string between its quotes.
    public var content: Range<Int> { Int(start) + 1..<Int(end) - 1 }

    /// The text of the member's name between its quotes; `nil` for elements and the top value.
    public var name: Range<Int>? {
        nameEnd == Self.unnamed ? nil : Int(nameStart)..<Int(nameEnd)
    }
}

/// Where the name of a member about to be read stands.
struct JSONName {
    let start: UInt32
    let end: UInt32
    let hasEscapes: Bool

    /// For elements and the top value.
    static var none: JSONName { JSONName(start: 0, end: JSONNode.unnamed, hasEscapes: false) }

    @inline(__always)
    init(_ range: Range<Int>, hasEscapes: Bool) {
        self.init(
            start: UInt32(truncatingIfNeeded: range.lowerBound), end: UInt32(truncatingIfNeeded: range.upperBound),
            hasEscapes: hasEscapes)
    }

    @inline(__always)
    private init(start: UInt32, end: UInt32, hasEscapes: Bool) {
        self.start = start
        self.end = end
        self.hasEscapes = hasEscapes
    }
}
