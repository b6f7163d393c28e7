import Broadcast
import PosixIO
import RedisLog
import ThreatFeed

/// Reads the log for all clients of a lane that resume: one page at a time, which serves everybody who stands within
/// it.
///
/// A page lies beside the ring like a second one: clients are given the same bytes, framed once, and what a full socket
/// does not take is not kept for it.
struct ResumeReader {
    /// Entries read at once.
    static let entriesPerRead = 128
    /// Clients that are given a page in one turn.
    static let clientsPerTurn = 512

    /// Clients that want the log to be read after their cursor.
    var wanting: [PollToken] = []
    /// Those the read under way, or the page that came, is for.
    var asking: [PollToken] = []
    var isReading = false
    var pass = ResumePass()
    fileprivate(set) var pages = PageShelf()

    /// Whether the loop has something to do for clients that resume, so that it must not sleep.
    var isDue: Bool { !isReading && (!asking.isEmpty || !wanting.isEmpty) }
}

extension EventLoop {
    /// Has the log read for a client, together with others.
    func want(_ catchUp: CatchUp, _ connection: UnsafeMutablePointer<Connection>) {
        guard !catchUp.wantsPage else { return }
        catchUp.wantsPage = true
        connection.pointee.lane.reader.wanting.append(connection.pointee.token)
    }

    /// Gives the next clients what was read for them; when all have it, reads on.
    func serveReader(_ lane: Lane) {
        guard lane.reader.isDue else { return }
        if lane.reader.asking.isEmpty { startReading(lane) } else { serveAsking(lane) }
    }

    /// Lets go of all that was read.
    func forgetPages(_ lane: Lane) {
        withPages(of: lane) { $0.removeAll() }
    }

    /// Lets go of what was read too long ago.
    func forgetOldPages(_ lane: Lane) {
        withPages(of: lane) { $0.removeOld(now: tick) }
    }

    /// Gives a client what a page has for it, as far as its socket takes that. The connection may be gone afterwards.
    func follow(
        _ entry: PageShelf.Entry, _ catchUp: CatchUp, _ connection: UnsafeMutablePointer<Connection>
    ) {
        let token = connection.pointee.token
        let lane = connection.pointee.lane
        guard !connection.pointee.hasOutbox || sendOutbox(connection) else { return }
        guard connection.pointee.catchUp === catchUp else { return }
        let position = FeedPosition(entry.page.steps(after: catchUp.join.cursor).startIndex)
        connection.pointee.client = entry.feed.join(
            at: position, after: catchUp.join.cursor, filter: catchUp.filter, form: catchUp.form)
        sendEntries(of: entry.feed, connection)
        // The page's filters go with the page: the next client may have the same.
        guard let present = connections.find(token), present.pointee.catchUp === catchUp else { return }
        catchUp.join.sent(through: present.pointee.client.cursor)
        present.pointee.client.leaveForPartial()
        lane.reader.pass.count(&catchUp.share)
        advance(catchUp, present)
    }

    private func startReading(_ lane: Lane) {
        var waiting: [(cursor: Cursor, share: ResumePass.Share)] = []
        waiting.reserveCapacity(lane.reader.wanting.count)
        for token in lane.reader.wanting {
            guard let catchUp = connections.find(token)?.pointee.catchUp else { continue }
            waiting.append((catchUp.join.cursor, catchUp.share))
        }
        // Who comes while the log is being read may know more of it than the answer does.
        lane.reader.asking = lane.reader.wanting
        lane.reader.wanting = []
        guard let cursor = lane.reader.pass.next(among: waiting) else {
            lane.reader.asking = []
            return
        }
        if shared.buffers.isExhausted { forgetPages(lane) }
        guard !shared.buffers.isExhausted else {
            couldNotRead("the replica holds as much for its clients as it may", lane)
            return
        }
        lane.reader.isReading = true
        ask(lane) { log, completion in
            log.resume(after: cursor, limit: ResumeReader.entriesPerRead, completion: completion)
        } completion: { [unowned self] outcome in
            lane.reader.isReading = false
            switch outcome {
            case .failure(let error): couldNotRead("\(error)", lane)
            case .success(let outcome):
                withPages(of: lane) { $0.append(ResumePage(after: cursor, outcome), now: tick) }
            }
        }
    }

    /// Changes the pages held, and counts what they weigh.
    private func withPages(of lane: Lane, _ change: (inout PageShelf) -> Void) {
        let before = lane.reader.pages.byteCount
        change(&lane.reader.pages)
        shared.buffers.add(lane.reader.pages.byteCount - before)
    }

    private func serveAsking(_ lane: Lane) {
        guard let entry = lane.reader.pages.newest else {
            // They took too long, or have gone: who is still there asks again.
            return couldNotServe(lane)
        }
        var served = 0
        while served < ResumeReader.clientsPerTurn, let token = lane.reader.asking.popLast() {
            guard let connection = connections.find(token), let catchUp = connection.pointee.catchUp else { continue }
            catchUp.wantsPage = false
            guard case .joining = catchUp.stage, canTakeMore(connection), let ring = lane.feed?.ring else { continue }
            served += 1
            perform(catchUp.join.received(entry.page, ring: ring), from: entry, catchUp, connection)
        }
    }

    private func couldNotServe(_ lane: Lane) {
        let tokens = lane.reader.asking
        lane.reader.asking = []
        for token in tokens {
            guard let connection = connections.find(token), let catchUp = connection.pointee.catchUp else { continue }
            catchUp.wantsPage = false
            advance(catchUp, connection)
        }
    }

    /// A client in the middle of its reading stays, and the next tick tries again. One that has had no frame yet is
    /// told to come back.
    private func couldNotRead(_ reason: String, _ lane: Lane) {
        let tokens = lane.reader.asking
        lane.reader.asking = []
        shared.logger.limited("catch_up_failed", "clients cannot be given what they missed", ["reason": reason])
        for token in tokens {
            guard let connection = connections.find(token), let catchUp = connection.pointee.catchUp else { continue }
            catchUp.wantsPage = false
            perform(catchUp.join.readFailed(), from: nil, catchUp, connection)
        }
    }
}

extension ResumePage {
    fileprivate init(after cursor: Cursor, _ outcome: ResumeOutcome) {
        switch outcome {
        case .entries(let entries, let head, _): self.init(after: cursor, head, .entries(entries))
        case .ahead(let head): self.init(after: cursor, head, .ahead)
        case .trimmed(let head): self.init(after: cursor, head, .trimmed)
        case .unknownGeneration(let head): self.init(after: cursor, head, .unknownGeneration)
        }
    }

    private init(after cursor: Cursor, _ head: LogHead, _ answer: Answer) {
        self.init(after: cursor, head: head.cursor, resumableFrom: head.resumableFrom, answer: answer)
    }
}
