/// Where the units of a byte stream end, without a look into them.
package enum LoadUnit {
    /// How long the frame at the beginning is (RFC 6455 §5.2).
    /// - Returns: `nil` until it is there whole.
    package static func frameLength(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= 2 else { return nil }
        let first = bytes.startIndex
        let mask = bytes[first + 1] & 0x80 == 0 ? 0 : 4
        var length = Int(bytes[first + 1] & 0x7F)
        var header = 2
        if length >= 126 {
            header = length == 126 ? 4 : 10
            guard bytes.count >= header else { return nil }
            // One that does not fit is for the decoder to refuse; it never is there whole.
            var extended: UInt64 = 0
            for byte in bytes[(first + 2)..<(first + header)] { extended = extended << 8 | UInt64(byte) }
            length = Int(clamping: min(extended, UInt64(UInt32.max)))
        }
        let whole = header + mask + length
        return bytes.count >= whole ? whole : nil
    }

    /// How long the block of lines at the beginning is, through its empty line (HTML Living Standard §9.2).
    /// - Returns: `nil` until it is there whole.
    package static func eventLength(_ bytes: ArraySlice<UInt8>) -> Int? {
        var index = bytes.startIndex
        while let end = bytes[index...].firstIndex(of: UInt8(ascii: "\n")), end + 1 < bytes.endIndex {
            if bytes[end + 1] == UInt8(ascii: "\n") { return end + 2 - bytes.startIndex }
            index = end + 1
        }
        return nil
    }

    /// The value of the `data:` line of an event's block.
    /// - Returns: `nil` for a block without one.
    package static func eventData(_ block: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        for line in block.split(separator: UInt8(ascii: "\n")) where line.starts(with: "data:".utf8) {
            let value = line.dropFirst(5)
            return value.first == UInt8(ascii: " ") ? value.dropFirst() : value
        }
        return nil
    }
}
