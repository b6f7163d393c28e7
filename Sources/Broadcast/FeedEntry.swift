public import PosixIO
import Synchronization
public import ThreatFeed

/// How an entry looks on the wire.
public enum WireForm: UInt8, Sendable, CaseIterable {
    /// One unmasked WebSocket text frame.
    case webSocket
    /// The same, deflated by itself (RFC 7692), for clients that agreed on it.
    case webSocketDeflated
    /// The same, deflated with the entry before it as context, for clients that let the server keep it. What else they
    /// are sent is not deflated, so that their window ends with that entry.
    case webSocketDeflatedInContext
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
    ///   - previous: That of the entry which is its context; only for `webSocketDeflatedInContext`.
    public typealias MakeForm =
        @Sendable (_ form: WireForm, _ cursor: Cursor, _ frame: SharedBytes, _ previous: SharedBytes?) -> [UInt8]

    /// Entries that one entry may have as its context, besides the one just before it in the feed: clients with
    /// different filters had different ones last. Beyond this many they get it deflated by itself.
    static let contextsMax = 4
    /// A larger entry has no context besides the one just before it, whose form is as large as itself at worst.
    static let sharedContextBytesMax = 16 << 10

    /// Forms that were made so far.
    private struct Forms {
        var deflated: SharedBytes?
        var event: SharedBytes?
        /// By the entry that is the context: by its cursor, because a reference would keep the whole log in memory.
        var inContext: [(of: Cursor, bytes: SharedBytes)] = []
    }

    /// The rest of a record whose tail stands in the frame.
    private struct Stored {
        let id: String
        let digest: ContentDigest
        let receivedAtMilliseconds: Int64
        let tail: Range<Int>
    }

    private let plain: SharedBytes
    // Owner: whichever loop needs a form first. Only `make` is called while it is held.
    private let forms = Mutex(Forms())
    private let make: MakeForm

    /// An entry of the log.
    /// - Parameters:
    ///   - webSocket: The whole frame, header included.
    ///   - tail: Where the tail of the record stands in the frame, so that it need not be held twice.
    ///   - otherForm: Makes another form, at most once each, when the first client needs it.
    public init(_ entry: LogEntry, webSocket: [UInt8], tail: Range<Int>, otherForm: @escaping MakeForm) {
        precondition(
            tail.count == entry.record.tail.count && tail.upperBound <= webSocket.count, "the tail is in the frame")
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

    /// The entry as it goes to the wire.
    /// - Parameters:
    ///   - previous: The entry that the client got last, if its window ends with that.
    ///   - isNeighbour: Whether that is the one just before this in the feed, as for all who have no filter.
    public func bytes(
        _ form: WireForm, after previous: FeedEntry? = nil, isNeighbour: Bool = false
    ) -> SharedBytes {
        switch form {
        case .webSocket: plain
        case .webSocketDeflated: forms.withLock { made(.webSocketDeflated, in: &$0.deflated) }
        case .webSocketDeflatedInContext:
            forms.withLock { forms in
                previous.flatMap { made(inContextOf: $0, isNeighbour: isNeighbour, in: &forms.inContext) }
                    ?? made(.webSocketDeflated, in: &forms.deflated)
            }
        case .eventStream: forms.withLock { made(.eventStream, in: &$0.event) }
        }
    }

    private func made(_ form: WireForm, in place: inout SharedBytes?) -> SharedBytes {
        if let place { return place }
        let bytes = SharedBytes(make(form, cursor, plain, nil))
        place = bytes
        return bytes
    }

    /// - Returns: `nil` when there are other contexts enough.
    private func made(
        inContextOf previous: FeedEntry, isNeighbour: Bool, in places: inout [(of: Cursor, bytes: SharedBytes)]
    ) -> SharedBytes? {
        if let known = places.first(where: { $0.of == previous.cursor }) { return known.bytes }
        // All loops have the same neighbour, so this is one more place and no more.
        let hasRoom = places.count < Self.contextsMax && plain.count <= Self.sharedContextBytesMax
        guard isNeighbour || hasRoom else { return nil }
        let bytes = SharedBytes(make(.webSocketDeflatedInContext, cursor, plain, previous.plain))
        places.append((previous.cursor, bytes))
        return bytes
    }

    /// Bytes that holding this entry costs, other forms aside.
    public var byteCount: Int { plain.count }
}
