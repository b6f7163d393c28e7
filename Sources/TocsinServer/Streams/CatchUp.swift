import Broadcast
import PosixIO
import RedisLog
import ThreatFeed
import WebSocketProtocol

/// A client that must read from the log before the ring can serve it.
final class CatchUp {
    enum Stage {
        /// It asked to resume; whether that is possible is not known yet.
        case resuming(historyIfNot: Int)
        /// It has had its first frame and reads on.
        case reading
        /// A fresh client whose newest threats lie beyond the ring.
        case collectingHistory
    }

    var stage: Stage
    /// Everything that matches up to here was put into its outbox.
    var cursor: Cursor
    var filter: Filter
    let form: WireForm
    /// A read is under way.
    var isReading = false

    init(stage: Stage, cursor: Cursor, filter: Filter, form: WireForm) {
        self.stage = stage
        self.cursor = cursor
        self.filter = filter
        self.form = form
    }
}

extension EventLoop {
    /// Entries read in one go for one client. What a client does not take is not read further.
    private static let entriesPerRead = 64

    /// Lets every client that waits for the log or for the ring try again.
    func advanceCatchUps() {
        guard !catchingUp.isEmpty else { return }
        let tokens = catchingUp
        catchingUp = []
        for token in tokens {
            guard let connection = connections.find(token), let catchUp = connection.pointee.catchUp else { continue }
            catchingUp.append(token)
            advance(catchUp, connection)
        }
    }

    func beginCatchUp(_ catchUp: CatchUp, _ connection: UnsafeMutablePointer<Connection>) {
        connection.pointee.catchUp = catchUp
        catchingUp.append(connection.pointee.token)
        // The head of the response may wait in the outbox, and reading begins only when that is empty.
        markDirty(connection)
        advance(catchUp, connection)
    }

    /// Goes on where the client stands: into the ring if it reaches back so far, else with a read from the log.
    func advance(_ catchUp: CatchUp, _ connection: UnsafeMutablePointer<Connection>) {
        guard !catchUp.isReading, !connection.pointee.hasOutput else { return }
        switch catchUp.stage {
        case .collectingHistory: return
        case .reading:
            if joinFeed(connection, after: catchUp.cursor, filter: catchUp.filter, form: catchUp.form) { return }
        case .resuming:
            if feed?.ring.position(after: catchUp.cursor) != nil {
                enqueue(.resumed, FeedFrame.resumed(cursor: catchUp.cursor), cursor: catchUp.cursor, connection)
                catchUp.stage = .reading
                _ = joinFeed(connection, after: catchUp.cursor, filter: catchUp.filter, form: catchUp.form)
                return
            }
        }
        guard !shared.buffers.isExhausted, !reads.isFull else {
            couldNotRead("the replica holds as much for its clients as it may", catchUp, connection)
            return
        }
        catchUp.isReading = true
        let token = connection.pointee.token
        reads.run(for: token) { [unowned self] finish in
            log.resume(after: catchUp.cursor, limit: Self.entriesPerRead) { [unowned self] outcome in
                defer { finish() }
                catchUp.isReading = false
                guard let connection = connections.find(token), connection.pointee.catchUp === catchUp else { return }
                switch outcome {
                case .failure(let error): couldNotRead("\(error)", catchUp, connection)
                case .success(let outcome): received(outcome, catchUp, connection)
                }
            }
        }
    }

    /// A client in the middle of its reading stays, and the next tick tries again. One that has had no frame yet is
    /// told to come back: silence would look like a feed without threats.
    private func couldNotRead(
        _ reason: String, _ catchUp: CatchUp, _ connection: UnsafeMutablePointer<Connection>
    ) {
        switch catchUp.stage {
        case .reading, .collectingHistory: break
        case .resuming:
            endStream(
                connection, code: .tryAgainLater, reason: "the log cannot be read now; resume after \(catchUp.cursor)")
        }
        shared.logger.limited("catch_up_failed", "a client cannot be given what it missed", ["reason": "\(reason)"])
    }

    private func received(
        _ outcome: ResumeOutcome, _ catchUp: CatchUp, _ connection: UnsafeMutablePointer<Connection>
    ) {
        switch outcome {
        case .entries(let entries, _, _): received(entries, catchUp, connection)
        case .ahead(let head):
            cannotResume(
                catchUp, connection,
                reason: "the cursor \(catchUp.cursor) is ahead of the log, which ends at \(head.cursor)")
        case .trimmed(let head):
            cannotResume(
                catchUp, connection,
                reason:
                    "threats after \(catchUp.cursor) are no longer kept; the log reaches back to \(head.resumableFrom)")
        case .unknownGeneration(let head):
            cannotResume(
                catchUp, connection,
                reason:
                    "the log never had the generation of \(catchUp.cursor), or lost all of it; it ends at \(head.cursor)")
        }
    }

    private func received(
        _ entries: [LogEntry], _ catchUp: CatchUp, _ connection: UnsafeMutablePointer<Connection>
    ) {
        if case .resuming = catchUp.stage {
            enqueue(.resumed, FeedFrame.resumed(cursor: catchUp.cursor), cursor: catchUp.cursor, connection)
            catchUp.stage = .reading
        }
        for entry in entries {
            if catchUp.cursor != .zero, entry.cursor.generation > catchUp.cursor.generation {
                let to = Cursor(generation: entry.cursor.generation, sequence: entry.cursor.sequence - 1)
                let reason = "the log went on in a new generation"
                enqueue(.reset, FeedFrame.reset(from: catchUp.cursor, to: to, reason: reason), cursor: to, connection)
            }
            if catchUp.filter.matches(entry.record.facets) {
                enqueue(.newThreat, FeedFrame.newThreat(entry).text, cursor: entry.cursor, connection)
                metrics.deliveredEntries.add(1)
            }
            catchUp.cursor = entry.cursor
        }
        // Without entries the log has no more, and the ring will come to the cursor; until then the next tick or
        // entry asks again.
        if !entries.isEmpty || feed?.ring.position(after: catchUp.cursor) != nil { advance(catchUp, connection) }
    }

    private func cannotResume(
        _ catchUp: CatchUp, _ connection: UnsafeMutablePointer<Connection>, reason: String
    ) {
        guard case .resuming(let history) = catchUp.stage else {
            // Retention overtook a client in the middle of its reading; only a new start can be honest with it.
            metrics.droppedClients.add(1)
            endStream(connection, code: .tooSlow, reason: "resume after \(catchUp.cursor)")
            return
        }
        heldMessages.append(connection.pointee.token)
        connection.pointee.catchUp = nil
        startFresh(connection, history: history, filter: catchUp.filter, form: catchUp.form, notResumedBecause: reason)
    }
}
