/// The position of an entry in a tenant's log: generation and sequence number, written `G-S`.
///
/// Cursors compare as pairs of integers. The text form is also the ID of the entry in the Redis Stream.
public struct Cursor: Hashable, Comparable, Sendable, LosslessStringConvertible {
    /// Millisecond time stamp of the log's beginning or last fork.
    public let generation: UInt64
    /// Number of the entry, contiguous within a generation and continued across generations.
    public let sequence: UInt64

    /// `0-0`, before every entry.
    public static let zero = Cursor(generation: 0, sequence: 0)

    public init(generation: UInt64, sequence: UInt64) {
        self.generation = generation
        self.sequence = sequence
    }

    /// Parses `G-S`: two decimal numbers of at most 64 bits without sign, space or leading zeros.
    /// - Returns: `nil` for anything else.
    public init?(_ description: String) {
        self.init(ascii: Array(description.utf8)[...])
    }

    /// Parses the same text from bytes, as they arrive in Redis replies.
    public init?(ascii bytes: ArraySlice<UInt8>) {
        guard bytes.count <= 41, let dash = bytes.firstIndex(of: UInt8(ascii: "-")),
            let generation = DecimalText.parse(bytes[..<dash]),
            let sequence = DecimalText.parse(bytes[(dash + 1)...])
        else { return nil }
        self.init(generation: generation, sequence: sequence)
    }

    public var description: String { "\(generation)-\(sequence)" }

    public static func < (left: Cursor, right: Cursor) -> Bool {
        (left.generation, left.sequence) < (right.generation, right.sequence)
    }

    /// Appends `G-S` without quotes.
    public func append(to text: inout [UInt8]) {
        JSONText.appendInteger(generation, to: &text)
        text.append(UInt8(ascii: "-"))
        JSONText.appendInteger(sequence, to: &text)
    }

    /// The number of bytes `append(to:)` writes.
    public var textByteCount: Int {
        DecimalText.digitCount(generation) + 1 + DecimalText.digitCount(sequence)
    }
}
