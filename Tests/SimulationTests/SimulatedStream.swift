import Broadcast
import PosixIO
import RedisLog
import ThreatFeed

/// What a client is told, in the place of the text of a frame.
enum Frame {
    /// Newest first.
    case initialBatch(Cursor, [LogEntry], recovered: Bool)
    case resumed(Cursor)
    case threat(LogEntry)
    case reset(from: Cursor, to: Cursor)
    case heartbeat(Cursor)
    /// Closed: too slow, or the log cannot be read.
    case close(resumeAfter: Cursor?)
}

/// One client of a loop: from its request into the feed, and then a position in the ring.
///
/// Around the real join and positions it does what the server's `CatchUp` and `Sending` do.
final class SimulatedStream {
    private enum Stage {
        case joining(ResumeJoin)
        case joined
        case ended
    }

    private static let history = 5

    let connection: Connection
    /// It stands in the list of those who want the log to be read.
    var wantsPage = false
    private(set) var share = ResumePass.Share()
    private unowned let world: World
    private unowned let loop: SimulatedLoop
    private let filter: Filter
    private var stage = Stage.ended
    private var client = ClientPosition.outside
    private var outbox: [UInt8] = []

    init(world: World, loop: SimulatedLoop, connection: Connection, filter: Filter) {
        self.world = world
        self.filter = filter
        self.loop = loop
        self.connection = connection
        // What the connection holds goes with its end.
        connection.onWritable = { [self] in
            send()
            advance()
            self.loop.serveReader()
        }
        connection.onHangup = { [self] in leave() }
    }

    func begin(after cursor: Cursor?) {
        if let cursor {
            stage = .joining(.resuming(after: cursor))
            advance()
        } else {
            startFresh(recovered: true)
        }
    }

    /// Where it stands while it goes through the log; `nil` in the feed.
    var joiningCursor: Cursor? {
        if case .joining(let join) = stage { join.cursor } else { nil }
    }

    func ticked() {
        change { $0.ticked() }
        if case .joined = stage, canTakeMore, loop.feed?.isAtHead(client) == true { enqueue(.heartbeat(client.cursor)) }
    }

    /// Goes on where the client stands: into the ring if it reaches back so far, else with what the log has.
    func advance(mayUsePage: Bool = true) {
        guard case .joining(let join) = stage, canTakeMore, let ring = loop.feed?.ring else { return }
        switch change({ $0.advance(in: ring) }) {
        case .none, .wait: break
        case .read(let cursor):
            if mayUsePage, let page = loop.page, page.offers(cursor) {
                received(page)
            } else {
                loop.want(self)
            }
        case .join(let first):
            if let first { enqueue(.resumed(first.cursor)) }
            enter(after: join.cursor)
        }
    }

    func received(_ page: ResumePage) {
        guard canTakeMore, let ring = loop.feed?.ring, let answer = change({ $0.received(page, ring: ring) })
        else { return }
        perform(answer)
    }

    func readFailed() {
        guard let answer = change({ $0.readFailed() }) else { return }
        perform(answer)
    }

    private func perform(_ answer: ResumeJoin.Answer) {
        guard case .joining(let join) = stage else { return }
        switch answer {
        case .nothing: advance(mayUsePage: false)
        case .startFresh: startFresh(recovered: false)
        case .overtaken, .comeBack: end(.close(resumeAfter: join.cursor))
        case .send(let first, let reset):
            if let first { enqueue(.resumed(first.cursor)) }
            if let reset { enqueue(.reset(from: reset.from, to: reset.to)) }
            followPage()
        }
    }

    /// Gives the client what the page at hand has for it, as far as the connection takes that.
    private func followPage() {
        guard flush(), case .joining(let join) = stage, let page = loop.page, let pageFeed = loop.pageFeed else {
            return
        }
        let position = FeedPosition(page.steps(after: join.cursor).startIndex)
        client = pageFeed.join(at: position, after: join.cursor, filter: filter, form: .webSocket)
        sendEntries(of: pageFeed)
        guard case .joining = stage else { return }
        let cursor = client.cursor
        change { $0.sent(through: cursor) }
        client.leaveForPartial()
        loop.count(&share)
        advance()
    }

    private func startFresh(recovered: Bool) {
        guard let feed = loop.feed else { return }
        let cursor = feed.ring.headCursor
        let newest = feed.newest(Self.history, matching: filter).entries.compactMap(\.logEntry)
        enqueue(.initialBatch(cursor, newest, recovered: recovered))
        enter(after: cursor)
    }

    private func enter(after cursor: Cursor) {
        guard let position = loop.feed?.join(after: cursor, filter: filter, form: .webSocket) else {
            return world.fail("the ring does not reach to \(cursor)")
        }
        client = position
        stage = .joined
        send()
    }

    @discardableResult
    private func change<Result>(_ change: (inout ResumeJoin) -> Result) -> Result? {
        guard case .joining(var join) = stage else { return nil }
        defer { stage = .joining(join) }
        return change(&join)
    }
}

// MARK: - Sending

extension SimulatedStream {
    /// Whether everything given to the client so far has gone to the connection.
    private var canTakeMore: Bool { outbox.isEmpty && client.partial == nil && !connection.isBlocked }

    /// Hands the connection what the client lacks, as far as there is room.
    func send() {
        guard connection.isOpen, flushPartial(), flush() else { return dropIfTooSlow() }
        guard case .joined = stage, let feed = loop.feed else { return }
        sendEntries(of: feed)
        dropIfTooSlow()
    }

    private func sendEntries(of feed: Feed) {
        while !feed.isAtHead(client), !feed.fellOff(client) {
            let batch = feed.batch(for: client)
            let bytes = batch.bytes.pieces.flatMap { Array($0.bytes) }
            let taken = connection.write(bytes[...])
            _ = feed.advance(&client, past: batch, byteCount: taken)
            if taken < bytes.count { return }
        }
    }

    private func dropIfTooSlow() {
        guard case .joined = stage, let feed = loop.feed, feed.fellOff(client) else { return }
        // Behind the rest of an entry cut in two, and behind nothing else: the outbox went before the entries.
        outbox = [UInt8](client.partialRest) + outbox
        let cursor = client.cursor
        loop.feed?.leave(client)
        client = .outside
        stage = .ended
        end(.close(resumeAfter: cursor))
    }

    private func end(_ frame: Frame) {
        enqueue(frame)
        leave()
        connection.close()
    }

    private func leave() {
        if case .joined = stage { loop.feed?.leave(client) }
        stage = .ended
        loop.remove(self)
    }

    private func enqueue(_ frame: Frame) {
        outbox += world.bytes(frame)
        _ = flush()
    }

    /// - Returns: Whether all of it went.
    private func flushPartial() -> Bool {
        guard client.partial != nil else { return true }
        let rest = [UInt8](client.partialRest)
        let taken = connection.write(rest[...])
        if taken > 0 { client.advancePartial(byteCount: taken) }
        return taken == rest.count
    }

    /// - Returns: Whether all of it went.
    private func flush() -> Bool {
        guard !outbox.isEmpty else { return true }
        outbox.removeFirst(connection.write(outbox[...]))
        return outbox.isEmpty
    }
}
