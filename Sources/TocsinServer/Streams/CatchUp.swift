import Broadcast
import PosixIO
import ThreatFeed
import WebSocketProtocol

/// A client that is not in the feed yet.
final class CatchUp {
    enum Stage {
        /// It waits for its turn to start (`StreamStarts`).
        case awaitingTurn(StreamRequest)
        /// A fresh client whose newest threats lie beyond the ring.
        case collectingHistory
        /// It goes through the log towards the ring, be it only a step.
        case joining
    }

    var stage: Stage
    /// Decides how it gets into the ring, while `joining`.
    var join: ResumeJoin
    var filter: Filter
    /// Threats in its first frame if it cannot resume.
    let history: Int
    let form: WireForm
    /// It stands in the reader's list of those who want the log to be read.
    var wantsPage = false
    var share = ResumePass.Share()

    init(_ request: StreamRequest, form: WireForm) {
        stage = .awaitingTurn(request)
        join = .resuming(after: request.after ?? .zero)
        filter = request.filter
        history = request.history
        self.form = form
    }

    /// Whether nothing may be sent before its first frame.
    var awaitsFirstFrame: Bool {
        switch stage {
        case .awaitingTurn, .collectingHistory: true
        case .joining: join.awaitsFirstFrame
        }
    }
}

extension EventLoop {
    /// Lets every client of a lane that waits for the log or for the ring try again.
    /// - Parameter isTick: About a second has passed.
    func advanceCatchUps(_ lane: Lane, isTick: Bool = false) {
        if isTick { forgetOldPages(lane) }
        guard !lane.catchingUp.isEmpty else { return }
        let tokens = lane.catchingUp
        lane.catchingUp = []
        for token in tokens {
            guard let connection = connections.find(token), let catchUp = connection.pointee.catchUp else { continue }
            lane.catchingUp.append(token)
            if isTick { catchUp.join.ticked() }
            if !catchUp.wantsPage { advance(catchUp, connection) }
        }
    }

    /// Puts a client on its way through the log into the ring.
    func beginJoining(
        _ join: ResumeJoin, _ catchUp: CatchUp, _ connection: UnsafeMutablePointer<Connection>
    ) {
        catchUp.join = join
        catchUp.stage = .joining
        connection.pointee.lane.catchingUp.append(connection.pointee.token)
        // The head of the response may wait in the outbox, and reading begins only when that is empty.
        markDirty(connection)
        advance(catchUp, connection)
    }

    /// Goes on where the client stands: into the ring if it reaches back so far, else with what the log has.
    /// - Parameter mayUsePage: Whether a page at hand may have something for the client.
    func advance(
        _ catchUp: CatchUp, _ connection: UnsafeMutablePointer<Connection>, mayUsePage: Bool = true
    ) {
        let lane = connection.pointee.lane
        guard case .joining = catchUp.stage, canTakeMore(connection), let feed = lane.feed else { return }
        switch catchUp.join.advance(in: feed.ring) {
        case .wait: return
        case .read(let cursor):
            let generation = feed.ring.headCursor.generation
            if mayUsePage, let entry = lane.reader.pages.entry(offering: cursor, generation: generation) {
                perform(catchUp.join.received(entry.page, ring: feed.ring), from: entry, catchUp, connection)
            } else {
                want(catchUp, connection)
            }
        case .join(let first):
            if let first { sendResumed(first, connection) }
            if !joinFeed(connection, after: catchUp.join.cursor, filter: catchUp.filter, form: catchUp.form) {
                preconditionFailure("the ring reaches from where a client joins it")
            }
        }
    }

    /// Does what the log's answer means for one client. The connection may be gone afterwards.
    /// - Parameter entry: The page it came from; `nil` when the log could not be read.
    func perform(
        _ answer: ResumeJoin.Answer, from entry: PageShelf.Entry?, _ catchUp: CatchUp,
        _ connection: UnsafeMutablePointer<Connection>
    ) {
        switch answer {
        case .nothing: advance(catchUp, connection, mayUsePage: false)
        case .send(let first, let reset):
            if let first { sendResumed(first, connection) }
            if let reset {
                let frame = FeedFrame.reset(from: reset.from, to: reset.to, reason: Self.moved)
                enqueue(.reset, frame, cursor: reset.to, connection)
            }
            if let entry { follow(entry, catchUp, connection) }
        case .startFresh(let refusal):
            startFresh(catchUp, connection, notResumedBecause: "\(refusal)")
        case .overtaken:
            // Only a new start can be honest with it.
            drop(connection, .trimmed)
        case .comeBack:
            let cursor = catchUp.join.cursor
            endStream(
                connection, code: .tryAgainLater, reason: "the log cannot be read now; resume after \(cursor)")
        }
    }

    /// Whether everything that the client was given so far has gone to its socket.
    func canTakeMore(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        !connection.pointee.hasOutput && !connection.pointee.isSendBlocked && connection.pointee.client.partial == nil
    }

    static let moved = "the log went on in a new generation"

    private func sendResumed(_ first: ResumeJoin.FirstFrame, _ connection: UnsafeMutablePointer<Connection>) {
        heldMessages.append(connection.pointee.token)
        enqueue(.resumed, FeedFrame.resumed(cursor: first.cursor), cursor: first.cursor, connection)
    }
}
