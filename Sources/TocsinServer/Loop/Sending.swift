import Broadcast
import Codecs
import Glibc
import PosixIO

/// One pass over the clients of the feed, cut into slices so that a loop with many of them serves others in between.
struct Sweep {
    /// Clients visited in one turn: a few milliseconds of system calls.
    static let clientsPerSlice = 512

    /// Every client in the feed, in no order.
    var clients: [PollToken] = []
    /// Whether entries came since the pass began.
    var isWanted = false
    /// The next client of the pass under way; 0 when none is.
    var nextIndex = 0

    /// What came since the last pass began.
    var unsentEntries = 0
    var unsentBytes = 0

    /// Whether clients remain to be visited, so that the loop must not sleep.
    var isDue: Bool { isWanted || nextIndex > 0 }
}

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

    /// Gives the next clients of a lane's feed everything they lack.
    func sweepSlice(_ lane: Lane) {
        guard lane.sweep.isDue else { return }
        if lane.sweep.nextIndex == 0 {
            lane.sweep.isWanted = false
            lane.sweep.unsentEntries = 0
            lane.sweep.unsentBytes = 0
        }
        let end = lane.sweep.nextIndex + Sweep.clientsPerSlice
        while lane.sweep.nextIndex < min(end, lane.sweep.clients.count) {
            let token = lane.sweep.clients[lane.sweep.nextIndex]
            lane.sweep.nextIndex += 1
            guard let connection = connections.find(token) else { preconditionFailure("a swept client is connected") }
            send(connection)
        }
        if lane.sweep.nextIndex >= lane.sweep.clients.count { lane.sweep.nextIndex = 0 }
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
            var count = 0
            if batch.byteCount > 0 {
                guard let sent = transferred(transmit(batch, connection), connection) else { return }
                count = sent
            }
            connection.pointee.lane.metrics.deliveredEntries.add(
                feed.advance(&connection.pointee.client, past: batch, byteCount: count))
            if count < batch.byteCount {
                block(connection)
                return
            }
        }
    }

    private func transmit(
        _ bytes: UnsafeRawBufferPointer, _ connection: UnsafeMutablePointer<Connection>
    ) -> TransferResult {
        if let tls = connection.pointee.tls { return sendEncrypted(bytes, tls, connection) }
        return Socket.send(connection.pointee.socket, bytes)
    }

    private func transmit(_ batch: Batch, _ connection: UnsafeMutablePointer<Connection>) -> TransferResult {
        if batch.pieces.count == 1 { return transmit(batch.pieces[0].bytes, connection) }
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: batch.pieces.count) { pieces in
            for (index, piece) in batch.pieces.enumerated() {
                // SAFETY: the ring holds the piece until the next entry is appended, which is after this call.
                pieces.initializeElement(at: index, to: iovec(iov_base: piece.pointer, iov_len: piece.count))
            }
            if let tls = connection.pointee.tls { return sendEncrypted(pieces: pieces, tls, connection) }
            return Socket.send(connection.pointee.socket, pieces: pieces)
        }
    }

    /// - Returns: How many bytes went, or `nil` when none did: the socket is full, or the connection is gone.
    private func transferred(
        _ result: TransferResult, _ connection: UnsafeMutablePointer<Connection>
    ) -> Int? {
        switch result {
        case .bytes(let count):
            connection.pointee.lastSent = tick
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
