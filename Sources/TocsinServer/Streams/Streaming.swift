import Broadcast
import PosixIO
import RedisLog
import ThreatFeed
import WebSocketProtocol

/// What a client asked for when it opened a stream.
struct StreamRequest {
    var after: Cursor?
    var history: Int
    var filter: Filter
}

extension EventLoop {
    /// Starts the feed on a connection whose dialogue has just become a stream.
    func startStream(_ connection: UnsafeMutablePointer<Connection>, _ request: StreamRequest, form: WireForm) {
        connection.pointee.deadline = nil
        if shared.status.isDraining { connection.pointee.deadline = tick + Tick.duration }
        guard let after = request.after else {
            startFresh(connection, history: request.history, filter: request.filter, form: form)
            return
        }
        beginCatchUp(
            CatchUp(
                stage: .resuming(historyIfNot: request.history), cursor: after, filter: request.filter, form: form),
            connection)
    }

    /// Sends the newest threats and puts the client at the head of the feed.
    func startFresh(
        _ connection: UnsafeMutablePointer<Connection>, history: Int, filter: Filter, form: WireForm,
        notResumedBecause reason: String? = nil
    ) {
        guard let feed else { preconditionFailure("streams start once the log has been read") }
        let head = feed.ring.headCursor
        let (newest, isComplete) = feed.newest(history, matching: filter)
        if isComplete || reads.isFull {
            sendInitialBatch(newest.compactMap(\.logEntry), head, notResumedBecause: reason, connection)
            if !joinFeed(connection, after: head, filter: filter, form: form) {
                preconditionFailure("the ring reaches to its own head")
            }
            return
        }
        let catchUp = CatchUp(stage: .collectingHistory, cursor: head, filter: filter, form: form)
        catchUp.isReading = true
        beginCatchUp(catchUp, connection)
        let token = connection.pointee.token
        let query = ThreatQuery(
            filter: filter, offset: 0, limit: history, before: head.successor, after: nil,
            scannedMax: shared.limits.historyScanMax)
        reads.run(for: token) { [unowned self] finish in
            run(query) { [unowned self] result in
                defer { finish() }
                catchUp.isReading = false
                guard let connection = connections.find(token), connection.pointee.catchUp === catchUp else { return }
                switch result {
                case .success(let entries): sendInitialBatch(entries, head, notResumedBecause: reason, connection)
                // Without Redis the client gets what the ring holds: a shorter history, and the feed all the same.
                case .failure:
                    sendInitialBatch(newest.compactMap(\.logEntry), head, notResumedBecause: reason, connection)
                }
                catchUp.stage = .reading
                advance(catchUp, connection)
            }
        }
    }

    private func sendInitialBatch(
        _ newestFirst: [LogEntry], _ cursor: Cursor, notResumedBecause reason: String?,
        _ connection: UnsafeMutablePointer<Connection>
    ) {
        let frame = FeedFrame.initialBatch(
            cursor: cursor, documents: newestFirst.map { $0.document()[...] }, notResumedBecause: reason)
        enqueue(.initialBatch, frame, cursor: cursor, connection)
    }

    /// Puts a frame for this client alone into its outbox.
    func enqueue(
        _ type: FrameType, _ text: [UInt8], cursor: Cursor?, _ connection: UnsafeMutablePointer<Connection>
    ) {
        if connection.pointee.awaitsFirstFrame { heldMessages.append(connection.pointee.token) }
        switch connection.pointee.dialogue {
        case .webSocket: sendFrame(text, connection)
        case .eventStream:
            connection.pointee.outbox += EntryEncoding.encode(text, type, cursor: cursor, as: .eventStream)
            markDirty(connection)
        case .http, .lingering: break
        }
    }

    /// - Returns: Whether the ring reaches from `cursor` on, so that the client is in the feed.
    func joinFeed(
        _ connection: UnsafeMutablePointer<Connection>, after cursor: Cursor, filter: Filter, form: WireForm
    ) -> Bool {
        guard let client = feed?.join(after: cursor, filter: filter, form: form) else { return false }
        connection.pointee.catchUp = nil
        connection.pointee.client = client
        connection.pointee.sweepIndex = sweep.clients.count
        sweep.clients.append(connection.pointee.token)
        markDirty(connection)
        return true
    }

    /// Takes a client out of the feed; what its socket has half, it gets whole.
    func leaveFeed(_ connection: UnsafeMutablePointer<Connection>) {
        // Its Close frame is to be read all the same.
        if connection.pointee.awaitsFirstFrame { heldMessages.append(connection.pointee.token) }
        connection.pointee.catchUp = nil
        guard let index = connection.pointee.sweepIndex else { return }
        feed?.leave(connection.pointee.client)
        let rest = [UInt8](connection.pointee.client.partialRest)
        if !rest.isEmpty {
            connection.pointee.outbox.insert(contentsOf: rest, at: connection.pointee.outboxBytesSent)
        }
        connection.pointee.client = .outside
        connection.pointee.sweepIndex = nil
        let last = sweep.clients.removeLast()
        guard index < sweep.clients.count else { return }
        sweep.clients[index] = last
        guard let moved = connections.find(last) else { preconditionFailure("a swept client is connected") }
        moved.pointee.sweepIndex = index
        // A pass under way may have been past this place already; one more visits the moved client for certain.
        if sweep.nextIndex > index { sweep.isWanted = true }
    }

    /// The client did not keep up: entries it lacks have left the ring.
    func dropSlowClient(_ connection: UnsafeMutablePointer<Connection>) {
        let cursor = connection.pointee.client.cursor
        metrics.droppedClients.add(1)
        shared.logger.limited("slow_client", "closed a client that fell behind", ["resume_after": "\(cursor)"])
        endStream(connection, code: .tooSlow, reason: "resume after \(cursor)")
        // What its socket holds already may take a slow client long to read, and the reason comes behind it.
        connection.pointee.deadline = tick + .seconds(30)
    }

    /// Ends a stream with a code, or for an event stream with an `error` event.
    func endStream(_ connection: UnsafeMutablePointer<Connection>, code: CloseCode, reason: String) {
        switch connection.pointee.dialogue {
        case .webSocket(let session): beginClose(connection, session, code, reason: reason)
        case .eventStream:
            leaveFeed(connection)
            let name = code == .tooSlow ? "too_slow" : "unavailable"
            enqueue(.error, FeedFrame.error(code: name, detail: reason), cursor: nil, connection)
            connection.pointee.closesWhenSent = true
            connection.pointee.deadline = tick + .seconds(5)
        case .http, .lingering: break
        }
    }
}

extension Cursor {
    /// The next cursor of the same generation.
    var successor: Cursor { Cursor(generation: generation, sequence: sequence + 1) }
}
