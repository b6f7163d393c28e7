/// The JSON text of each frame a client receives (contract, "WebSocket").
public enum FeedFrame {
    /// A `new_threat` frame and where its threat stands in it.
    public struct NewThreat: Hashable, Sendable {
        public let text: [UInt8]
        /// The value of `data`: the document, as `initialBatch` and the HTTP routes want it.
        public let data: Range<Int>

        /// The document within the frame.
        public var document: ArraySlice<UInt8> { text[data] }
    }

    /// `{"type":"new_threat","cursor":"G-S","data":{…}}`, in a single allocation.
    public static func newThreat(_ entry: LogEntry) -> NewThreat {
        var text: [UInt8] = []
        text.reserveCapacity(newThreatByteCount(entry))
        let data = appendNewThreat(entry, to: &text)
        return NewThreat(text: text, data: data)
    }

    /// The number of bytes that `appendNewThreat` appends.
    public static func newThreatByteCount(_ entry: LogEntry) -> Int {
        // `{"type":"new_threat","cursor":"` 31, `","data":` 9, `}` 1
        41 + entry.cursor.textByteCount + entry.documentByteCount
    }

    /// Appends the text of `newThreat`, for callers that put something before it.
    /// - Returns: Where the document stands in `text`.
    @discardableResult
    public static func appendNewThreat(_ entry: LogEntry, to text: inout [UInt8]) -> Range<Int> {
        JSONText.appendLiteral(#"{"type":"new_threat","cursor":""#, to: &text)
        entry.cursor.append(to: &text)
        JSONText.appendLiteral(#"","data":"#, to: &text)
        let start = text.count
        entry.appendDocument(to: &text)
        let data = start..<text.count
        text.append(UInt8(ascii: "}"))
        return data
    }

    /// The first frame of a fresh client.
    /// - Parameters:
    ///   - cursor: The client stands after it.
    ///   - entries: What it may see of the log, newest first.
    ///   - notResumedBecause: Given when the client asked to resume and could not: adds `recovered: false` and the
    ///     reason.
    ///   - bytesMax: Of the entries only so many are taken that the text is no longer than this.
    public static func initialBatch(
        cursor: Cursor, entries: some Sequence<LogEntry>, notResumedBecause reason: String? = nil, bytesMax: Int
    ) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(96 + cursor.textByteCount + (reason?.utf8.count ?? 0))
        open("initial_batch", to: &text)
        appendCursor("cursor", cursor, to: &text)
        if let reason {
            JSONText.appendRaw(#","recovered":false"#, to: &text)
            JSONText.appendMember("reason", reason, to: &text)
        }
        JSONText.appendName("data", to: &text)
        text.append(UInt8(ascii: "["))
        let end: StaticString = "]}"
        for (index, entry) in entries.enumerated() {
            let byteCount = entry.documentByteCount + (index > 0 ? 1 : 0)
            guard text.count + byteCount + end.utf8CodeUnitCount <= bytesMax else { break }
            if index > 0 { text.append(UInt8(ascii: ",")) }
            entry.appendDocument(to: &text)
        }
        JSONText.appendRaw("]}", to: &text)
        return text
    }

    /// The first frame of a client that resumes; the cursor is the one it gave.
    public static func resumed(cursor: Cursor) -> [UInt8] {
        bare("resumed", cursor)
    }

    /// Everything that matches up to the cursor was sent.
    /// - Parameter since: RFC 3339, given while the log cannot be followed: adds `"log":"unreachable"` and `since`.
    public static func heartbeat(cursor: Cursor, unreachableSince since: String? = nil) -> [UInt8] {
        guard let since else { return bare("heartbeat", cursor) }
        var text: [UInt8] = []
        text.reserveCapacity(128)
        open("heartbeat", to: &text)
        appendCursor("cursor", cursor, to: &text)
        JSONText.appendMember("log", "unreachable", to: &text)
        JSONText.appendMember("since", since, to: &text)
        text.append(UInt8(ascii: "}"))
        return text
    }

    /// The log moved to a new generation; entries after `to` may repeat an id already seen.
    public static func reset(from: Cursor, to: Cursor, reason: String) -> [UInt8] {
        var text: [UInt8] = []
        open("reset", to: &text)
        appendCursor("from", from, to: &text)
        appendCursor("to", to, to: &text)
        JSONText.appendMember("reason", reason, to: &text)
        text.append(UInt8(ascii: "}"))
        return text
    }

    /// A message from the client was not understood.
    public static func error(code: String, detail: String) -> [UInt8] {
        var text: [UInt8] = []
        open("error", to: &text)
        JSONText.appendMember("code", code, to: &text)
        JSONText.appendMember("detail", detail, to: &text)
        text.append(UInt8(ascii: "}"))
        return text
    }

    /// What an event stream ends with, or has instead of a feed, when that cannot be served for the moment.
    public static func unavailable(detail: String) -> [UInt8] {
        var text: [UInt8] = []
        open("unavailable", to: &text)
        JSONText.appendMember("detail", detail, to: &text)
        text.append(UInt8(ascii: "}"))
        return text
    }

    /// The client's filter holds for everything after the cursor.
    public static func filtered(cursor: Cursor) -> [UInt8] {
        bare("filtered", cursor)
    }

    /// The answer to a ping message.
    public static let pong = Array(#"{"type":"pong"}"#.utf8)

    private static func bare(_ type: String, _ cursor: Cursor) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(80)
        open(type, to: &text)
        appendCursor("cursor", cursor, to: &text)
        text.append(UInt8(ascii: "}"))
        return text
    }

    private static func open(_ type: String, to text: inout [UInt8]) {
        JSONText.appendRaw(#"{"type":""#, to: &text)
        JSONText.appendRaw(type, to: &text)
        text.append(UInt8(ascii: "\""))
    }

    private static func appendCursor(_ name: String, _ cursor: Cursor, to text: inout [UInt8]) {
        JSONText.appendName(name, to: &text)
        text.append(UInt8(ascii: "\""))
        cursor.append(to: &text)
        text.append(UInt8(ascii: "\""))
    }
}
