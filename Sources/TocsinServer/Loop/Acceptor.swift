import HTTPProtocol
import PosixIO
import ThreatFeed

/// A listening socket and the descriptor kept back for the moment in which no other is left.
final class Listener {
    private let socket: FileDescriptor
    private var reserve = FileDescriptor.openNull()
    var descriptor: Int32 { socket.raw }

    init(socket: consuming FileDescriptor) {
        self.socket = socket
    }

    func accept() -> Socket.AcceptResult { Socket.accept(socket) }

    /// Takes one connection with the reserve descriptor, to tell it that there is no place. Left in the backlog it
    /// would wake the loop for ever.
    func acceptWithReserve(_ refuse: (consuming FileDescriptor) -> Void) {
        reserve = nil
        if case .connection(let socket, _) = accept() { refuse(socket) }
        reserve = FileDescriptor.openNull()
    }
}

extension EventLoop {
    /// Connections taken in one turn; the others wait in the backlog while the loop serves those it has.
    private static let acceptsPerTurn = 64

    func acceptConnections(_ listener: Listener) {
        for _ in 0..<Self.acceptsPerTurn {
            switch listener.accept() {
            case .none: return
            case .connection(let socket, _): admit(socket)
            case .failed(let error):
                shared.logger.limited("accept_failed", "cannot accept a connection", ["error": "\(error)"])
                metrics.refusedConnections.add(1)
                listener.acceptWithReserve { refuse($0) }
                return
            }
        }
    }

    private func admit(_ socket: consuming FileDescriptor) {
        guard shared.connectionCount.enter(limit: shared.configuration.connectionsMax) else {
            metrics.refusedConnections.add(1)
            refuse(socket)
            return
        }
        Socket.disableDelay(socket)
        Socket.limitUnacknowledged(socket, shared.configuration.idleTimeout)
        let tick = tick
        var taken: FileDescriptor? = consume socket
        let pointer = connections.insert { token in
            guard let socket = taken.take() else { preconditionFailure("a slot is filled once") }
            return Connection(
                socket: socket, token: token,
                dialogue: .http(HTTPConversation(configuration: shared.decoderConfiguration)), now: tick)
        }
        pointer.pointee.deadline = tick + shared.configuration.requestDeadline
        do {
            try poller.add(pointer.pointee.socket.raw, .readable, token: pointer.pointee.token)
            metrics.openConnections.add(1)
        } catch {
            shared.logger.limited("epoll_failed", "cannot watch a connection", ["error": "\(error)"])
            connections.remove(pointer.pointee.token)
            shared.connectionCount.leave()
        }
    }

    /// Says why before it closes; a socket that was just opened has room for so little.
    private func refuse(_ socket: consuming FileDescriptor) {
        let problem = Problem(status: 503, detail: "The replica serves as many connections as it may; try another.")
        var bytes: [UInt8] = []
        HTTPResponse(problem, headers: [("Retry-After", "1")])
            .encode(into: &bytes, context: HTTPResponseContext(keepAlive: false, date: httpDate))
        // A peer that does not take it learns from the close.
        _ = bytes.withUnsafeBytes { Socket.send(socket, $0) }
    }

    /// Ends a connection now: the socket closes, and nothing refers to it any more.
    func close(_ connection: UnsafeMutablePointer<Connection>) {
        leaveFeed(connection)
        switch connection.pointee.dialogue {
        case .webSocket: metrics.webSocketClients.add(-1)
        case .eventStream: metrics.eventStreamClients.add(-1)
        case .http, .lingering: break
        }
        metrics.openConnections.add(-1)
        connections.remove(connection.pointee.token)
        shared.connectionCount.leave()
    }
}
