import Broadcast
import Codecs
import Glibc
import PosixIO

extension EventLoop {
    /// Sends what lies in outboxes, once for everything that this turn put there.
    func sendDirty() {
        var index = 0
        // Sending may make other connections dirty, never without end: each is marked once until it is sent.
        while index < dirty.count {
            if let connection = connections.find(dirty[index]) {
                connection.pointee.isDirty = false
                send(connection)
                if let present = connections.find(dirty[index]) { account(present) }
            }
            index += 1
        }
        dirty.removeAll(keepingCapacity: true)
    }

    func markDirty(_ connection: UnsafeMutablePointer<Connection>) {
        guard !connection.pointee.isDirty else { return }
        connection.pointee.isDirty = true
        dirty.append(connection.pointee.token)
    }

    /// Hands the socket, in this order, the rest of a cut entry, the client's own bytes, and the entries it lacks.
    ///
    /// The connection may be gone afterwards.
    func send(_ connection: UnsafeMutablePointer<Connection>) {
        if connection.pointee.isSendBlocked {
            if connection.pointee.sweepIndex != nil,
                connection.pointee.lane.feed?.fellOff(connection.pointee.client) == true
            {
                drop(connection, .lagged)
            }
            return
        }
        if let tls = connection.pointee.tls, !flushCiphertext(tls, connection) { return }
        guard connection.pointee.client.partial == nil || sendPartial(connection) else { return }
        guard !connection.pointee.hasOutbox || sendOutbox(connection) else { return }
        if connection.pointee.sweepIndex != nil, let feed = connection.pointee.lane.feed {
            sendEntries(of: feed, connection)
        } else if connection.pointee.closesWhenSent {
            finishSending(connection)
        } else if let catchUp = connection.pointee.catchUp {
            advance(catchUp, connection)
        } else if case .http(let conversation) = connection.pointee.dialogue {
            resumeServing(connection, conversation)
        }
    }

    /// - Returns: Whether all of it went.
    private func sendPartial(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        let rest = connection.pointee.client.partialRest
        guard let count = transferred(transmit(rest, connection), connection) else { return false }
        connection.pointee.client.advancePartial(byteCount: count)
        if connection.pointee.client.partial == nil {
            connection.pointee.lane.metrics.deliveredEntries.add(1)
            return true
        }
        block(connection)
        return false
    }

    /// - Returns: Whether all of it went. If not, the connection may be gone.
    func sendOutbox(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        let result = connection.pointee.outbox.withUnsafeBytes { bytes in
            transmit(UnsafeRawBufferPointer(rebasing: bytes[connection.pointee.outboxBytesSent...]), connection)
        }
        guard let count = transferred(result, connection) else { return false }
        connection.pointee.outboxBytesSent += count
        guard connection.pointee.hasOutbox else {
            connection.pointee.outbox = []
            connection.pointee.outboxBytesSent = 0
            account(connection)
            // TLS may have taken all, and the socket not.
            return !connection.pointee.isSendBlocked
        }
        block(connection)
        return false
    }

    /// Gives a client what it lacks of `feed`, the ring or a page of the log. The connection may be gone afterwards.
    func sendEntries(of feed: Feed, _ connection: UnsafeMutablePointer<Connection>) {
        while !feed.isAtHead(connection.pointee.client) {
            if feed.fellOff(connection.pointee.client) {
                drop(connection, .lagged)
                return
            }
            let batch = feed.batch(for: connection.pointee.client)
            guard settle(transmit(batch, connection), of: batch, in: feed, connection) else { return }
        }
    }

    /// Notes what a socket took of a batch. The connection may be gone afterwards.
    /// - Returns: Whether that was all of it.
    @discardableResult
    func settle(
        _ result: TransferResult, of batch: Batch, in feed: Feed, _ connection: UnsafeMutablePointer<Connection>
    ) -> Bool {
        guard let count = transferred(result, connection) else { return false }
        connection.pointee.lane.metrics.deliveredEntries.add(
            feed.advance(&connection.pointee.client, past: batch, byteCount: count))
        if count == batch.bytes.count { return true }
        block(connection)
        return false
    }

    private func transmit(
        _ bytes: UnsafeRawBufferPointer, _ connection: UnsafeMutablePointer<Connection>
    ) -> TransferResult {
        if let tls = connection.pointee.tls { return sendEncrypted(bytes, tls, connection) }
        return Socket.send(connection.pointee.socket, bytes)
    }

    private func transmit(_ batch: Batch, _ connection: UnsafeMutablePointer<Connection>) -> TransferResult {
        guard batch.bytes.count > 0 else { return .bytes(0) }
        if let tls = connection.pointee.tls { return sendEncrypted(batch.bytes, tls, connection) }
        return Socket.send(connection.pointee.socket, batch.bytes)
    }

    /// - Returns: How many bytes went, or `nil` when none did: the socket is full, or the connection is gone.
    private func transferred(
        _ result: TransferResult, _ connection: UnsafeMutablePointer<Connection>
    ) -> Int? {
        switch result {
        case .bytes(let count):
            if count > 0 { connection.pointee.lastSent = tick }
            return count
        case .wouldBlock:
            block(connection)
            return nil
        case .endOfStream, .failed:
            close(connection)
            return nil
        }
    }

    /// Waits until the socket has room again.
    func block(_ connection: UnsafeMutablePointer<Connection>) {
        connection.pointee.isSendBlocked = true
        updateInterest(connection)
    }

    /// Everything is sent that will be: lets the peer read it before the connection goes.
    ///
    /// Closing at once while the peer still sends would make the kernel reset the connection, and the peer might lose
    /// the last answer (RFC 9112 §9.6).
    private func finishSending(_ connection: UnsafeMutablePointer<Connection>) {
        if case .lingering = connection.pointee.dialogue { return }
        if let tls = connection.pointee.tls {
            tls.close()
            guard flushCiphertext(tls, connection) else { return }
        }
        linger(connection)
    }

    /// Says that nothing more comes, and drops what the peer still sends until it closes, or two seconds are over.
    func linger(_ connection: UnsafeMutablePointer<Connection>) {
        Socket.finishSending(connection.pointee.socket)
        countStreamEnd(connection)
        connection.pointee.webSocket.discardInput()
        connection.pointee.dialogue = .lingering
        connection.pointee.deadline = tick + .seconds(2)
        updateInterest(connection)
    }

    func countStreamEnd(_ connection: UnsafeMutablePointer<Connection>) {
        switch connection.pointee.dialogue {
        case .webSocket: connection.pointee.lane.metrics.webSocketClients.add(-1)
        case .eventStream: connection.pointee.lane.metrics.eventStreamClients.add(-1)
        case .http, .lingering: break
        }
    }
}
