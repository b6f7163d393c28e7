/// A threat with its place in the log.
public struct LogEntry: Hashable, Sendable {
    public let cursor: Cursor
    public let record: ThreatRecord

    public init(cursor: Cursor, record: ThreatRecord) {
        self.cursor = cursor
        self.record = record
    }

    /// The whole JSON document on one line: `{"seq":S,"cursor":"G-S",<tail>`.
    public func document() -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(documentByteCount)
        appendDocument(to: &text)
        return text
    }

    /// The number of bytes of `document()`.
    public var documentByteCount: Int {
        // `{"seq":` 7, `,"cursor":"` 11, `",` 2
        20 + DecimalText.digitCount(cursor.sequence) + cursor.textByteCount + record.tail.count
    }

    /// Appends `document()`.
    public func appendDocument(to text: inout [UInt8]) {
        JSONText.appendLiteral(#"{"seq":"#, to: &text)
        JSONText.appendInteger(cursor.sequence, to: &text)
        JSONText.appendLiteral(#","cursor":""#, to: &text)
        cursor.append(to: &text)
        JSONText.appendLiteral(#"","#, to: &text)
        text.append(contentsOf: record.tail)
    }
}
