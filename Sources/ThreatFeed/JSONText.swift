/// Writes JSON text (RFC 8259) into a byte array.
public enum JSONText {
    /// Appends text that is JSON already.
    public static func appendRaw(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(text: text)
    }

    /// Appends text of the program that is JSON already.
    static func appendLiteral(_ text: StaticString, to bytes: inout [UInt8]) {
        // SAFETY: the text is part of the program, and is copied.
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// Appends a string in quotes; quotation mark, reverse solidus and control characters are escaped (§7).
    public static func appendString(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        if isPlain(text.utf8Span.span) {
            bytes.append(text: text)
        } else {
            for byte in text.utf8 { appendEscaped(byte, to: &bytes) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends a string member with the comma before it: `,"name":"value"`.
    public static func appendMember(_ name: String, _ value: String, to bytes: inout [UInt8]) {
        appendName(name, to: &bytes)
        appendString(value, to: &bytes)
    }

    /// Appends `,"name":`; the name must need no escape.
    static func appendName(_ name: String, to bytes: inout [UInt8]) {
        appendLiteral(",\"", to: &bytes)
        bytes.append(text: name)
        appendLiteral("\":", to: &bytes)
    }

    /// Appends an unsigned number in decimal.
    public static func appendInteger(_ value: UInt64, to bytes: inout [UInt8]) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var first = 20
        var rest = value
        repeat {
            first -= 1
            let (tenth, digit) = rest.quotientAndRemainder(dividingBy: 10)
            digits[first] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit)
            rest = tenth
        } while rest > 0
        bytes.append(addingCapacity: 20 - first) { output in
            for index in first..<20 { output.append(digits[index]) }
        }
    }

    /// Appends a number in decimal, with a sign when it is negative.
    public static func appendInteger(_ value: Int64, to bytes: inout [UInt8]) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        appendInteger(value.magnitude, to: &bytes)
    }

    /// Whether no byte of a string needs an escape.
    private static func isPlain(_ text: Span<UInt8>) -> Bool {
        var offset = JSONTokens.plainEnd(text, 0, text.count)
        while offset < text.count {
            guard text[offset] >= 0x80 else { return false }
            offset = JSONTokens.plainEnd(text, offset + 1, text.count)
        }
        return true
    }

    private static func appendEscaped(_ byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
        case 0x0A: appendRaw("\\n", to: &bytes)
        case 0x0D: appendRaw("\\r", to: &bytes)
        case 0x09: appendRaw("\\t", to: &bytes)
        case ..<0x20:
            appendRaw("\\u", to: &bytes)
            Hexadecimal.append(UInt64(byte), digits: 4, to: &bytes)
        default: bytes.append(byte)
        }
    }
}

extension [UInt8] {
    /// Appends the UTF-8 of a text in one piece, which `append(contentsOf: text.utf8)` does by way of an iterator.
    mutating func append(text: String) {
        let bytes = text.utf8Span.span
        // SAFETY: the span is that of `text`, which lives until the bytes are copied.
        bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
    }
}
