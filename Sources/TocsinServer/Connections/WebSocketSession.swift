import Broadcast
import Codecs
import PosixIO
import ThreatFeed
import WebSocketProtocol

/// What is done with the messages of a WebSocket client. Called while data may be sent, within the allowance.
protocol WebSocketMessages {
    func received(text: [UInt8], _ connection: UnsafeMutablePointer<Connection>, on loop: EventLoop)
    func received(binary: [UInt8], _ connection: UnsafeMutablePointer<Connection>, on loop: EventLoop)
}

/// Clients of the feed say how they want it; messages are JSON text.
struct FeedMessages: WebSocketMessages {
    func received(text: [UInt8], _ connection: UnsafeMutablePointer<Connection>, on loop: EventLoop) {
        loop.serveMessage(text, connection)
    }

    func received(binary: [UInt8], _ connection: UnsafeMutablePointer<Connection>, on loop: EventLoop) {
        loop.sendFrame(
            FeedFrame.error(code: "binary_message", detail: "Messages are JSON text; binary is not read."), connection)
    }
}

/// What a WebSocket client needs besides its place in the feed.
final class WebSocketSession {
    var decoder: MessageDecoder
    let messages: any WebSocketMessages
    var closeHandshake = CloseHandshake(role: .server)
    var liveness: Liveness
    /// Messages, pings and pongs received since `allowanceStart`; a flood ends the connection.
    private var received = 0
    private var allowanceStart: Tick
    /// Since when a message has been arriving.
    private(set) var messageSince: Tick?

    init(decoder: MessageDecoder, messages: any WebSocketMessages, now: Tick) {
        self.decoder = decoder
        self.messages = messages
        liveness = Liveness(now: now)
        allowanceStart = now
    }

    /// Notes that a message has come whole.
    func finishMessage() {
        messageSince = nil
    }

    /// Notes how far what was received has come.
    func noteProgress(now: Tick) {
        if decoder.isIdle { messageSince = nil } else if messageSince == nil { messageSince = now }
    }

    /// Lets go of what has arrived of a message, which will not be served: a Close frame was sent.
    func discardInput() {
        decoder = MessageDecoder(role: .server)
    }

    /// Counts something the client sent.
    /// - Returns: Whether it is still within `messagesPerSecondMax`, averaged over ten seconds.
    func countReceived(now: Tick, messagesPerSecondMax: Int) -> Bool {
        if allowanceStart + .seconds(10) <= now {
            allowanceStart = now
            received = 0
        }
        received += 1
        return received <= messagesPerSecondMax * 10
    }
}

extension EventLoop {
    /// Serves everything a WebSocket client has said.
    func serveMessages(_ connection: UnsafeMutablePointer<Connection>, _ session: WebSocketSession) {
        session.liveness.heard(now: tick)
        defer { session.noteProgress(now: tick) }
        do throws(FrameError) {
            while let event = try session.decoder.next() {
                if case .close(let code, _) = event {
                    perform(session.closeHandshake.receivedClose(code), connection)
                    return
                }
                // After our Close frame nothing is answered (RFC 6455 §5.5.1); the peer's own is still awaited.
                guard session.closeHandshake.maySendData else { continue }
                switch event {
                case .close: break
                // A client may say that it lives, also unasked; not flood.
                case .pong: _ = withinAllowance(connection, session)
                case .ping(let payload): answerPing(payload, connection, session)
                case .text(let text):
                    session.finishMessage()
                    guard withinAllowance(connection, session) else { continue }
                    session.messages.received(text: text, connection, on: self)
                case .binary(let bytes):
                    session.finishMessage()
                    guard withinAllowance(connection, session) else { continue }
                    session.messages.received(binary: bytes, connection, on: self)
                }
            }
        } catch {
            if session.closeHandshake.maySendData { metrics.protocolErrors.add(1) }
            perform(session.closeHandshake.fail(error.closeCode), connection, reason: error.reason)
        }
    }

    /// Lets clients speak that have got their first frame.
    func serveHeldMessages() {
        let tokens = heldMessages
        heldMessages = []
        for token in tokens {
            // One that could not resume may wait for its first frame again.
            guard let connection = connections.find(token), !connection.pointee.awaitsFirstFrame else { continue }
            updateInterest(connection)
            if case .webSocket(let session) = connection.pointee.dialogue { serveMessages(connection, session) }
        }
    }

    /// Inflates a client's message; bounded before it happens.
    var inflateMessage: InflateMessage {
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

    /// Puts one text frame into the client's outbox.
    func sendFrame(_ text: [UInt8], _ connection: UnsafeMutablePointer<Connection>) {
        FrameEncoder.append(opcode: .text, payload: text.span, to: &connection.pointee.outbox)
        markDirty(connection)
    }

    /// Closes a WebSocket in good order: no further entry, a Close frame, then the peer's answer or a deadline.
    func beginClose(
        _ connection: UnsafeMutablePointer<Connection>, _ session: WebSocketSession, _ code: CloseCode, reason: String
    ) {
        perform(session.closeHandshake.sendClose(code), connection, reason: reason)
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

    private func answerPing(
        _ payload: [UInt8], _ connection: UnsafeMutablePointer<Connection>, _ session: WebSocketSession
    ) {
        guard withinAllowance(connection, session) else { return }
        FrameEncoder.append(opcode: .pong, payload: payload.span, to: &connection.pointee.outbox)
        markDirty(connection)
    }

    fileprivate func serveMessage(_ text: [UInt8], _ connection: UnsafeMutablePointer<Connection>) {
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
    private func withinAllowance(
        _ connection: UnsafeMutablePointer<Connection>, _ session: WebSocketSession
    ) -> Bool {
        let isWithin =
            session.countReceived(now: tick, messagesPerSecondMax: shared.limits.messagesPerSecondMax)
            && connection.pointee.outbox.count <= shared.limits.outputBytesMax
        if !isWithin {
            perform(
                session.closeHandshake.fail(.policyViolation), connection,
                reason: "more than \(shared.limits.messagesPerSecondMax) messages per second, or answers left unread")
        }
        return isWithin
    }
}
