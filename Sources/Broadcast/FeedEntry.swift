public import PosixIO
import Synchronization
public import ThreatFeed

/// How an entry looks on the wire.
public enum WireForm: UInt8, Sendable, CaseIterable {
    /// One unmasked WebSocket text frame.
    case webSocket
    /// The same, deflated where that pays (RFC 7692), for clients that agreed on it.
    case webSocketDeflated
    /// One event of a Server-Sent Events stream.
    case eventStream
}

/// One entry of the feed, framed once for all clients. Immutable; every event loop holds the same object.
public final class FeedEntry: Sendable {
    /// Where a client stands that has got this entry.
    public let cursor: Cursor
    /// What filters look at; `nil` for an entry that every client gets.
    public let facets: Facets?
    /// What the log keeps besides; `nil` for an entry that is not in the log.
    private let stored: Stored?

    /// Makes a wire form.
    /// - Parameters:
    ///   - cursor: That of the entry.
    ///   - frame: The entry in plain form.
    public typealias MakeForm = @Sendable (_ form: WireForm, _ cursor: Cursor, _ frame: SharedBytes) -> [UInt8]

    /// The rest of a record whose tail stands in the frame.
    private struct Stored {
        let id: String
        let digest: ContentDigest
        let receivedAtMilliseconds: Int64
        let tail: Range<Int>
    }

    private let plain: SharedBytes
    // Owner: whichever loop needs a form first. Only `make` is called while it is held.
    // One place for each form: an array of its own would be one allocation more for each entry.
    private let others = Mutex<InlineArray<3, SharedBytes?>>(InlineArray(repeating: nil))
    private let make: MakeForm

    /// An entry of the log.
    /// - Parameters:
    ///   - webSocket: The whole frame, header included.
    ///   - tail: Where the tail of the record stands in the frame, so that it need not be held twice.
    ///   - otherForm: Makes another form, at most once each, when the first client needs it.
    public init(_ entry: LogEntry, webSocket: [UInt8], tail: Range<Int>, otherForm: @escaping MakeForm) {
        precondition(
            tail.count == entry.record.tail.count && tail.upperBound <= webSocket.count, "the tail is in the frame")
        precondition(WireForm.allCases.count == 3, "there is a place for each form")
        cursor = entry.cursor
        facets = entry.record.facets
        stored = Stored(
            id: entry.record.id, digest: entry.record.digest,
            receivedAtMilliseconds: entry.record.receivedAtMilliseconds, tail: tail)
        plain = SharedBytes(webSocket)
        make = otherForm
    }

    /// An entry that is not in the log, for every client.
    /// - Parameters:
    ///   - webSocket: The whole frame, header included.
    ///   - otherForm: Makes another form, at most once each, when the first client needs it.
    public init(cursor: Cursor, webSocket: [UInt8], otherForm: @escaping MakeForm) {
        self.cursor = cursor
        facets = nil
        stored = nil
        plain = SharedBytes(webSocket)
        make = otherForm
    }

    /// Whether the log keeps it.
    public var isInLog: Bool { stored != nil }

    /// What the log keeps, put together from the frame; `nil` for an entry that is not in the log.
    public var logEntry: LogEntry? {
        guard let stored, let facets else { return nil }
        let record = ThreatRecord(
            id: stored.id, digest: stored.digest, receivedAtMilliseconds: stored.receivedAtMilliseconds, facets: facets,
            tail: plain.withSpan { $0.extracting(stored.tail).withUnsafeBufferPointer { Array($0) } })
        return LogEntry(cursor: cursor, record: record)
    }

    public func bytes(_ form: WireForm) -> SharedBytes {
        if form == .webSocket { return plain }
        return others.withLock { made in
            if let bytes = made[Int(form.rawValue)] { return bytes }
            let bytes = SharedBytes(make(form, cursor, plain))
            made[Int(form.rawValue)] = bytes
            return bytes
        }
    }

    /// Bytes that holding this entry costs, other forms aside.
    public var byteCount: Int { plain.count }
}
