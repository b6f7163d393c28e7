import ThreatFeed

/// The `initial_batch` that was made last, for all who come while it would be made the same.
struct FirstFrame {
    /// What it follows from.
    struct Key: Equatable {
        let head: Cursor
        let trimmedThrough: Cursor
        let history: Int
        let filter: Filter

        init(head: Cursor, trimmedThrough: Cursor, history: Int, filter: Filter) {
            self.head = head
            self.trimmedThrough = trimmedThrough
            self.history = history
            self.filter = history == 0 ? .everything : filter
        }
    }

    /// A longer one is not kept.
    private static let bytesMax = 256 << 10

    private var kept: (key: Key, text: [UInt8])?

    /// The frame's text, if it is the one kept.
    func text(of key: Key) -> [UInt8]? {
        guard let kept, kept.key == key else { return nil }
        return kept.text
    }

    mutating func keep(_ text: [UInt8], of key: Key) {
        kept = text.count <= Self.bytesMax ? (key, text) : nil
    }
}
