import Broadcast
import PosixIO
import RedisLog
import ThreatFeed
import WebSocketProtocol

/// What a client asked for when it opened a stream.
struct StreamRequest {
    let lane: Lane
    var after: Cursor?
    var history: Int
    var filter: Filter
    /// It asked to resume after something that is no cursor.
    var isCursorMalformed = false
}

extension EventLoop {
    /// Starts the feed on a connection whose dialogue has just become a stream, or lets it wait for its turn.
    func startStream(_ connection: UnsafeMutablePointer<Connection>, _ request: StreamRequest, form: WireForm) {
        connection.pointee.deadline = nil
        if shared.status.isDraining { connection.pointee.deadline = tick + Tick.duration }
        if request.after == nil, request.history == 0, !request.isCursorMalformed {
            return startAtHead(connection, filter: request.filter, form: form)
        }
        let catchUp = CatchUp(request, form: form)
        connection.pointee.catchUp = catchUp
        if startsLightly(request) { return start(request, catchUp, connection) }
        starts.sweepIfFull(now: now) { connections.find($0)?.pointee.catchUp != nil }
        guard !starts.isFull else {
            metrics.refusedStreams.add(1)
            let place = request.after.map { "; resume after \($0)" } ?? ""
            endStream(connection, code: .tryAgainLater, reason: "too many clients come at once\(place)")
            return
        }
        starts.append(connection.pointee.token)
        startDueStreams()
    }

    /// Starts the streams whose turn it is.
    func startDueStreams() {
        for token in starts.due(now: now, isWaiting: { connections.find($0)?.pointee.catchUp != nil }) {
            guard let connection = connections.find(token), let catchUp = connection.pointee.catchUp,
                case .awaitingTurn(let request) = catchUp.stage
            else { continue }
            start(request, catchUp, connection)
        }
    }

    /// Whether a stream costs little more than its place in the ring, so that any number may start at once.
    private func startsLightly(_ request: StreamRequest) -> Bool {
        guard !request.isCursorMalformed, let ring = request.lane.feed?.ring else { return false }
        guard let after = request.after else { return false }
        guard after.generation == ring.headCursor.generation, let position = ring.position(after: after) else {
            return false
        }
        guard ring.head - position <= Self.lightEntriesMax else { return false }
        return (position..<ring.head).reduce(0) { $0 + ring[$1].byteCount } <= Self.lightBytesMax
    }

    // What a client may lack without having to wait for its turn.
    private static let lightEntriesMax: FeedPosition = 16
    private static let lightBytesMax = 32 << 10

    private func start(
        _ request: StreamRequest, _ catchUp: CatchUp, _ connection: UnsafeMutablePointer<Connection>
    ) {
        if request.isCursorMalformed {
            startFresh(catchUp, connection, notResumedBecause: "\(ResumeJoin.Refusal.malformed)")
        } else if let after = request.after {
            beginJoining(.resuming(after: after), catchUp, connection)
        } else {
            startFresh(catchUp, connection)
        }
    }

    /// Sends the newest threats and puts the client at the head of the feed.
    func startFresh(
        _ catchUp: CatchUp, _ connection: UnsafeMutablePointer<Connection>, notResumedBecause reason: String? = nil
    ) {
        let lane = connection.pointee.lane
        guard let feed = lane.feed else {
            preconditionFailure("streams start once the log has been read")
        }
        let head = feed.ring.headCursor
        catchUp.stage = .collectingHistory
        let key = FirstFrame.Key(
            head: head, trimmedThrough: feed.ring.trimmedThrough, history: catchUp.history, filter: catchUp.filter)
        if reason == nil, let frame = connection.pointee.lane.firstFrame.frame(of: key) {
            enqueue(first: frame, cursor: head, connection)
            return joinAtHead(connection, filter: catchUp.filter, form: catchUp.form)
        }
        let (newest, isComplete) = feed.newest(catchUp.history, matching: catchUp.filter)
        if isComplete || reads.isFull {
            let frame = initialBatch(newest.lazy.compactMap(\.logEntry), head, notResumedBecause: reason)
            if isComplete, reason == nil { connection.pointee.lane.firstFrame.keep(frame, of: key) }
            enqueue(first: frame, cursor: head, connection)
            return joinAtHead(connection, filter: catchUp.filter, form: catchUp.form)
        }
        let token = connection.pointee.token
        let query = ThreatQuery(
            filter: catchUp.filter, offset: 0, limit: catchUp.history, before: head.successor, after: nil,
            scannedMax: shared.limits.historyScanMax)
        reads.run(for: token) { [unowned self] finish in
            run(query, of: lane) { [unowned self] result in
                defer { finish() }
                guard let connection = connections.find(token), connection.pointee.catchUp === catchUp else { return }
                // Without Redis the client gets what the ring holds: a shorter history, and the feed all the same.
                let entries = (try? result.get()) ?? newest.compactMap(\.logEntry)
                let frame = initialBatch(entries, head, notResumedBecause: reason)
                enqueue(first: frame, cursor: head, connection)
                beginJoining(.reading(after: head), catchUp, connection)
            }
        }
    }

