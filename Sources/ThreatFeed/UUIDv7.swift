/// UUIDs of version 7: 48 bits of Unix time in milliseconds, then random bits (RFC 9562 §5.7).
public enum UUIDv7 {
    /// Random bytes a UUID takes.
    public static let randomByteCount = 10

    /// Writes a UUID in its 36-character form, in lower case.
    /// - Precondition: At least `randomByteCount` random bytes.
    public static func make(milliseconds: Int64, random: [UInt8]) -> String {
        precondition(random.count >= randomByteCount, "a UUID of version 7 needs 10 random bytes")
        let high = random[0..<2].reduce(0) { $0 << 8 | UInt64($1) }
        let low = random[2..<10].reduce(0) { $0 << 8 | UInt64($1) }
        let time = UInt64(bitPattern: milliseconds)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        Hexadecimal.append(time >> 16, digits: 8, to: &text)
        text.append(UInt8(ascii: "-"))
        Hexadecimal.append(time, digits: 4, to: &text)
        text.append(UInt8(ascii: "-"))
        Hexadecimal.append(0x7000 | high & 0x0FFF, digits: 4, to: &text)
        text.append(UInt8(ascii: "-"))
        Hexadecimal.append(0x8000 | low >> 48 & 0x3FFF, digits: 4, to: &text)
        text.append(UInt8(ascii: "-"))
        Hexadecimal.append(low, digits: 12, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}
