/// Writes field lines (RFC 9112 §5).
enum FieldLine {
    /// Appends `name: value` CR LF, the value in three pieces. A control character in a value becomes a space: text
    /// that came from a peer must not be able to start another line.
    static func append(
        _ name: String, _ value: String, _ second: String = "", _ third: String = "", to output: inout [UInt8]
    ) {
        precondition(!name.isEmpty && isToken(name.utf8Span.span), "A field name is a token.")
        output.append(text: name)
        output.append(literal: ": ")
        appendContent(value, to: &output)
        if !second.isEmpty { appendContent(second, to: &output) }
        if !third.isEmpty { appendContent(third, to: &output) }
        output.append(literal: "\r\n")
    }

    private static func appendContent(_ text: String, to output: inout [UInt8]) {
        let start = output.count
        output.append(text: text)
        guard !isFieldContent(text.utf8Span.span) else { return }
        for index in start..<output.count where !ASCII.isFieldContent(output[index]) {
            output[index] = ASCII.space
        }
    }

    private static func isToken(_ name: Span<UInt8>) -> Bool {
        for index in name.indices where !ASCII.isToken(name[index]) { return false }
        return true
    }

    private static func isFieldContent(_ value: Span<UInt8>) -> Bool {
        for index in value.indices where !ASCII.isFieldContent(value[index]) { return false }
        return true
    }

    static func isUpgrade(_ name: String) -> Bool {
        let text = name.utf8Span.span
        return ASCII.equalsIgnoringCase(text, 0..<text.count, "upgrade")
    }

    /// Whether the response encoder alone decides about this field.
    static func isOwnedByEncoder(_ name: String, informational: Bool) -> Bool {
        let text = name.utf8Span.span
        let whole = 0..<text.count
        switch text.count {
        case 4: return ASCII.equalsIgnoringCase(text, whole, "date")
        case 10: return !informational && ASCII.equalsIgnoringCase(text, whole, "connection")
        case 14: return ASCII.equalsIgnoringCase(text, whole, "content-length")
        case 17: return ASCII.equalsIgnoringCase(text, whole, "transfer-encoding")
        default: return false
        }
    }
}

/// Writes decimal numbers without making a `String`.
enum DecimalText {
    /// Appends a number that is not negative.
    static func append(_ number: Int, to output: inout [UInt8]) {
        precondition(number >= 0, "Lengths and codes are not negative.")
        let start = output.count
        var rest = number
        repeat {
            output.append(0x30 + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        var low = start
        var high = output.count - 1
        while low < high {
            output.swapAt(low, high)
            low += 1
            high -= 1
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

    /// Appends text of the program.
    mutating func append(literal text: StaticString) {
        // SAFETY: the text is part of the program, and is copied.
        text.withUTF8Buffer { append(contentsOf: $0) }
    }
}
