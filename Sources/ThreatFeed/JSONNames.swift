/// A set of 256 bits that tells most new names of an object from the ones before.
struct NameFingerprints {
    private var bits: InlineArray<4, UInt64> = InlineArray(repeating: 0)
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
        hash = (hash &* 0x9E37_79B9_7F4A_7C15) >> 56
        let bit: UInt64 = 1 << (hash & 63)
        let word = Int(truncatingIfNeeded: hash >> 6)
        let repeats = sawEscape || bits[word] & bit != 0
        bits[word] |= bit
        sawRepetition = sawRepetition || repeats
        return repeats
    }
}

/// A hash table of the names of one object, by decoded bytes; its memory is used for one object after another.
struct JSONNames {
    /// Node index plus one; zero is free. At most half full.
    private var slots: [Int32] = []
    /// A power of two less one; the slots up to it are in use.
    private var mask = 0

    private static let slotsMin = 64

    /// Empties the table and makes room for an object's names.
    mutating func prepare(memberCount: Int) {
        var size = Self.slotsMin
        while size < memberCount * 2 { size *= 2 }
        mask = size - 1
        if size > slots.count {
            slots = Array(repeating: 0, count: size)
        } else {
            for slot in 0..<size { slots[slot] = 0 }
        }
    }

    /// Gives memory back that a huge object needed.
    mutating func trim(slotsMax: Int) {
        if slots.count > slotsMax { slots = [] }
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
            var leftReader = JSONStringReader(leftName)
            var rightReader = JSONStringReader(rightName)
            while let byte = leftReader.next(bytes) {
                guard rightReader.next(bytes) == byte else { return false }
            }
            return rightReader.next(bytes) == nil
        }
        let count = leftName.count
        guard count == rightName.count else { return false }
        var step = 0
        while step + 8 <= count {
            guard bytes.word(at: leftName.lowerBound + step) == bytes.word(at: rightName.lowerBound + step) else {
                return false
            }
            step += 8
        }
        while step < count {
            guard bytes[leftName.lowerBound + step] == bytes[rightName.lowerBound + step] else { return false }
            step += 1
        }
        return true
    }

    /// Hashes the decoded bytes, eight at a time, with a seed that each process has of its own.
    private static func hash(_ bytes: Span<UInt8>, _ node: JSONNode) -> Int {
        guard let name = node.name else { return 0 }
        var hasher = Hasher()
        var word: UInt64 = 0
        var count = 0
        var plain = name.lowerBound
        if !node.nameHasEscapes {
            while plain + 8 <= name.upperBound {
                hasher.combine(bytes.word(at: plain))
                plain += 8
                count += 8
            }
        }
        var reader = JSONStringReader(plain..<name.upperBound)
        while let byte = reader.next(bytes) {
            word |= UInt64(byte) << UInt64(count % 8 * 8)
            count += 1
            guard count % 8 == 0 else { continue }
            hasher.combine(word)
            word = 0
        }
        hasher.combine(word)
        hasher.combine(count)
        return hasher.finalize()
    }
}
