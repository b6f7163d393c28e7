import Broadcast
import Codecs
import PosixIO
import Synchronization
import ThreatFeed
import WebSocketProtocol

/// The `type` of a frame, which is also the `event` of a Server-Sent Event.
enum FrameType: String {
    case initialBatch = "initial_batch"
    case resumed
    case newThreat = "new_threat"
    case heartbeat
    case reset
    case error
    /// What an event stream says before it ends for a while; a browser comes back by itself.
    case unavailable
}

/// Makes the wire forms of entries and frames.
enum EntryEncoding {
    // Owner: whichever loop makes the deflated form of an entry, once for all. Only zlib is called while it is held.
    private static let deflater = Mutex(Deflater())

    /// Entries of the log as all clients will get them.
    static func entries(_ logEntries: [LogEntry]) -> [FeedEntry] {
        var frame: [UInt8] = []
        return logEntries.map { entry($0, frame: &frame) }
    }

    /// An entry of the log as all clients will get it.
    static func entry(_ logEntry: LogEntry) -> FeedEntry {
        var frame: [UInt8] = []
        return entry(logEntry, frame: &frame)
    }

    /// - Parameter frame: Where the frame is put together.
    private static func entry(_ logEntry: LogEntry, frame: inout [UInt8]) -> FeedEntry {
        let header = FrameEncoder.header(opcode: .text, payloadLength: FeedFrame.newThreatByteCount(logEntry))
        let byteCount = header.encodedLength + header.payloadLength
        frame.removeAll(keepingCapacity: true)
        frame.reserveCapacity(byteCount)
        header.encode(to: &frame)
        let document = FeedFrame.appendNewThreat(logEntry, to: &frame)
        precondition(frame.count == byteCount, "a frame is as long as its header says")
        let tail = document.suffix(logEntry.record.tail.count)
        return FeedEntry(logEntry, webSocket: frame, tail: tail, otherForm: newThreatForm)
    }

    /// What tells clients that the log goes on in a higher generation.
    static func reset(from: Cursor, to: Cursor, reason: String) -> FeedEntry {
        let text = FeedFrame.reset(from: from, to: to, reason: reason)
        return FeedEntry(
            cursor: to, webSocket: FrameEncoder.frame(opcode: .text, payload: text.span),
            otherForm: resetForm)
    }

    /// A step of a page, for the clients that follow it.
    static func step(_ step: ResumePage.Step) -> FeedEntry {
        switch step {
        case .entry(let logEntry): entry(logEntry)
        case .move(let from, let to): reset(from: from, to: to, reason: EventLoop.moved)
        }
    }

    // Constants that hold nothing: a closure of its own would be one more allocation for each entry.
    private static let newThreatForm: FeedEntry.MakeForm = { make($0, .newThreat, $1, $2, after: $3) }
    private static let resetForm: FeedEntry.MakeForm = { make($0, .reset, $1, $2, after: $3) }

    private static func make(
        _ form: WireForm, _ type: FrameType, _ cursor: Cursor, _ frame: SharedBytes, after previous: SharedBytes?
    ) -> [UInt8] {
        withText(of: frame) { text in
            switch form {
            case .webSocket: FrameEncoder.frame(opcode: .text, payload: text)
            case .webSocketDeflated, .webSocketDeflatedInContext: deflatedFrame(text, after: previous)
            case .eventStream: event(text, type, cursor: cursor)
            }
        }
    }

    private static func withText<Result>(of frame: SharedBytes, _ body: (Span<UInt8>) -> Result) -> Result {
        frame.withSpan { body($0.extracting(FrameHeader.encodedLength(ofUnmasked: $0)...)) }
    }

    /// One event (HTML Living Standard, "Server-sent events"). The text is a single line.
    ///
    /// The id comes last: there are clients that take it for seen when they read its line, and would resume behind an
    /// event that was cut before its data.
    static func event(_ text: Span<UInt8>, _ type: FrameType, cursor: Cursor?) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count + 80)
        bytes += "event: \(type.rawValue)\ndata: ".utf8
        bytes.append(copying: text)
        if let cursor {
            bytes += "\nid: ".utf8
            cursor.append(to: &bytes)
        }
        bytes += "\n\n".utf8
        return bytes
    }

    /// A deflated frame, also where that does not pay: what is not deflated would not be in the window that the next
    /// entry refers to (RFC 7692 §7.2.1).
    static func deflatedFrame(_ text: Span<UInt8>, after previous: SharedBytes? = nil) -> [UInt8] {
        let deflated =
            if let previous {
                withText(of: previous) { context in deflater.withLock { $0.deflate(text, after: context) } }
            } else {
                deflater.withLock { $0.deflate(text) }
            }
        return FrameEncoder.frame(opcode: .text, payload: deflated.span, compressed: true)
    }
}
