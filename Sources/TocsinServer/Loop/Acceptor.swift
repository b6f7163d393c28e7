import Codecs
import HTTPProtocol
import PosixIO
import ThreatFeed

/// A listening socket and the descriptor kept back for the moment in which no other is left.
final class Listener {
    /// How long after `endDeferral` the last connection comes whose client was silent: a second and a round trip.
    static let deferralMax = Duration.milliseconds(1_500)
    private let socket: FileDescriptor
    private var reserve = FileDescriptor.openNull()
    /// Nobody is accepted until then: more are to gather, or there is no descriptor, and the reserve is gone too.
    var pauseEnd: MonotonicTime?
    var descriptor: Int32 { socket.raw }

    init(socket: consuming FileDescriptor) {
        self.socket = socket
    }

    func accept() -> Socket.AcceptResult { Socket.accept(socket) }

    /// From now on connections come before their first bytes, so that none is left in the kernel when the listener closes.
    func endDeferral() {
        Socket.setDeferredAccept(socket, false)
    }

    /// Takes one connection with the reserve descriptor, to tell it that there is no place. Left in the backlog it
    /// would wake the loop for ever.
    /// - Returns: Whether the reserve is there for the next one; another thread may have been faster.
    func acceptWithReserve(_ refuse: (consuming FileDescriptor) -> Void) -> Bool {
        guard restoreReserve() else { return false }
        reserve = nil
        if case .connection(let socket, _) = accept() { refuse(socket) }
        return restoreReserve()
    }

    /// - Returns: Whether there is a reserve.
    func restoreReserve() -> Bool {
        if reserve == nil { reserve = FileDescriptor.openNull() }
        return reserve != nil
    }
}

extension EventLoop {
    /// Connections taken in one turn; the others wait in the backlog while the loop serves those it has.
    private static let acceptsPerTurn = 64
    /// Lets connections gather where many come: they share a turn, and their clients do not wake the loop one by one.
    private static let gatheringPause = Duration.microseconds(100)
    /// Until a descriptor may be there again.
    private static let exhaustionPause = Duration.seconds(1)

    func acceptConnections(_ listener: Listener) {
        for taken in 0..<Self.acceptsPerTurn {
            switch listener.accept() {
            case .none:
                if taken > 1 { pause(listener, Self.gatheringPause) }
                return
            case .connection(let socket, let peer): admit(socket, from: peer.sourceKey)
            case .failed(let error):
                shared.logger.limited("accept_failed", "cannot accept a connection", ["error": "\(error)"])
                metrics.refusedConnections.add(1)
                if !listener.acceptWithReserve({ refuse($0, .descriptors) }) { pause(listener, Self.exhaustionPause) }
                return
            }
        }
    }

    private func pause(_ listener: Listener, _ duration: Duration) {
        listener.pauseEnd = .now + duration
        watch(listener, for: [])
    }

    /// Accepts again, if its pause is over.
    func resumeAccepting(_ listener: Listener) {
        guard let end = listener.pauseEnd, now >= end else { return }
        guard listener.restoreReserve() else { return pause(listener, Self.exhaustionPause) }
        listener.pauseEnd = nil
        watch(listener, for: .readable)
    }

    private func watch(_ listener: Listener, for events: PollEvents) {
        do {
            try poller.modify(listener.descriptor, events, token: Source.listener)
        } catch {
            preconditionFailure("a registered descriptor can be modified: \(error)")
        }
    }

    private func admit(_ socket: consuming FileDescriptor, from source: UInt64) {
        if let refusal = shared.admission.enter(source: source, shared.limits) {
            metrics.refusedConnections.add(1)
            shared.logger.limited(
                "connection_refused", refusal.rawValue, ["connections": "\(shared.admission.connections.value)"])
            refuse(socket, refusal)
            return
        }
        let tick = tick
        let tls: TLSSession?
        do throws(TLSError) {
            tls = try shared.certificates.map { certificates throws(TLSError) in try TLSSession(certificates.context) }
        } catch {
            metrics.refusedConnections.add(1)
            shared.logger.limited("tls_failed", "cannot start a TLS session", ["error": "\(error)"])
            shared.admission.leave(source: source, isPending: true)
            return
        }
        var taken: FileDescriptor? = consume socket
        let pointer = connections.insert { token in
            guard let socket = taken.take() else { preconditionFailure("a slot is filled once") }
            return Connection(
                socket: socket, token: token, source: source, tls: tls,
                dialogue: .http(
                    HTTPConversation(
                        configuration: shared.decoderConfiguration,
                        pipelinedRequestsMax: shared.limits.pipelinedRequestsMax)), lane: threats, now: tick)
        }
        pointer.pointee.deadline =
            tick + (tls == nil ? shared.limits.requestDeadline : shared.limits.tlsHandshakeDeadline)
        do {
            try poller.add(pointer.pointee.socket.raw, .readable, token: pointer.pointee.token)
        } catch {
            shared.logger.limited("epoll_failed", "cannot watch a connection", ["error": "\(error)"])
            connections.remove(pointer.pointee.token)
            shared.admission.leave(source: source, isPending: true)
            return
        }
        // The kernel told of it when its first bytes had come.
        serve(connection: pointer.pointee.token, .readable)
    }

    /// Says why before it closes; a socket that was just opened has room for so little.
    private func refuse(_ socket: consuming FileDescriptor, _ refusal: Admission.Refusal) {
        // A client that speaks TLS could not read it.
        guard shared.certificates == nil else { return }
        // What it has said already would turn the close into a reset, which may overtake the answer (RFC 9112 §9.6).
        let said = Socket.receive(socket, into: UnsafeMutableRawBufferPointer(scratch))
        var bytes: [UInt8] = []
        let context = HTTPResponseContext(keepAlive: false, date: httpDate)
        if case .bytes(let count) = said, UnavailableStream.isAsked(for: scratch[..<count]) {
            let body = UnavailableStream.body(detail: refusal.rawValue, using: &random)
            HTTPResponse(status: .ok, headers: UnavailableStream.headers, body: body)
                .encode(into: &bytes, context: context)
        } else {
            HTTPResponse(Problem(status: 503, detail: refusal.rawValue), headers: [("Retry-After", "1")])
                .encode(into: &bytes, context: context)
        }
        // A peer that does not take it learns from the close.
        _ = bytes.withUnsafeBytes { Socket.send(socket, $0) }
    }

    /// Ends a connection now: the socket closes, and nothing refers to it any more.
    func close(_ connection: UnsafeMutablePointer<Connection>) {
        if let tls = connection.pointee.tls {
            if !tls.isEstablished { metrics.tlsHandshakeFailures.add(1) }
            // Said, so that nobody takes the end for a cut (RFC 8446 §6.1); whether it gets there changes nothing.
            tls.close()
            if tls.unsentCount > 0 { _ = tls.withUnsent { Socket.send(connection.pointee.socket, $0) } }
        }
        leaveFeed(connection)
        countStreamEnd(connection)
        shared.buffers.add(-connection.pointee.countedBytes)
        shared.admission.leave(source: connection.pointee.source, isPending: connection.pointee.isPending)
        connections.remove(connection.pointee.token)
    }
}
