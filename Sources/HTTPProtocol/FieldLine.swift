/// Writes field lines (RFC 9112 §5).
enum FieldLine {
    /// Appends `name: value` CR LF. A control character in a value becomes a space: text that came from a peer must
    /// not be able to start another line.
    static func append(_ name: String, _ value: String, to output: inout [UInt8]) {
        precondition(!name.isEmpty && name.utf8.allSatisfy(ASCII.isToken), "A field name is a token.")
        output.append(contentsOf: name.utf8)
        output.append(ASCII.colon)
        output.append(ASCII.space)
        let start = output.count
        output.append(contentsOf: value.utf8)
        for index in start..<output.count where !ASCII.isFieldContent(output[index]) { output[index] = ASCII.space }
        output.append(ASCII.carriageReturn)
        output.append(ASCII.lineFeed)
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
