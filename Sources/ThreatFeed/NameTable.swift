/// Finds members by their name without hashing or building strings.
///
/// Names have at most 16 bytes and are compared as two words.
struct NameTable<Member: RawRepresentable & CaseIterable & Sendable>: Sendable where Member.RawValue == String {
    private struct Entry: Sendable {
        let low: UInt64
        let high: UInt64
        let member: Member
    }

    private static var nameBytesMax: Int { 16 }

    private var entries: [Entry] = []
    /// Entries of names with `n` bytes stand at `starts[n]..<starts[n + 1]`.
    private var starts: [Int] = [0]

    init() {
        precondition(
            Member.allCases.allSatisfy { $0.rawValue.utf8.count <= Self.nameBytesMax }, "a name has at most 16 bytes")
        for length in 0...Self.nameBytesMax {
            for member in Member.allCases where member.rawValue.utf8.count == length {
                let name = Array(member.rawValue.utf8)
                entries.append(
                    Entry(
                        low: Self.word(name.span, 0, length), high: Self.word(name.span, 8, length - 8), member: member)
                )
            }
            starts.append(entries.count)
        }
    }

    /// The member a name without escapes stands for; `nil` for one without a rule.
    func find(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Member? {
        let count = name.count
        guard count <= Self.nameBytesMax, starts[count] < starts[count + 1] else { return nil }
        let low = Self.word(bytes, name.lowerBound, count)
        let high = Self.word(bytes, name.lowerBound + 8, count - 8)
        for index in starts[count]..<starts[count + 1]
        where entries[index].low == low && entries[index].high == high {
            return entries[index].member
        }
        return nil
    }

    /// The first `count` bytes from an offset, at most eight, as one little-endian word.
    private static func word(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64 {
        guard count > 0 else { return 0 }
        if start + 8 <= bytes.count {
            let mask: UInt64 = count >= 8 ? .max : (1 << UInt64(count * 8)) - 1
            return bytes.word(at: start) & mask
        }
        var word: UInt64 = 0
        for step in 0..<min(count, 8) { word |= UInt64(bytes[start + step]) << UInt64(step * 8) }
        return word
    }
}
