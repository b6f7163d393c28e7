import Broadcast
import Codecs
import PosixIO
import ThreatFeed
import WebSocketProtocol

/// What is done with the messages of a WebSocket client. Called while data may be sent, within the allowance.
protocol WebSocketMessages: AnyObject {
    func received(text: [UInt8], _ connection: UnsafeMutablePointer<Connection>, on loop: EventLoop)
    func received(binary: [UInt8], _ connection: UnsafeMutablePointer<Connection>, on loop: EventLoop)
}

/// Clients of the feed say how they want it; messages are JSON text.
final class FeedMessages: WebSocketMessages {
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
    /// What has arrived of what the client says next.
    private final class Input {
        var decoder: MessageDecoder

        init(_ decoder: MessageDecoder) {
            self.decoder = decoder
        }
    }

    /// `nil` between messages, so that a silent client owns no more than this object.
    private var input: Input?
    /// permessage-deflate was agreed (RFC 7692).
    private let isCompressed: Bool
    let messages: any WebSocketMessages
    var closeHandshake = CloseHandshake(role: .server)
    var liveness: Liveness
    /// Messages, pings and pongs received since `allowanceStart`; a flood ends the connection.
    private var received: UInt32 = 0
    private var allowanceStart: Tick
    /// Since when a message has been arriving.
    private(set) var messageSince: Tick?

    init(isCompressed: Bool, messages: any WebSocketMessages, now: Tick) {
        self.isCompressed = isCompressed
        self.messages = messages
        liveness = Liveness(now: now)
        allowanceStart = now
    }

    /// Bytes held of what has arrived.
    var bufferedBytes: Int { input?.decoder.bufferedBytes ?? 0 }

    /// Takes in bytes from the client.
    /// - Parameter makeDecoder: Called with whether messages may be compressed, if no decoder is at hand.
    func receive(_ bytes: Span<UInt8>, makeDecoder: (Bool) -> MessageDecoder) {
        guard !bytes.isEmpty else { return }
        let input = input ?? Input(makeDecoder(isCompressed))
        self.input = input
        input.decoder.append(bytes)
    }

    /// The next thing the client said; `nil` when more bytes are needed.
    func nextEvent() throws(FrameError) -> WebSocketEvent? {
        try input?.decoder.next()
    }

    /// Notes that a message has come whole.
    func finishMessage() {
        messageSince = nil
    }

    /// Notes how far what was received has come.
    func noteProgress(now: Tick) {
        guard let input else { return }
        if input.decoder.isIdle { messageSince = nil } else if messageSince == nil { messageSince = now }
        if input.decoder.isFresh { self.input = nil }
    }

    /// Lets go of what has arrived of a message, which will not be served: a Close frame was sent.
    func discardInput() {
        input = nil
    }

    /// Counts something the client sent.
    /// - Returns: Whether it is still within `messagesPerSecondMax`, averaged over ten seconds.
    func countReceived(now: Tick, messagesPerSecondMax: Int) -> Bool {
        if allowanceStart + .seconds(10) <= now {
            allowanceStart = now
            received = 0
        }
        received += 1
        return Int(received) <= messagesPerSecondMax * 10
    }
}

extension EventLoop {
    /// Serves everything a WebSocket client has said.
    func serveMessages(_ connection: UnsafeMutablePointer<Connection>, _ session: WebSocketSession) {
        session.liveness.heard(now: tick)
        defer { session.noteProgress(now: tick) }
        do throws(FrameError) {
            while let event = try session.nextEvent() {
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

    /// Takes in what a WebSocket client says; `serveMessages` acts on it.
    func receive(_ bytes: Span<UInt8>, _ session: WebSocketSession) {
        session.receive(bytes) { isCompressed in
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
