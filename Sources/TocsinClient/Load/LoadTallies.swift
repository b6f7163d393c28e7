/// How many clients received each threat of a load, by its number, and how late the last one was.
package struct LoadTallies: Sendable {
    package struct Tally: Equatable, Sendable {
        package var receipts: UInt32 = 0
        /// From when the post was due to the last receipt.
        package var latencyMaxMicroseconds: UInt32 = 0
    }

    /// Bounds what a load holds as a whole: 8 bytes for each threat in each of its loops, 1 GiB in all.
    package static let talliesMax = 128 << 20
    private static let chunkSize = 1 << 16
    private var chunks: [[Tally]] = []

    package init() {}

    package subscript(number: Int) -> Tally {
        let chunk = number / Self.chunkSize
        return chunk < chunks.count ? chunks[chunk][number % Self.chunkSize] : Tally()
    }

    mutating func count(_ number: Int, latencyMicroseconds: UInt32) {
        precondition((0..<Self.talliesMax).contains(number), "a number beyond the bound is not read from an id")
        let chunk = number / Self.chunkSize
        while chunk >= chunks.count { chunks.append([Tally](repeating: Tally(), count: Self.chunkSize)) }
        chunks[chunk][number % Self.chunkSize].receipts &+= 1
        if chunks[chunk][number % Self.chunkSize].latencyMaxMicroseconds < latencyMicroseconds {
            chunks[chunk][number % Self.chunkSize].latencyMaxMicroseconds = latencyMicroseconds
        }
    }
}

/// A set of threats' numbers, one bit each.
package struct LoadNumbers: Sendable {
    private var words: [UInt64] = []
    package private(set) var count = 0

    package init() {}

    package mutating func insert(_ number: Int) {
        while words.count <= number >> 6 { words.append(0) }
        let bit: UInt64 = 1 << UInt64(number & 63)
        guard words[number >> 6] & bit == 0 else { return }
        words[number >> 6] |= bit
        count += 1
    }

    package func contains(_ number: Int) -> Bool {
        number >> 6 < words.count && words[number >> 6] & (1 << UInt64(number & 63)) != 0
    }

    /// One more than the highest number there can be.
    package var end: Int { words.count << 6 }
}
