import Codecs
import HTTPProtocol
import PosixIO
import ThreatFeed
import WebSocketProtocol

/// What is held for clients, and what happens when that is as much as may be.
extension EventLoop {
    /// Input that a client may have unfinished even then: nearly every request fits.
    private static let smallInputBytes = 4 << 10
    /// Output that need not be counted before the turn's sending, which nearly always takes all of it.
    private static let smallOutputBytes = 4 << 10

    /// Counts what is held for a connection. Called whenever that may have changed in this turn.
    func account(_ connection: UnsafeMutablePointer<Connection>) {
        if connection.pointee.heldOutputBytes == 0 {
            connection.pointee.outputSince = nil
        } else if connection.pointee.outputSince == nil {
            connection.pointee.outputSince = tick
        }
        let held = connection.pointee.heldBytes
        guard held != connection.pointee.countedBytes else { return }
        shared.buffers.add(held - connection.pointee.countedBytes)
        connection.pointee.countedBytes = held
    }

    /// Counts what is held for a connection, but for little that is sent, and then counted, within this turn: all loops
    /// share the count.
    func accountUnlessSentSoon(_ connection: UnsafeMutablePointer<Connection>) {
        let isSentSoon =
            connection.pointee.isDirty && connection.pointee.outbox.count <= Self.smallOutputBytes
            && connection.pointee.heldInputBytes <= Self.smallInputBytes
        if !isSentSoon { account(connection) }
    }

    /// Ends a connection whose unfinished input would make the replica hold more than it may.
    func refuseIfExhausted(_ connection: UnsafeMutablePointer<Connection>) {
        guard connection.pointee.heldInputBytes > Self.smallInputBytes, shared.buffers.isExhausted else { return }
        shared.logger.limited(
            "buffers_exhausted", "clients are refused: as much is held for them as may be",
            ["bytes": "\(shared.buffers.bytes)"])
        switch connection.pointee.dialogue {
        case .http(let conversation) where conversation.isReadingStopped:
            // Its last answer is given or due; what came behind it is nobody's.
            conversation.discardInput(shared.decoderConfiguration)
        case .http(let conversation):
            let number = conversation.expectAnswer(
                HTTPResponseContext(isHead: conversation.decoder.isReceivingHead, keepAlive: false, date: httpDate))
            conversation.discardInput(shared.decoderConfiguration)
            respondExhausted(ResponseTicket(connection: connection.pointee.token, number: number))
            updateInterest(connection)
        case .webSocket:
            perform(
                connection.pointee.webSocket.closeHandshake.fail(.tryAgainLater), connection,
                reason: "the replica is short of memory")
            connection.pointee.webSocket.discardInput()
        case .eventStream, .lingering: break
        }
        account(connection)
    }

    /// How long output may wait for its socket: a client that takes a byte now and then would hold it for ever.
    private var outputPatience: Duration {
        shared.buffers.isExhausted ? min(.seconds(5), shared.limits.idleTimeout) : shared.limits.idleTimeout
    }

    /// Ends a connection whose peer does not take what it was sent.
    /// - Returns: Whether it has ended.
    func dropIfUnread(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        guard let since = connection.pointee.outputSince, since + outputPatience <= tick else { return false }
        shared.logger.limited("unread_output", "closed a client that does not take what it is sent")
        if connection.pointee.isStreaming, !shared.buffers.isExhausted {
            // It may read one day, and then learns where to resume.
            connection.pointee.outputSince = tick
            drop(connection, .unread)
            return false
        }
        connection.pointee.lane.metrics.dropped(.unread)
        close(connection)
        return true
    }

    /// Ends a WebSocket whose client does not finish a message in the time it would have for a request.
    func endIfUnfinished(_ connection: UnsafeMutablePointer<Connection>) {
        guard case .webSocket = connection.pointee.dialogue, connection.pointee.webSocket.closeHandshake.maySendData,
            let since = connection.pointee.webSocket.messageSince, since + shared.limits.requestDeadline <= tick
        else { return }
        perform(
            connection.pointee.webSocket.closeHandshake.fail(.policyViolation), connection,
            reason: "the message did not arrive whole in time")
        connection.pointee.webSocket.discardInput()
        account(connection)
    }

    /// - Returns: Whether a request that makes the replica hold more may be served; otherwise it has been answered.
    func hasRoom(for ticket: ResponseTicket, asEventStream: Bool = false) -> Bool {
        guard shared.buffers.isExhausted || reads.isFull || listReads.isFull else { return true }
        respondExhausted(ticket, asEventStream: asEventStream)
        return false
    }

    private func respondExhausted(_ ticket: ResponseTicket, asEventStream: Bool = false) {
        respondUnavailable(
            ticket, detail: "The replica holds as much for its clients as it may; try again or another.",
            asEventStream: asEventStream)
    }
}

extension Connection {
    fileprivate var heldInputBytes: Int {
        switch dialogue {
        case .http(let conversation): conversation.decoder.bufferedBytes
        case .webSocket: webSocket.bufferedBytes
        case .eventStream, .lingering: 0
        }
    }

    fileprivate var heldOutputBytes: Int { outbox.count + (tls?.unsentCount ?? 0) }

    fileprivate var heldBytes: Int {
        var bytes = heldOutputBytes + heldInputBytes
        if case .http(let conversation) = dialogue { bytes += conversation.encodedBytes }
        return bytes
    }
}
