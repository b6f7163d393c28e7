import Broadcast
import Codecs
import HTTPProtocol
import PosixIO
import ThreatFeed
import WebSocketProtocol

extension EventLoop {
    /// Looks at every connection once: what waited too long, who is silent, and who is due a heartbeat.
    func checkDeadlines() {
        let tick = tick
        for slot in 0..<connections.slotCount {
            guard let connection = connections.connection(inSlot: slot) else { continue }
            if dropIfUnread(connection) { continue }
            endIfUnfinished(connection)
            if let deadline = connection.pointee.deadline, deadline <= tick {
                connection.pointee.deadline = nil
                deadlinePassed(connection)
            } else if connection.pointee.isStreaming {
                guard checkLiveness(connection) else { continue }
                tellOfLog(connection)
                if connection.pointee.lastSent + shared.configuration.heartbeatInterval <= tick {
                    sendHeartbeat(connection)
                }
            }
        }
    }

    /// Spreads the end of the streams over most of the drain, in random order.
    func scheduleClosing(within period: Duration) {
        var streams: [PollToken] = []
        for slot in 0..<connections.slotCount {
            guard let connection = connections.connection(inSlot: slot) else { continue }
            if connection.pointee.isStreaming {
                streams.append(connection.pointee.token)
            } else if case .http(let conversation) = connection.pointee.dialogue, conversation.decoder.isIdle,
                !conversation.isAnswering
            {
                // Balancers send requests on it until they have seen /ready; each is answered with `Connection: close`.
                connection.pointee.deadline = tick + min(.seconds(5), period / 2)
            }
        }
        streams.shuffle(using: &random)
        let moments = ClosingMoments.spread(streams.count, within: period, using: &random)
        for (token, moment) in zip(streams, moments) {
            connections.find(token)?.pointee.deadline = tick + moment
        }
    }

    private func deadlinePassed(_ connection: UnsafeMutablePointer<Connection>) {
        if let tls = connection.pointee.tls, !tls.isEstablished { return close(connection) }
        switch connection.pointee.dialogue {
        case .http(let conversation): requestDeadlinePassed(connection, conversation)
        case .webSocket where handOn(connection): break
        case .eventStream where handOn(connection): break
        case .webSocket:
            if connection.pointee.webSocket.closeHandshake.maySendData {
                beginClose(connection, .serviceRestart, reason: "the replica drains; reconnect and resume")
            } else {
                close(connection)
            }
        case .eventStream:
            leaveFeed(connection)
            if connection.pointee.closesWhenSent {
                close(connection)
            } else {
                connection.pointee.closesWhenSent = true
                connection.pointee.deadline = tick + .seconds(5)
                markDirty(connection)
            }
        case .lingering: close(connection)
        }
    }

    /// Only for a client that has everything it can have: any other has frames on the way.
    private func sendHeartbeat(_ connection: UnsafeMutablePointer<Connection>) {
        guard !connection.pointee.hasOutput, connection.pointee.client.partial == nil else { return }
        if let catchUp = connection.pointee.catchUp {
            // While Redis cannot be read a client stays where it is, and is told so.
            guard !catchUp.awaitsFirstFrame else { return }
        } else {
            guard connection.pointee.lane.feed?.isAtHead(connection.pointee.client) == true else { return }
        }
        enqueueHeartbeat(connection)
    }

    /// Pings a WebSocket client that says nothing, and drops one that does not answer.
    /// - Returns: Whether the connection is still there.
    private func checkLiveness(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        guard case .webSocket = connection.pointee.dialogue, !connection.pointee.awaitsFirstFrame else { return true }
        let limits = shared.limits
        switch connection.pointee.webSocket.liveness.check(
            now: tick, pingInterval: limits.pingInterval, pongDeadline: limits.pongDeadline)
        {
        case .alive: return true
        case .pingDue: return ping(connection)
        case .dead:
            // The ping may wait behind more than a slow client could read so far.
            let isProgressing =
                connection.pointee.isSendBlocked && connection.pointee.lastSent + limits.pongDeadline > tick
            if !isProgressing { drop(connection, .unresponsive) }
            return true
        }
    }

    /// - Returns: Whether the connection is still there.
    private func ping(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        let hasMore = connection.pointee.hasOutput || connection.pointee.client.partial != nil
        FrameEncoder.append(opcode: .ping, payload: [UInt8]().span, to: &connection.pointee.outbox)
        markDirty(connection)
        guard !hasMore else { return true }
        // Applications do not see a ping: it must not put off the heartbeat that they wait for.
        let token = connection.pointee.token
        let lastSent = connection.pointee.lastSent
        send(connection)
        guard let present = connections.find(token) else { return false }
        present.pointee.lastSent = lastSent
        return true
    }
}
