import Broadcast
import Codecs
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
}

/// Makes the wire forms of entries and frames.
enum EntryEncoding {
    /// Below this a deflated message saves less than its clients' time is worth.
    private static let deflatedBytesMin = 128
    // Owner: whichever loop makes the deflated form of an entry, once for all. Only zlib is called while it is held.
    private static let deflater = Mutex(Deflater())

    /// An entry of the log as all clients will get it.
    static func entry(_ logEntry: LogEntry) -> FeedEntry {
        let header = FrameEncoder.header(opcode: .text, payloadLength: FeedFrame.newThreatByteCount(logEntry))
        let byteCount = header.encodedLength + header.payloadLength
        var frame: [UInt8] = []
        frame.reserveCapacity(byteCount)
        header.encode(to: &frame)
        FeedFrame.appendNewThreat(logEntry, to: &frame)
        precondition(frame.count == byteCount, "a frame is as long as its header says")
        return FeedEntry(
            cursor: logEntry.cursor, facets: logEntry.record.facets, logEntry: logEntry, webSocket: frame,
            // Written anew from the log's entry when it is needed, rather than kept for that.
            otherForm: { encode(FeedFrame.newThreat(logEntry).text, .newThreat, cursor: logEntry.cursor, as: $0) })
    }

    /// What tells clients that the log goes on in a higher generation.
    static func reset(from: Cursor, to: Cursor, reason: String) -> FeedEntry {
        let text = FeedFrame.reset(from: from, to: to, reason: reason)
        return FeedEntry(
            cursor: to, facets: nil, logEntry: nil, webSocket: FrameEncoder.frame(opcode: .text, payload: text.span),
            otherForm: { form in encode(text, .reset, cursor: to, as: form) })
    }

    /// A step of a page, for the clients that follow it.
    static func step(_ step: ResumePage.Step) -> FeedEntry {
        switch step {
        case .entry(let logEntry): entry(logEntry)
        case .move(let from, let to): reset(from: from, to: to, reason: EventLoop.moved)
        }
    }

    static func encode(_ text: [UInt8], _ type: FrameType, cursor: Cursor?, as form: WireForm) -> [UInt8] {
        switch form {
        case .webSocket: FrameEncoder.frame(opcode: .text, payload: text.span)
        case .webSocketDeflated: deflatedFrame(text)
        case .eventStream: event(text, type, cursor: cursor)
        }
    }

    /// One event (HTML Living Standard, "Server-sent events"). The text is a single line.
    private static func event(_ text: [UInt8], _ type: FrameType, cursor: Cursor?) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count + 80)
        if let cursor {
            bytes += "id: ".utf8
            cursor.append(to: &bytes)
            bytes.append(UInt8(ascii: "\n"))
        }
        bytes += "event: \(type.rawValue)\ndata: ".utf8
        bytes += text
        bytes += "\n\n".utf8
        return bytes
    }

    private static func deflatedFrame(_ text: [UInt8]) -> [UInt8] {
        guard text.count >= deflatedBytesMin else { return FrameEncoder.frame(opcode: .text, payload: text.span) }
        let deflated = deflater.withLock { $0.deflate(text.span) }
        guard deflated.count < text.count else { return FrameEncoder.frame(opcode: .text, payload: text.span) }
        return FrameEncoder.frame(opcode: .text, payload: deflated.span, compressed: true)
    }
}
