import Codecs
import PosixIO

extension RedisLink {
    /// How long the present try may take. Of several Sentinels one that is silent must not cost what a server may, nor
    /// one of several addresses what the last of them may.
    var attemptTimeout: Duration {
        switch peer {
        case .server, .master: attempt.addresses.isEmpty ? limits.connectTimeout : limits.connectTimeout / 2
        case .sentinel: limits.sentinelTimeout
        }
    }

    func beginAttempt() {
        attempt = LinkAttempt()
        switch endpoint.location {
        case .unix(let path):
            peer = .server
            do {
                attempt.take([try SocketAddress(unixPath: path)])
                connectToNextAddress()
            } catch {
                fail("\(error)")
            }
        case .tcp(let host, let port):
            peer = .server
            connect(to: host, port)
        case .sentinel: beginWithSentinels()
        }
    }

    func connect(to host: String, _ port: UInt16) {
        attempt.begin(host: host, port: port)
        guard NameLookups.isLiteral(host) else { return lookUp(host, port) }
        do {
            take(try SocketAddress.resolve(host: host, port: port))
        } catch {
            fail("\(error)")
        }
    }

    private func lookUp(_ host: String, _ port: UInt16) {
        guard let lookup = directory.lookups.begin(host: host, port: port, now: clock) else {
            return fail("\(host): too many names are being looked up already")
        }
        awaitAddresses(lookup, deadline: clock + limits.lookupTimeout)
    }

    func awaitAddresses(_ lookup: NameLookup, deadline: MonotonicTime) {
        switch lookup.take() {
        case .success(let addresses): take(addresses)
        case .failure(let failure): fail("\(failure)")
        case nil where clock >= deadline:
            fail("\(attempt.host): no answer to its look-up within \(limits.lookupTimeout)")
        case nil: state = .resolving(lookup, deadline: deadline, askAgainAt: min(deadline, clock + .milliseconds(10)))
        }
    }

    private func take(_ found: [SocketAddress]) {
        let addresses = Array(found.prefix(LinkAttempt.addressesMax))
        switch peer {
        case .server, .master: attempt.take(addresses)
        case .sentinel(let index):
            let voters = addresses.map { voter($0, index) }
            directory.withMasters { $0.seated(voters, at: index) }
            attempt.take(addresses, first: firstAddress(of: addresses, at: index))
        }
        connectToNextAddress()
    }

    /// Connects to the first address left; without one the host is of no use.
    func connectToNextAddress() {
        var reason = "\(attempt.host) has no address"
        while let address = attempt.takeAddress() {
            do throws(SystemError) {
                let socket = try Socket.connect(to: address)
                let reader = ReplyReader(replyBytesMax: limits.replyBytesMax)
                let wire = try RedisWire(socket: socket, reader: reader, poller: poller, token: token)
                state = .connecting(wire, deadline: clock + attemptTimeout)
                return
            } catch {
                reason = "\(error)"
            }
        }
        fail(reason)
    }

    func finishConnecting(_ wire: RedisWire, deadline: MonotonicTime) {
        if let error = Socket.connectionError(wire.socket) { return fail("\(error)") }
        do throws(SystemError) {
            try wire.connected()
        } catch {
            return fail("\(error)")
        }
        guard let tls = peerTLS else { return beginTalk(wire, deadline: deadline) }
        state = .securing(wire, deadline: deadline)
        do throws(WireError) {
            try wire.secure(with: try session(tls))
        } catch {
            fail(error)
        }
    }

    /// How the present peer is to be trusted; `nil` without TLS.
    var peerTLS: RedisTLS? {
        switch peer {
        case .server, .master: endpoint.tls
        case .sentinel: endpoint.sentinelAccess.tls
        }
    }

    /// Reads the files of the settings, so that a renewed certificate needs no restart.
    private func session(_ tls: RedisTLS) throws(WireError) -> TLSSession {
        do throws(TLSError) {
            return try TLSSession(try tls.makeContext(), serverName: tls.serverName ?? certifiedName)
        } catch {
            throw .tls(error)
        }
    }

    /// What the server's certificate is for: an IPv6 address without the scope that only this machine knows.
    private var certifiedName: String { String(attempt.host.prefix { $0 != "%" }) }

    /// The connection stands, encrypted if it shall be.
    func beginTalk(_ wire: RedisWire, deadline: MonotonicTime) {
        state = .greeting(wire, deadline: deadline)
        switch peer {
        case .server, .master: greet(wire)
        case .sentinel: askForMaster(wire, logsIn: endpoint.sentinelAccess.isOwnLogin)
        }
    }
}

// MARK: - Failing

extension RedisLink {
    /// The present connection, or try to make one, has come to nothing.
    /// - Parameter reason: For the operator; it need not name the peer.
    func fail(_ reason: String) {
        let told = isPeerNamed && !reason.contains(peerName) ? "\(peerName): \(reason)" : reason
        guard !isUp else {
            // A server that greets and then refuses every command must not be asked in a tight circle.
            if clock - upSince > limits.backoffMax { backoff.reset() }
            return retryLater(told)
        }
        attempt.note(told)
        if !goOn() { retryLater(attempt.reason) }
    }

    func fail(_ error: WireError) {
        fail(explanation(of: error))
    }

    private func retryLater(_ reason: String) {
        let wait = backoff.next(randomness: .random(in: 0..<1, using: &random))
        lose(reason: reason, next: mode == .sentinel ? .stopped : .waiting(until: clock + wait))
    }

    /// Goes on with the next address of the host, the next Sentinel, or the last known master.
    /// - Returns: Whether any was left.
    private func goOn() -> Bool {
        state = .waiting(until: clock)
        for handler in pending.takeAll() { handler(.failure(.connectionLost(reason: "another is tried"))) }
        guard attempt.addresses.isEmpty else {
            connectToNextAddress()
            return true
        }
        switch peer {
        case .server, .master(_, .named): return false
        case .sentinel, .master(_, .candidate), .master(_, .lastKnown): return askNextSentinel() || turnToLastKnown()
        }
    }

    /// Closes the connection and fails what waits, in order.
    func lose(reason: String, next: State) {
        let wasUp = isUp
        state = next
        downReason = reason
        for handler in pending.takeAll() { handler(.failure(.connectionLost(reason: reason))) }
        if wasUp { onDown?(reason) }
    }
}
