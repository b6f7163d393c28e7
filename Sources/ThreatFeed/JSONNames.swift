/// A set of 64 bits that tells most new names of an object from the ones before.
struct NameFingerprints {
    private var bits: UInt64 = 0
    private var sawEscape = false
    /// Whether any name may have been a repetition.
    private(set) var sawRepetition = false

    /// Notes a name and tells whether an equal one may have been noted before. Escaped names have no fingerprint that
    /// agrees with their plain spelling, so from the first of them on everything may repeat.
    @inline(__always)
    mutating func mayRepeat(_ bytes: Span<UInt8>, _ name: Range<Int>, escaped: Bool) -> Bool {
        if escaped { sawEscape = true }
        var hash = UInt64(truncatingIfNeeded: name.count)
        if !name.isEmpty {
            let first = UInt64(bytes[name.lowerBound])
            let middle = UInt64(bytes[name.lowerBound + name.count / 2])
            let last = UInt64(bytes[name.upperBound - 1])
            hash |= first << 16 | middle << 24 | last << 32
        }
        hash = (hash &* 0x9E37_79B9_7F4A_7C15) >> 58
        let bit: UInt64 = 1 << hash
        let repeats = sawEscape || bits & bit != 0
        bits |= bit
        sawRepetition = sawRepetition || repeats
        return repeats
    }
}

/// A hash table of the names of one object, by decoded bytes.
struct JSONNames {
    /// Node index plus one; zero is free. At most half full.
    private var slots: [Int32]
    private let mask: Int

    init(memberCount: Int) {
        var size = 64
        while size < memberCount * 2 { size *= 2 }
        slots = Array(repeating: 0, count: size)
        mask = size - 1
    }

    /// - Returns: `false` if a node with the same name is in the table.
    mutating func insert(_ index: Int, of nodes: [JSONNode], _ bytes: Span<UInt8>) -> Bool {
        var slot = Self.hash(bytes, nodes[index]) & mask
        while slots[slot] != 0 {
            if Self.areEqual(bytes, nodes[Int(slots[slot]) - 1], nodes[index]) { return false }
            slot = (slot + 1) & mask
        }
        slots[slot] = Int32(truncatingIfNeeded: index + 1)
        return true
    }

    /// Whether two members have the same name, however it is spelt.
    static func areEqual(_ bytes: Span<UInt8>, _ left: JSONNode, _ right: JSONNode) -> Bool {
        guard let leftName = left.name, let rightName = right.name else { return false }
        if left.nameHasEscapes || right.nameHasEscapes {
            return JSONTokens.decode(bytes, leftName) == JSONTokens.decode(bytes, rightName)
        }
        guard leftName.count == rightName.count else { return false }
        for step in 0..<leftName.count
        where bytes[leftName.lowerBound + step] != bytes[rightName.lowerBound + step] {
            return false
        }
        return true
    }

    private static func hash(_ bytes: Span<UInt8>, _ node: JSONNode) -> Int {
        guard let name = node.name else { return 0 }
        var hasher = Hasher()
        if node.nameHasEscapes {
            for byte in JSONTokens.decode(bytes, name) { hasher.combine(byte) }
        } else {
            for offset in name { hasher.combine(bytes[offset]) }
        }
        return hasher.finalize()
    }
}
