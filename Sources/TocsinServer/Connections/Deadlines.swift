import Broadcast
import Codecs
import HTTPProtocol
import PosixIO
import ThreatFeed
import WebSocketProtocol

extension EventLoop {
    /// Looks at every connection once: what waited too long, and who is due a heartbeat.
    func checkDeadlines() {
        let tick = tick
        for slot in 0..<connections.slotCount {
            guard let connection = connections.connection(inSlot: slot) else { continue }
            if dropIfUnread(connection) { continue }
            endIfUnfinished(connection)
            if let deadline = connection.pointee.deadline, deadline <= tick {
                connection.pointee.deadline = nil
                deadlinePassed(connection)
            } else if connection.pointee.isStreaming,
                connection.pointee.lastSent + shared.configuration.heartbeatInterval <= tick
            {
                sendHeartbeat(connection)
            }
        }
    }

    /// Spreads the end of the streams over the first four fifths of the drain, so that their clients do not arrive at
    /// the other replicas all at once.
    func scheduleClosing(within period: Duration) {
        let tick = tick
        let last = period.nanoseconds * 4 / 5
        for slot in 0..<connections.slotCount {
            guard let connection = connections.connection(inSlot: slot) else { continue }
            if connection.pointee.isStreaming {
                let moment = Int64.random(in: 0...max(0, last), using: &random)
                connection.pointee.deadline = tick + .nanoseconds(moment)
            } else if case .http(let conversation) = connection.pointee.dialogue, conversation.decoder.isIdle,
                !conversation.isAnswering
            {
                // A request may be on its way already; it is answered with `Connection: close`.
                connection.pointee.deadline = tick + min(.seconds(1), period / 4)
            }
        }
    }

    private func deadlinePassed(_ connection: UnsafeMutablePointer<Connection>) {
        if let tls = connection.pointee.tls, !tls.isEstablished { return close(connection) }
        switch connection.pointee.dialogue {
        case .http(let conversation): requestDeadlinePassed(connection, conversation)
        case .webSocket(let session):
            if session.closeHandshake.maySendData {
                beginClose(connection, session, .serviceRestart, reason: "the replica drains; reconnect and resume")
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
        let cursor: Cursor
        if let catchUp = connection.pointee.catchUp {
            // While Redis cannot be read a client stays where it is, and is told so.
            guard case .reading = catchUp.stage else { return }
            cursor = catchUp.cursor
        } else {
            guard feed?.isAtHead(connection.pointee.client) == true else { return }
            cursor = connection.pointee.client.cursor
        }
        enqueue(.heartbeat, FeedFrame.heartbeat(cursor: cursor), cursor: cursor, connection)
    }
}
