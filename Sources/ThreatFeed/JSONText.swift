/// Writes JSON text (RFC 8259) into a byte array.
public enum JSONText {
    /// Appends text that is JSON already.
    public static func appendRaw(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: text.utf8)
    }

    /// Appends a string in quotes; quotation mark, reverse solidus and control characters are escaped (§7).
    public static func appendString(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            bytes.append(contentsOf: text.utf8)
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
        appendRaw(",\"", to: &bytes)
        appendRaw(name, to: &bytes)
        appendRaw("\":", to: &bytes)
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
        for index in first..<20 { bytes.append(digits[index]) }
    }

    /// Appends a number in decimal, with a sign when it is negative.
    public static func appendInteger(_ value: Int64, to bytes: inout [UInt8]) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        appendInteger(value.magnitude, to: &bytes)
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
