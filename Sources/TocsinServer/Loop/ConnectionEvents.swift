import HTTPProtocol
import PosixIO
import WebSocketProtocol

extension EventLoop {
    /// Bytes read from one connection before others get their turn.
    private static let readsPerTurn = 4

    func serve(connection token: PollToken, _ events: PollEvents) {
        guard let connection = connections.find(token) else { return }
        if events.contains(.writable) {
            connection.pointee.isSendBlocked = false
            updateInterest(connection)
            send(connection)
            guard connections.find(token) != nil else { return }
        }
        if events.contains(.readable) {
            read(connection)
            guard let present = connections.find(token) else { return }
            accountUnlessSentSoon(present)
            refuseIfExhausted(present)
        } else if !events.isDisjoint(with: .hungUp) {
            close(connection)
        }
    }

    private func read(_ connection: UnsafeMutablePointer<Connection>) {
        let token = connection.pointee.token
        for _ in 0..<Self.readsPerTurn {
            guard connection.pointee.interest.contains(.readable) else { return }
            switch Socket.receive(connection.pointee.socket, into: UnsafeMutableRawBufferPointer(scratch)) {
            case .wouldBlock: return
            case .endOfStream:
                receivedEndOfStream(connection)
                return
            case .failed:
                close(connection)
                return
            case .bytes(let count):
                let bytes = UnsafeBufferPointer(rebasing: scratch[..<count])
                if let tls = connection.pointee.tls {
                    receiveEncrypted(bytes, tls, from: connection)
                } else {
                    receive(bytes, from: connection)
                }
                // A read that did not fill the buffer emptied the socket.
                guard count == scratch.count, connections.find(token) != nil else { return }
            }
        }
    }

    func receive(_ bytes: UnsafeBufferPointer<UInt8>, from connection: UnsafeMutablePointer<Connection>) {
        switch connection.pointee.dialogue {
        case .http(let conversation):
            conversation.decoder.append(bytes.span)
            serveRequests(connection, conversation)
        case .webSocket:
            receive(message: bytes.span, connection)
            serveMessages(connection)
        // A client of an event stream has said all it had to say; RFC 9112 §9.3 lets the server ignore more.
        case .eventStream, .lingering: break
        }
    }

    func receivedEndOfStream(_ connection: UnsafeMutablePointer<Connection>) {
        guard case .http(let conversation) = connection.pointee.dialogue else {
            close(connection)
            return
        }
        guard conversation.wantsInput || conversation.isReadingStopped else {
            // Only TLS brings the end together with requests that have to wait for others.
            conversation.isInputComplete = true
            return
        }
        // The client may have closed only its half and still wait for the answers (RFC 9112 §9.6).
        closeOnceAnswered(connection, conversation)
    }

    /// Watches for what the connection can use: reading stops while too many answers are due.
    func updateInterest(_ connection: UnsafeMutablePointer<Connection>) {
        var wanted: PollEvents = connection.pointee.isSendBlocked ? .writable : []
        if case .http(let conversation) = connection.pointee.dialogue {
            if conversation.wantsInput { wanted.insert(.readable) }
        } else if !connection.pointee.awaitsFirstFrame {
            wanted.insert(.readable)
        }
        guard wanted != connection.pointee.interest else { return }
        connection.pointee.interest = wanted
        do {
            try poller.modify(connection.pointee.socket.raw, wanted, token: connection.pointee.token)
        } catch {
            preconditionFailure("a registered descriptor can be modified: \(error)")
        }
    }
}
