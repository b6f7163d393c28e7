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
    /// What the log keeps; `nil` for an entry that is not in the log.
    public let logEntry: LogEntry?

    private let plain: SharedBytes
    // Owner: whichever loop needs a form first. Only `make` is called while it is held.
    // One place for each form: an array of its own would be one allocation more for each entry.
    private let others = Mutex<InlineArray<3, SharedBytes?>>(InlineArray(repeating: nil))
    private let make: @Sendable (WireForm) -> [UInt8]

    /// - Parameters:
    ///   - webSocket: The whole frame, header included.
    ///   - otherForm: Makes another form, at most once each, when the first client needs it.
    public init(
        cursor: Cursor, facets: Facets?, logEntry: LogEntry?, webSocket: [UInt8],
        otherForm: @escaping @Sendable (WireForm) -> [UInt8]
    ) {
        precondition(WireForm.allCases.count == 3, "there is a place for each form")
        self.cursor = cursor
        self.facets = facets
        self.logEntry = logEntry
        plain = SharedBytes(webSocket)
        make = otherForm
    }

    public func bytes(_ form: WireForm) -> SharedBytes {
        if form == .webSocket { return plain }
        return others.withLock { made in
            if let bytes = made[Int(form.rawValue)] { return bytes }
            let bytes = SharedBytes(make(form))
            made[Int(form.rawValue)] = bytes
            return bytes
        }
    }

    /// Bytes that holding this entry costs, other forms aside.
    public var byteCount: Int { plain.count + (logEntry?.record.tail.count ?? 0) }
}
