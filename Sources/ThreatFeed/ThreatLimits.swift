/// The bounds of a threat (contract, "A threat") and of what is said about a broken one.
enum ThreatLimits {
    /// Bytes of `customer_name`, `title`, `summary` and `source`, decoded, each.
    static let textBytesMax = 1024
    /// Field errors reported for one list; it may be broken in thousands of places, and every other field is to be
    /// named too.
    static let elementErrorsMax = 50
}

/// The patterns of the contract, over decoded bytes.
enum TextPattern {
    static let threatTypeText = "[a-z0-9][a-z0-9_.-]{0,63}"
    static let idText = "[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"
    static let techniqueText = #"T\d{4}(\.\d{3})?"#

    /// `[a-z0-9][a-z0-9_.-]{0,63}`
    static func isThreatType(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, bytes.count <= 64, isLower(first) || isDigit(first) else { return false }
        return bytes.allSatisfy {
            isLower($0) || isDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
        }
    }

    /// `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`
    static func isID(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, bytes.count <= 128, isAlphanumeric(first) else { return false }
        return bytes.allSatisfy {
            isAlphanumeric($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ":")
                || $0 == UInt8(ascii: "-")
        }
    }

    /// `T\d{4}(\.\d{3})?` with ASCII digits.
    static func isTechnique(_ bytes: ArraySlice<UInt8>) -> Bool {
        let start = bytes.startIndex
        guard bytes.count == 5 || bytes.count == 9, bytes[start] == UInt8(ascii: "T") else { return false }
        guard bytes[(start + 1)..<(start + 5)].allSatisfy(isDigit) else { return false }
        if bytes.count == 5 { return true }
        return bytes[start + 5] == UInt8(ascii: ".") && bytes[(start + 6)...].allSatisfy(isDigit)
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "0") < 10
    }

    private static func isLower(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "a") < 26
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20) &- UInt8(ascii: "a") < 26
    }
}
