public import PosixIO
public import ThreatFeed

/// One client of the feed: a position in the ring, not a queue.
public struct ClientPosition: Sendable {
    /// The next entry to send. What lies between it and a client's socket is at most one entry cut in two.
    public internal(set) var next: FeedPosition
    /// What to resume from: everything that matches up to here was handed to the socket, a cut entry included.
    public internal(set) var cursor: Cursor
    /// The entry that the socket took only a part of, and how much of it.
    public internal(set) var partial: SharedBytes?
    var partialBytesSent: UInt32 = 0

    public internal(set) var filterClass: FilterClassID
    public let form: WireForm
    /// In `webSocketDeflatedInContext`: what the client inflated last is the last entry before `next` that its class
    /// gave it, so that the next one may refer to it.
    var hasContext = false

    init(next: FeedPosition, cursor: Cursor, filterClass: FilterClassID, form: WireForm) {
        self.next = next
        self.cursor = cursor
        self.filterClass = filterClass
        self.form = form
    }

    /// A client that is not in the feed.
    public static let outside = ClientPosition(
        next: 0, cursor: .zero, filterClass: .everything, form: .webSocket)

    /// Leaves every feed; only the rest of a cut entry is still to be sent.
    public mutating func leaveForPartial() {
        next = 0
        filterClass = .everything
        hasContext = false
    }

    /// Notes that the client is given something else than entries, which ends its window.
    public mutating func loseContext() {
        hasContext = false
    }

    /// The bytes of the cut entry that the socket has not taken; empty without one.
    public var partialRest: UnsafeRawBufferPointer {
        guard let partial else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: partial.bytes[Int(partialBytesSent)...])
    }

    /// Notes that the socket took more of the cut entry.
    public mutating func advancePartial(byteCount: Int) {
        guard let partial else { preconditionFailure("only a cut entry can be completed") }
        partialBytesSent += UInt32(byteCount)
        if partialBytesSent == partial.count {
            self.partial = nil
            partialBytesSent = 0
        }
    }
}

/// A run of entries that clients at the same position, with the same filter and wire form, need next. Immutable.
public final class Batch {
    /// The bytes of each entry, in order; none when nothing matches.
    public let bytes: GatheredBytes
    /// Where a client stands that got all of it.
    public let end: FeedPosition
    let key: BatchCache.Key
    let endCursor: Cursor
    /// Position of each piece.
    let positions: [FeedPosition]
    /// Whether a client that got an entry of it has context for the next.
    let givesContext: Bool

    init(_ pieces: [SharedBytes], positions: [FeedPosition], key: BatchCache.Key, end: FeedPosition, endCursor: Cursor)
    {
        bytes = GatheredBytes(pieces)
        self.key = key
        self.end = end
        self.endCursor = endCursor
        self.positions = positions
        givesContext = key.form == .webSocketDeflatedInContext && !positions.isEmpty
    }

    /// Whether it is what the client needs next.
    public func serves(_ client: ClientPosition) -> Bool {
        client.next == key.from && client.filterClass == key.filterClass && client.form == key.form
            && client.hasContext == key.hasContext
    }
}

/// The feed of one event loop: the ring, the filters in use, and what each client needs next.
///
/// Sees bytes, cursors and decisions; sockets are the caller's. A class, owned by one loop: as a value it would be
/// copied for every client that a sweep visits.
public final class Feed {
    public private(set) var ring: Ring
    private var classes = FilterClasses()
    private var cache = BatchCache()

    /// - Parameter cursor: Where the log stands before the first entry is appended.
    public init(bounds: Ring.Bounds, startingAfter cursor: Cursor) {
        ring = Ring(bounds: bounds, startingAfter: cursor)
    }

    /// Notes what retention has let go of; it is no longer history, and no resume starts before it.
    public func trim(through cursor: Cursor) {
        ring.trim(through: cursor)
    }

    public var filterCount: Int { classes.count }
    /// Entries that the ring holds, and their bytes.
    public var entryCount: Int { ring.count }
    public var byteCount: Int { ring.byteCount }

    /// Appends an entry; batches made before it are void.
    public func append(_ entry: FeedEntry) {
        ring.append(entry)
        classes.appended(to: ring)
        cache.removeAll()
    }

    /// Enters a client that has got everything up to `cursor`.
    /// - Returns: `nil` when the ring does not reach back to `cursor`, or not yet up to it.
    public func join(after cursor: Cursor, filter: Filter, form: WireForm) -> ClientPosition? {
        guard let position = ring.position(after: cursor) else { return nil }
        return join(at: position, after: cursor, filter: filter, form: form)
    }

    /// Enters a client at a position, which the ring holds or is about to.
    /// - Parameter cursor: Where it stands: everything that matches up to here it has got.
    public func join(
        at position: FeedPosition, after cursor: Cursor, filter: Filter, form: WireForm
    ) -> ClientPosition {
        precondition(position >= ring.tail && position <= ring.head, "the ring reaches from where a client joins it")
        let filterClass = classes.join(filter, from: position, in: ring)
        return ClientPosition(next: position, cursor: cursor, filterClass: filterClass, form: form)
    }

