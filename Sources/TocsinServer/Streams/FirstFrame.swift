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

    private var kept: (key: Key, frame: PrivateFrame)?

    /// The frame, if it is the one kept.
    func frame(of key: Key) -> PrivateFrame? {
        guard let kept, kept.key == key else { return nil }
        return kept.frame
    }

    mutating func keep(_ frame: PrivateFrame, of key: Key) {
        kept = frame.text.count <= Self.bytesMax ? (key, frame) : nil
    }
}