    /// Puts a client that wants no history at the head of the feed, at once.
    private func startAtHead(_ connection: UnsafeMutablePointer<Connection>, filter: Filter, form: WireForm) {
        let lane = connection.pointee.lane
        guard let ring = lane.feed?.ring else { preconditionFailure("streams start once the log has been read") }
        let head = ring.headCursor
        let key = FirstFrame.Key(head: head, trimmedThrough: ring.trimmedThrough, history: 0, filter: filter)
        let frame = lane.firstFrame.frame(of: key) ?? initialBatch([], head, notResumedBecause: nil)
        lane.firstFrame.keep(frame, of: key)
        enqueue(first: frame, cursor: head, connection)
        joinAtHead(connection, filter: filter, form: form)
    }

    private func joinAtHead(_ connection: UnsafeMutablePointer<Connection>, filter: Filter, form: WireForm) {
        guard let head = connection.pointee.lane.feed?.ring.headCursor,
            joinFeed(connection, after: head, filter: filter, form: form)
        else { preconditionFailure("the ring reaches to its own head") }
    }

    private func initialBatch(
        _ newestFirst: some Sequence<LogEntry>, _ cursor: Cursor, notResumedBecause reason: String?
    ) -> PrivateFrame {
        PrivateFrame(
            FeedFrame.initialBatch(
                cursor: cursor, entries: newestFirst, notResumedBecause: reason,
                bytesMax: shared.limits.initialBatchBytesMax))
    }

    /// Puts a frame for this client alone into its outbox.
    func enqueue(
        _ type: FrameType, _ text: [UInt8], cursor: Cursor?, _ connection: UnsafeMutablePointer<Connection>
    ) {
        if connection.pointee.awaitsFirstFrame { heldMessages.append(connection.pointee.token) }
        switch connection.pointee.dialogue {
        case .webSocket: sendFrame(text, connection)
        case .eventStream:
            connection.pointee.outbox += EntryEncoding.event(text.span, type, cursor: cursor)
            markDirty(connection)
        case .http, .lingering: break
        }
    }

    /// The same for an `initial_batch`, whose compressed form other clients may get, too.
    private func enqueue(
        first frame: PrivateFrame, cursor: Cursor, _ connection: UnsafeMutablePointer<Connection>
    ) {
        guard case .webSocket = connection.pointee.dialogue else {
            return enqueue(.initialBatch, frame.text, cursor: cursor, connection)
        }
        if connection.pointee.awaitsFirstFrame { heldMessages.append(connection.pointee.token) }
        send(frame, connection)
    }

    /// - Returns: Whether the ring reaches from `cursor` on, so that the client is in the feed.
    func joinFeed(
        _ connection: UnsafeMutablePointer<Connection>, after cursor: Cursor, filter: Filter, form: WireForm
    ) -> Bool {
        let lane = connection.pointee.lane
        guard let client = lane.feed?.join(after: cursor, filter: filter, form: form) else { return false }
        connection.pointee.catchUp = nil
        connection.pointee.client = client
        connection.pointee.sweepIndex = UInt32(lane.sweep.clients.count)
        lane.sweep.clients.append(connection)
        markDirty(connection)
        tellOfLog(connection)
        return true
    }

    /// Takes a client out of the feed; what its socket has half, it gets whole.
    func leaveFeed(_ connection: UnsafeMutablePointer<Connection>) {
        // Its Close frame is to be read all the same.
        if connection.pointee.awaitsFirstFrame { heldMessages.append(connection.pointee.token) }
        connection.pointee.catchUp = nil
        let client = connection.pointee.client
        connection.pointee.client = .outside
        let rest = [UInt8](client.partialRest)
        if !rest.isEmpty {
            connection.pointee.outbox.insert(contentsOf: rest, at: connection.pointee.outboxBytesSent)
        }
        guard let sweepIndex = connection.pointee.sweepIndex else { return }
        let lane = connection.pointee.lane
        lane.feed?.leave(client)
        connection.pointee.sweepIndex = nil
        let index = Int(sweepIndex)
        let last = lane.sweep.clients.removeLast()
        guard index < lane.sweep.clients.count else { return }
        lane.sweep.clients[index] = last
        last.pointee.sweepIndex = sweepIndex
        lane.sweep.moved(to: index)
    }

    /// Closes a client that does not keep up, or does not live, with 4001 and the cursor to resume after.
    func drop(_ connection: UnsafeMutablePointer<Connection>, _ reason: DropReason) {
        let cursor = connection.pointee.cursor
        connection.pointee.lane.metrics.dropped(reason)
        shared.logger.limited(
            "slow_client", "closed a client that fell behind",
            ["reason": reason.rawValue, "resume_after": "\(cursor)"])
        endStream(connection, code: .tooSlow, reason: "resume after \(cursor)")
        // What its socket holds already may take a slow client long to read, and the reason comes behind it.
        connection.pointee.deadline = tick + (reason == .lagged ? .seconds(30) : .seconds(5))
    }

    /// Ends a stream with a code, or for an event stream with an `error` event.
    func endStream(_ connection: UnsafeMutablePointer<Connection>, code: CloseCode, reason: String) {
        switch connection.pointee.dialogue {
        case .webSocket: beginClose(connection, code, reason: reason)
        case .eventStream:
            leaveFeed(connection)
            if code == .tooSlow {
                enqueue(.error, FeedFrame.error(code: "too_slow", detail: reason), cursor: nil, connection)
            } else {
                enqueue(.unavailable, FeedFrame.unavailable(detail: reason), cursor: nil, connection)
            }
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
