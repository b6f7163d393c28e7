import Broadcast
import Codecs
import PosixIO
import ThreatFeed
import WebSocketProtocol

/// What a WebSocket client needs besides its place in the feed: a plain value in its connection's slot.
struct WebSocketSession {
    /// What has arrived of what the client says next.
    private final class Input {
        var decoder: MessageDecoder
        /// Since when a message has been arriving.
        var messageSince: Tick?

        init(_ decoder: MessageDecoder) {
            self.decoder = decoder
        }
    }

    /// `nil` between messages, so that a silent client owns nothing beside its slot.
    private var input: Input?
    private var allowanceStart: Tick
    /// Messages, pings and pongs received since `allowanceStart`; a flood ends the connection.
    private var received: UInt32 = 0
    var liveness: Liveness
    /// permessage-deflate was agreed (RFC 7692), with this window for messages from the replica.
    let windowBits: UInt8?
    var closeHandshake = CloseHandshake(role: .server)

    /// - Parameter windowBits: Base-2 logarithm; `nil` without compression.
    init(windowBits: UInt8?, now: Tick) {
        self.windowBits = windowBits
        liveness = Liveness(now: now)
        allowanceStart = now
    }

    /// Bytes held of what has arrived.
    var bufferedBytes: Int { input?.decoder.bufferedBytes ?? 0 }

    /// Since when a message has been arriving.
    var messageSince: Tick? { input?.messageSince }

    /// Takes in bytes from the client.
    /// - Parameter makeDecoder: Called with whether messages may be compressed, if no decoder is at hand.
    mutating func receive(_ bytes: Span<UInt8>, makeDecoder: (Bool) -> MessageDecoder) {
        guard !bytes.isEmpty else { return }
        let input = input ?? Input(makeDecoder(windowBits != nil))
        self.input = input
        input.decoder.append(bytes)
    }

    /// The next thing the client said; `nil` when more bytes are needed.
    func nextEvent() throws(FrameError) -> WebSocketEvent? {
        try input?.decoder.next()
    }

    /// Notes that a message has come whole.
    func finishMessage() {
        input?.messageSince = nil
    }

    /// Notes how far what was received has come.
    mutating func noteProgress(now: Tick) {
        guard let input else { return }
        if input.decoder.isIdle {
            input.messageSince = nil
        } else if input.messageSince == nil {
            input.messageSince = now
        }
        if input.decoder.isFresh { self.input = nil }
    }

    /// Lets go of what has arrived of a message, which will not be served: a Close frame was sent.
    mutating func discardInput() {
        input = nil
    }

    /// Counts something the client sent.
    /// - Returns: Whether it is still within `messagesPerSecondMax`, averaged over ten seconds.
    mutating func countReceived(now: Tick, messagesPerSecondMax: Int) -> Bool {
        if allowanceStart + .seconds(10) <= now {
            allowanceStart = now
            received = 0
        }
        received += 1
        return Int(received) <= messagesPerSecondMax * 10
    }
}

extension EventLoop {
    /// Serves everything a WebSocket client has said. Nothing that is done here ends the connection at once.
    func serveMessages(_ connection: UnsafeMutablePointer<Connection>) {
        connection.pointee.webSocket.liveness.heard(now: tick)
        defer { connection.pointee.webSocket.noteProgress(now: tick) }
        do throws(FrameError) {
            while let event = try connection.pointee.webSocket.nextEvent() {
                if case .close(let code, _) = event {
                    perform(connection.pointee.webSocket.closeHandshake.receivedClose(code), connection)
                    return
                }
                // After our Close frame nothing is answered (RFC 6455 §5.5.1); the peer's own is still awaited.
                guard connection.pointee.webSocket.closeHandshake.maySendData else { continue }
                switch event {
                case .close: break
                // A client may say that it lives, also unasked; not flood.
                case .pong: _ = withinAllowance(connection)
                case .ping(let payload): answerPing(payload, connection)
                case .text(let text): serve(.text(text), connection)
                case .binary(let bytes): serve(.binary(bytes), connection)
                }
            }
        } catch {
            if connection.pointee.webSocket.closeHandshake.maySendData { metrics.protocolErrors.add(1) }
            perform(
                connection.pointee.webSocket.closeHandshake.fail(error.closeCode), connection, reason: error.reason)
        }
    }

    private func serve(_ message: WebSocketMessage, _ connection: UnsafeMutablePointer<Connection>) {
        connection.pointee.webSocket.finishMessage()
        guard withinAllowance(connection) else { return }
        shared.site.received(message, connection, on: self)
    }

    /// Lets clients speak that have got their first frame.
    func serveHeldMessages() {
        let tokens = heldMessages
        heldMessages = []
        for token in tokens {
            // One that could not resume may wait for its first frame again.
            guard let connection = connections.find(token), !connection.pointee.awaitsFirstFrame else { continue }
            updateInterest(connection)
            if case .webSocket = connection.pointee.dialogue { serveMessages(connection) }
        }
    }

