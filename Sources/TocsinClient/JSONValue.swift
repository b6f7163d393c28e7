public import ThreatFeed

/// A JSON document as a tree, for the small answers and files that clients read.
public indirect enum JSONValue: Sendable, Equatable {
    /// Members in the order of the text.
    case object([(name: String, value: JSONValue)])
    case array([JSONValue])
    case string(String)
    /// The number as it stands in the text, so that no digit is lost.
    case number(String)
    case bool(Bool)
    case null

    /// - Throws: `JSONError` for text that is not one JSON value.
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        var scanner = JSONScanner(limits: .delivered)
        try scanner.scan(bytes.span)
        self = Self.value(at: 0, of: scanner, in: bytes)
    }

    /// The member of that name, if this is an object that has it.
    public subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The element at an index, if this is an array that has it.
    public subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    public var stringValue: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    public var integerValue: Int? {
        guard case .number(let text) = self else { return nil }
        return Int(text)
    }

    public var boolValue: Bool? {
        guard case .bool(let flag) = self else { return nil }
        return flag
    }

    public var elements: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The names of an object's members, in order.
    public var names: [String] {
        guard case .object(let members) = self else { return [] }
        return members.map(\.name)
    }

    /// A string that is a cursor.
    public var cursorValue: Cursor? { stringValue.flatMap { Cursor($0) } }

    /// The value as JSON text without whitespace.
    public func append(to text: inout [UInt8]) {
        switch self {
        case .object(let members):
            text.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                JSONText.appendString(member.name, to: &text)
                text.append(UInt8(ascii: ":"))
                member.value.append(to: &text)
            }
            text.append(UInt8(ascii: "}"))
        case .array(let elements):
            text.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                element.append(to: &text)
            }
            text.append(UInt8(ascii: "]"))
        case .string(let string): JSONText.appendString(string, to: &text)
        case .number(let number): JSONText.appendRaw(number, to: &text)
        case .bool(let flag): JSONText.appendRaw(flag ? "true" : "false", to: &text)
        case .null: JSONText.appendRaw("null", to: &text)
        }
    }

    /// The value as JSON text without whitespace.
    public var bytes: [UInt8] {
        var text: [UInt8] = []
        append(to: &text)
        return text
    }

    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.object(let left), .object(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.name == $1.name && $0.value == $1.value }
        case (.array(let left), .array(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.bool(let left), .bool(let right)): left == right
        case (.null, .null): true
        case (.object, _), (.array, _), (.string, _), (.number, _), (.bool, _), (.null, _): false
        }
    }

    private static func value(at index: Int, of scanner: JSONScanner, in bytes: [UInt8]) -> JSONValue {
        let node = scanner.nodes[index]
        switch node.kind {
        case .object:
            return .object(
                scanner.children(of: index).map { child in
                    let name = scanner.nodes[child].name.map { JSONValue.unescaped(bytes[$0]) } ?? ""
                    return (name, value(at: child, of: scanner, in: bytes))
                })
        case .array: return .array(scanner.children(of: index).map { value(at: $0, of: scanner, in: bytes) })
        case .string: return .string(unescaped(bytes[node.content]))
        case .number: return .number(String(decoding: bytes[node.range], as: UTF8.self))
        case .boolean: return .bool(bytes[node.range.lowerBound] == UInt8(ascii: "t"))
        case .null: return .null
        }
    }

    /// The text of a string whose escapes the scanner has found valid (RFC 8259 §7).
    static func unescaped(_ content: ArraySlice<UInt8>) -> String {
        guard content.contains(UInt8(ascii: "\\")) else { return String(decoding: content, as: UTF8.self) }
        var units: [UInt16] = []
        var scalars = Substring(decoding: content, as: UTF8.self).unicodeScalars
        while let scalar = scalars.popFirst() {
            guard scalar == "\\", let kind = scalars.popFirst() else {
                units.append(contentsOf: String(scalar).utf16)
                continue
            }
            switch kind {
            case "b": units.append(0x08)
            case "f": units.append(0x0C)
            case "n": units.append(0x0A)
            case "r": units.append(0x0D)
            case "t": units.append(0x09)
            case "u":
                let digits = String(String.UnicodeScalarView(scalars.prefix(4)))
                scalars.removeFirst(min(4, scalars.count))
                units.append(UInt16(digits, radix: 16) ?? 0xFFFD)
            default: units.append(contentsOf: String(kind).utf16)
            }
        }
        return String(decoding: units, as: UTF16.self)
    }
}
