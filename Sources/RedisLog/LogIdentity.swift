/// Which log this is: a name of its own, made once at random, and the database that it lies in.
///
/// Channels know no databases (SELECT): what is published in one is heard by the subscribers of all. So each message of
/// a log begins with its identity. A copy of the keys in another database still has the name, but not the place; the
/// next fork gives it a name of its own.
///
/// Its text, in `meta` and in messages, is 16 hexadecimal digits, `@` and the database's number.
public struct LogIdentity: Hashable, Sendable, CustomStringConvertible {
    let name: UInt64
    let database: Int

    private static let digitCount = 16

    init(name: UInt64, database: Int) {
        self.name = name
        self.database = database
    }

    /// Reads the text.
    /// - Returns: `nil` for anything that `description` does not write.
    init?(_ text: ArraySlice<UInt8>) {
        guard text.count > Self.digitCount + 1, text.count <= Self.digitCount + 11 else { return nil }
        var name: UInt64 = 0
        for digit in text.prefix(Self.digitCount) {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): name = name << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): name = name << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        let place = text.dropFirst(Self.digitCount)
        guard place.first == UInt8(ascii: "@") else { return nil }
        let digits = place.dropFirst()
        var database = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            database = database * 10 + Int(digit - UInt8(ascii: "0"))
        }
        guard digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        self.init(name: name, database: database)
    }

    public var description: String {
        let digits = String(name, radix: 16)
        return String(repeating: "0", count: Self.digitCount - digits.count) + digits + "@\(database)"
    }
}
