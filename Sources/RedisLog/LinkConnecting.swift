import Codecs
import PosixIO

extension RedisLink {
    /// How long the present attempt may take. Of several Sentinels one that is silent must not cost what a server may.
    var attemptTimeout: Duration {
        switch peer {
        case .server: limits.connectTimeout
        case .sentinel: limits.sentinelTimeout
        }
    }

    func beginAttempt() {
        switch endpoint.location {
        case .unix(let path):
            peer = .server
            do {
                remainingAddresses = [try SocketAddress(unixPath: path)]
                tryNextAddress(after: "no address")
            } catch {
                fail("\(error)")
            }
        case .tcp(let host, let port):
            peer = .server
            connect(to: host, port)
        case .sentinel(let sentinels, _):
            askSentinel(sentinelIndex % sentinels.count, othersLeft: sentinels.count - 1)
        }
    }

    private func connect(to host: String, _ port: UInt16) {
        peerHost = host
        guard NameResolution.isLiteral(host) else { return takeAddresses(NameResolution(host: host, port: port)) }
        do {
            remainingAddresses = try SocketAddress.resolve(host: host, port: port)
            tryNextAddress(after: "\(host) has no address")
        } catch {
            fail("\(error)")
        }
    }

    func takeAddresses(_ resolution: NameResolution) {
        switch resolution.take() {
        case .none: state = .resolving(resolution, askAgainAt: clock + .milliseconds(10))
        case .success(let addresses):
            // A name with very many addresses still gets its turn to be looked up again.
            remainingAddresses = Array(addresses.prefix(16))
            tryNextAddress(after: "the host has no address")
        case .failure(let error): fail("\(error)")
        }
    }

    /// Connects to the first address left; without one the attempt has failed for the given reason.
    func tryNextAddress(after reason: String) {
        var reason = reason
        while !remainingAddresses.isEmpty {
            let address = remainingAddresses.removeFirst()
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
        if let error = Socket.connectionError(wire.socket) { return tryNextAddress(after: "\(error)") }
        do throws(SystemError) {
            try wire.connected()
        } catch {
            return fail("\(error)")
        }
        guard let tls = endpoint.tls else { return beginTalk(wire, deadline: deadline) }
        state = .securing(wire, deadline: deadline)
        do throws(WireError) {
            try wire.secure(with: try session(tls))
        } catch {
            fail("\(error)")
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
    private var certifiedName: String { String(peerHost.prefix { $0 != "%" }) }

    /// The connection stands, encrypted if it shall be.
    func beginTalk(_ wire: RedisWire, deadline: MonotonicTime) {
        state = .greeting(wire, deadline: deadline)
        switch peer {
        case .server: greet(wire)
        case .sentinel: askForMaster(wire, loggedIn: false)
        }
    }
}

// MARK: - Sentinel

extension RedisLink {
    private func askSentinel(_ index: Int, othersLeft: Int) {
        guard case .sentinel(let sentinels, _) = endpoint.location else { return }
        peer = .sentinel(index: index, othersLeft: othersLeft)
        connect(to: sentinels[index].host, sentinels[index].port)
    }

    /// The Sentinel that is being asked does not help; others may.
    /// - Returns: Whether one is left, which is asked now.
    func turnToNextSentinel() -> Bool {
        guard case .sentinel(let index, let othersLeft) = peer, othersLeft > 0,
            case .sentinel(let sentinels, _) = endpoint.location
        else { return false }
        for handler in pending.takeAll() { handler(.failure(.connectionLost(reason: "another Sentinel is asked"))) }
        askSentinel((index + 1) % sentinels.count, othersLeft: othersLeft - 1)
        return true
    }

    /// - Parameter loggedIn: Sentinels most often have no password; one that asks gets that of the URL.
    private func askForMaster(_ wire: RedisWire, loggedIn: Bool) {
        guard case .sentinel(_, let master) = endpoint.location else { return }
        if loggedIn, let login = loginCommand { enqueue(login, on: wire) { _ in } }
        var address: Result<RedisReply, LinkError>?
        for question in SentinelMaster.questions(about: master) {
            enqueue(question, on: wire) { [weak self] result in
                guard let first = address else {
                    address = result
                    return
                }
                self?.received(address: first, details: result, of: master, wire, loggedIn: loggedIn)
            }
        }
        flush(wire)
    }

    private func received(
        address: Result<RedisReply, LinkError>, details: Result<RedisReply, LinkError>, of master: String,
        _ wire: RedisWire, loggedIn: Bool
    ) {
        guard case .greeting = state, case .sentinel(let index, _) = peer else { return }
        switch (address, details) {
        case (.success(.error("NOAUTH", _)), _) where !loggedIn && loginCommand != nil:
            askForMaster(wire, loggedIn: true)
        case (.success(.error(let code, let message)), _):
            fail("Sentinel \(peerHost): \(Self.explanation(code: code, message: message))")
        case (.success(.null), _): fail("Sentinel \(peerHost) knows no master named \(master)")
        case (.success(let address), .success(let details)):
            guard let named = SentinelMaster(address: address, details: details) else {
                return fail("Sentinel \(peerHost) gave no address of \(master)")
            }
            guard named.epoch >= sentinelEpoch else {
                return fail(
                    "Sentinel \(peerHost) names a former master (epoch \(named.epoch), known is \(sentinelEpoch))")
            }
            sentinelEpoch = named.epoch
            sentinelIndex = index
            peer = .server
            // The state lets go of the Sentinel's connection.
            connect(to: named.host, named.port)
        case (.failure, _), (_, .failure): break
        }
    }
}