    /// Takes a client out of the feed.
    public func leave(_ client: ClientPosition) {
        // A batch made for a forgotten filter must not serve the next one that gets its id.
        if classes.leave(client.filterClass) { cache.removeAll() }
    }

    /// Puts a new filter in force from the client's position on; up to its cursor the former one held.
    public func setFilter(_ filter: Filter, for client: inout ClientPosition) {
        let former = client.filterClass
        client.hasContext = false
        client.filterClass = classes.join(filter, from: client.next, in: ring)
        if classes.leave(former) { cache.removeAll() }
    }

    /// Whether entries the client lacks have left the ring: it was too slow.
    public func fellOff(_ client: ClientPosition) -> Bool {
        client.next < ring.tail
    }

    /// Whether the client has been given everything, a cut entry aside.
    public func isAtHead(_ client: ClientPosition) -> Bool {
        client.next == ring.head
    }

    /// The batch that was last asked for, while the ring stands where it stood.
    public var lastBatch: Batch? { cache.last }

    /// What the client needs next, bounded by `BatchCache.piecesMax`; empty bytes mean that nothing matches.
    public func batch(for client: ClientPosition) -> Batch {
        let key = BatchCache.Key(
            from: client.next, filterClass: client.filterClass, form: client.form, hasContext: client.hasContext)
        if let known = cache[key] { return known }
        let made = makeBatch(key)
        cache[key] = made
        return made
    }

    /// Notes that the socket took `byteCount` bytes of `batch`.
    /// - Returns: How many entries it took whole.
    public func advance(_ client: inout ClientPosition, past batch: Batch, byteCount: Int) -> Int {
        if byteCount == batch.bytes.count { return advance(&client, past: batch) }
        var left = byteCount
        for (index, piece) in batch.bytes.pieces.enumerated() {
            if left < piece.count {
                client.next = batch.positions[index]
                if left > 0 {
                    client.partial = piece
                    client.partialBytesSent = UInt32(left)
                    client.next += 1
                }
                // Of a cut entry the rest follows.
                if batch.givesContext, index > 0 || left > 0 { client.hasContext = true }
                client.cursor = max(client.cursor, ring.cursor(before: client.next))
                return index
            }
            left -= piece.count
        }
        preconditionFailure("a socket takes no more than it was given")
    }

    /// Notes that the socket took all of `batch`.
    /// - Returns: How many entries that are.
    public func advance(_ client: inout ClientPosition, past batch: Batch) -> Int {
        client.next = batch.end
        client.cursor = max(client.cursor, batch.endCursor)
        if batch.givesContext { client.hasContext = true }
        return batch.positions.count
    }

    /// The newest entries of the log that match, newest first.
    /// - Returns: `isComplete` is false when the ring holds fewer than `limit` and older ones may exist.
    public func newest(_ limit: Int, matching filter: Filter) -> (entries: [FeedEntry], isComplete: Bool) {
        var found: [FeedEntry] = []
        var position = ring.head
        while found.count < limit, position > ring.tail {
            position -= 1
            let entry = ring[position]
            guard entry.cursor > ring.trimmedThrough else { return (found, true) }
            if entry.isInLog, FilterClasses.matches(filter, entry) { found.append(entry) }
        }
        let reachesStart = ring.cursorBeforeTail.sequence == 0
        return (found, found.count == limit || reachesStart)
    }

    private func makeBatch(_ client: BatchCache.Key) -> Batch {
        precondition(client.from >= ring.tail, "a client that fell off the ring gets no batch")
        let limit = BatchCache.piecesMax
        var positions: [FeedPosition]
        var previous: FeedPosition?
        if client.filterClass == .everything {
            positions = Array(client.from..<min(ring.head, client.from + FeedPosition(limit)))
            previous = client.from > ring.tail ? client.from - 1 : nil
        } else {
            (positions, previous) = classes.matching(client.filterClass, from: client.from, limit: limit)
        }
        let isInContext = client.form == .webSocketDeflatedInContext
        if !isInContext || !client.hasContext { previous = nil }
        var pieces: [SharedBytes] = []
        var byteCount = 0
        for position in positions {
            let piece = ring[position].bytes(
                client.form, after: previous.map { ring[$0] }, isNeighbour: previous.map { $0 + 1 } == position)
            if !pieces.isEmpty, byteCount + piece.count > BatchCache.bytesMax { break }
            pieces.append(piece)
            byteCount += piece.count
            if isInContext { previous = position }
        }
        let isCut = pieces.count < positions.count || pieces.count == limit
        positions.removeLast(positions.count - pieces.count)
        let end = isCut ? (positions.last ?? client.from) + 1 : ring.head
        return Batch(pieces, positions: positions, key: client, end: end, endCursor: ring.cursor(before: end))
    }
}