    /// Takes in what a WebSocket client says; `serveMessages` acts on it.
    func receive(message bytes: Span<UInt8>, _ connection: UnsafeMutablePointer<Connection>) {
        connection.pointee.webSocket.receive(bytes) { isCompressed in
            let limits = WebSocketLimits(
                messageBytesMax: shared.limits.messageBytesMax, frameBytesMax: shared.limits.frameBytesMax,
                fragmentsPerMessageMax: shared.limits.framesPerMessageMax)
            return isCompressed
                ? MessageDecoder(role: .server, limits: limits, inflater: inflateMessage)
                : MessageDecoder(role: .server, limits: limits)
        }
    }

    /// Inflates a client's message; bounded before it happens.
    private var inflateMessage: InflateMessage {
        { [inflater] compressed, bytesMax throws(InflateFailure) in
            do throws(InflateError) {
                return try inflater.inflate(compressed.span, bytesMax: bytesMax)
            } catch {
                switch error {
                case .outputTooLarge: throw .outputTooLarge
                case .corrupt, .truncated: throw .corrupt
                }
            }
        }
    }

    /// Closes a WebSocket in good order: no further entry, a Close frame, then the peer's answer or a deadline.
    func beginClose(_ connection: UnsafeMutablePointer<Connection>, _ code: CloseCode, reason: String) {
        perform(connection.pointee.webSocket.closeHandshake.sendClose(code), connection, reason: reason)
    }

    func perform(
        _ action: CloseAction, _ connection: UnsafeMutablePointer<Connection>, reason: String = ""
    ) {
        switch action {
        case .none: break
        case .sendClose(let code):
            enqueueClose(code, reason, connection)
            connection.pointee.deadline = tick + .seconds(5)
        case .sendCloseThenCloseTransport(let code):
            enqueueClose(code, reason, connection)
            connection.pointee.closesWhenSent = true
            connection.pointee.deadline = tick + .seconds(5)
        case .closeTransport:
            leaveFeed(connection)
            connection.pointee.closesWhenSent = true
            connection.pointee.deadline = tick + .seconds(2)
            markDirty(connection)
        }
    }

    private func enqueueClose(
        _ code: CloseCode?, _ reason: String, _ connection: UnsafeMutablePointer<Connection>
    ) {
        // A Close frame is the last frame (RFC 6455 §5.5.1), but the one that was cut must end first.
        leaveFeed(connection)
        let payload = FrameEncoder.closePayload(code, reason: reason)
        FrameEncoder.append(opcode: .close, payload: payload.span, to: &connection.pointee.outbox)
        markDirty(connection)
    }

    private func answerPing(_ payload: [UInt8], _ connection: UnsafeMutablePointer<Connection>) {
        guard withinAllowance(connection) else { return }
        FrameEncoder.append(opcode: .pong, payload: payload.span, to: &connection.pointee.outbox)
        markDirty(connection)
    }

    /// Clients of the feed say how they want it; messages are JSON text.
    func serveFeedMessage(_ message: WebSocketMessage, _ connection: UnsafeMutablePointer<Connection>) {
        guard case .text(let text) = message else {
            let detail = "Messages are JSON text; binary is not read."
            return sendFrame(FeedFrame.error(code: "binary_message", detail: detail), connection)
        }
        switch ClientMessage(parsing: text) {
        case .ping: sendFrame(FeedFrame.pong, connection)
        case .notUnderstood(let code, let detail):
            sendFrame(FeedFrame.error(code: code, detail: detail), connection)
        case .filter(let filter): setFilter(filter, connection)
        }
    }

    private func setFilter(_ filter: Filter, _ connection: UnsafeMutablePointer<Connection>) {
        precondition(connection.pointee.isStreaming, "a client that may be answered is in the feed or on its way there")
        if let catchUp = connection.pointee.catchUp {
            catchUp.filter = filter
        } else {
            connection.pointee.lane.feed?.setFilter(filter, for: &connection.pointee.client)
        }
        let cursor = connection.pointee.cursor
        sendFrame(FeedFrame.filtered(cursor: cursor), connection)
    }

    /// Pings and messages are answered, so a client that floods makes the replica send as much: RFC 6455 §7.4.1, 1008.
    /// What it does not read is bounded too.
    private func withinAllowance(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        let isWithin =
            connection.pointee.webSocket.countReceived(
                now: tick, messagesPerSecondMax: shared.limits.messagesPerSecondMax)
            && connection.pointee.outbox.count <= shared.limits.outputBytesMax
        if !isWithin {
            perform(
                connection.pointee.webSocket.closeHandshake.fail(.policyViolation), connection,
                reason: "more than \(shared.limits.messagesPerSecondMax) messages per second, or answers left unread")
        }
        return isWithin
    }
}
