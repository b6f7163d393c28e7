import Codecs
public import PosixIO

/// One connection to Redis that reconnects for ever, driven by its owner's event loop.
///
/// Nothing here blocks or reads a clock. The owner gives it the events of its token (`handle`), wakes it at
/// `nextDeadline` (`tick`) and calls `flush` once at the end of each turn. All callbacks run inside these calls, or
/// inside `send` when a command is refused at once.
public final class RedisLink {
    public typealias ReplyHandler = (Result<RedisReply, LinkError>) -> Void

    public enum Mode: Hashable, Sendable {
        case commands
        /// Messages of subscriptions go to `onPush`.
        case subscriber
    }

    private enum State {
        case stopped
        case waiting(until: MonotonicTime)
        case resolving(NameResolution, askAgainAt: MonotonicTime)
        case connecting(RedisWire, deadline: MonotonicTime)
        /// The TLS handshake, within the time for connecting.
        case securing(RedisWire, deadline: MonotonicTime)
        case greeting(RedisWire, deadline: MonotonicTime)
        case up(RedisWire)
    }

    public let endpoint: RedisEndpoint
    /// The connection stands and Redis serves commands.
    public var onUp: (() -> Void)?
    /// The connection was up and no longer is; every waiting command has failed already.
    public var onDown: ((_ reason: String) -> Void)?
    /// A message of a subscription as Redis sent it, for example `message`, channel, payload.
    public var onPush: (([RedisReply]) -> Void)?
    /// Why there is no connection, for logs and health; empty while it is up.
    public private(set) var downReason = "not started"

    private let poller: Poller
    private let token: PollToken
    private let name: String
    private let mode: Mode
    private let limits: LinkLimits
    private let buffer: ReceiveBuffer
    private var state = State.stopped
    private var pending: PendingCommands
    private var random: SplitMix64
    private var upSince = MonotonicTime(nanoseconds: 0)
    private var backoff: Backoff
    private var remainingAddresses: [SocketAddress] = []
    /// The latest time the owner gave.
    private var clock = MonotonicTime(nanoseconds: 0)

    /// - Parameters:
    ///   - token: Given to the poller for each socket this link opens, one at a time.
    ///   - name: Shown by CLIENT LIST; spaces and other characters Redis refuses become `-`.
    ///   - randomSeed: For the jitter of reconnection.
    public init(
        endpoint: RedisEndpoint, poller: Poller, token: PollToken, name: String, randomSeed: UInt64,
        mode: Mode = .commands, limits: LinkLimits = LinkLimits()
    ) {
        self.endpoint = endpoint
        self.poller = poller
        self.token = token
        self.name = String(name.map { $0.isASCII && $0 > " " && $0 < "\u{7F}" ? $0 : "-" })
        self.mode = mode
        self.limits = limits
        buffer = ReceiveBuffer(hasTLS: endpoint.tls != nil)
        pending = PendingCommands(countMax: limits.pendingCommandsMax, bytesMax: limits.pendingBytesMax)
        backoff = Backoff(first: limits.backoffMin, longest: limits.backoffMax)
        random = SplitMix64(state: randomSeed)
    }

    public var isUp: Bool {
        if case .up = state { true } else { false }
    }

    /// Begins to connect. No effect when started already.
    public func start(now: MonotonicTime) {
        clock = now
        guard case .stopped = state else { return }
        downReason = "connecting"
        beginAttempt()
    }

    /// Closes the connection for good; waiting commands fail.
    public func stop() {
        lose(reason: "stopped", next: .stopped)
    }

    /// Gives the present connection up and makes a new one, for example when its server is no longer the master.
    public func reconnect(reason: String) {
        guard wire != nil else { return }
        fail(reason)
    }

    /// Enqueues a command; `flush` sends it. Answers come in the order of the commands.
    public func send(_ command: RedisCommand, reply: @escaping ReplyHandler) {
        guard case .up(let wire) = state else { return reply(.failure(.notConnected(reason: downReason))) }
        guard pending.hasRoom(for: command) else { return reply(.failure(.overloaded)) }
        enqueue(command, on: wire, reply)
    }

    /// Enqueues a command whose answer comes as a push (SUBSCRIBE in RESP2).
    public func sendUnanswered(_ command: RedisCommand) {
        if case .up(let wire) = state { wire.enqueue(command) }
    }

    /// Sends everything that was enqueued in one system call and starts the clock of its answers.
    public func flush(now: MonotonicTime) {
        clock = now
        guard let wire else { return }
        flush(wire)
    }

    /// Takes the events reported for this link's token.
    public func handle(_ events: PollEvents, now: MonotonicTime) {
        clock = now
        switch state {
        case .stopped, .waiting, .resolving: break
        case .connecting(let wire, let deadline): finishConnecting(wire, deadline: deadline)
        case .securing(let wire, _), .greeting(let wire, _), .up(let wire):
            if events.contains(.writable) { flush(wire) }
            guard self.wire === wire else { return }
            if !events.isDisjoint(with: [.readable, .peerClosed, .hungUp]) { receive(wire) }
            if case .securing(_, let deadline) = state, wire.isReadyToTalk { greet(wire, deadline: deadline) }
        }
    }

    /// Does what time has made due. Cheap when nothing is.
    public func tick(now: MonotonicTime) {
        clock = now
        switch state {
        case .stopped: break
        case .waiting(let until):
            if now >= until { beginAttempt() }
        case .resolving(let resolution, let askAgainAt):
            if now >= askAgainAt { takeAddresses(resolution) }
        case .connecting(_, let deadline):
            if now >= deadline { tryNextAddress(after: "no connection within \(limits.connectTimeout)") }
        case .securing(_, let deadline):
            if now >= deadline { fail("no TLS handshake within \(limits.connectTimeout): does Redis speak TLS there?") }
        case .greeting(_, let deadline):
            if now >= deadline { fail("no greeting within \(limits.connectTimeout)") }
        case .up:
            if let deadline = pending.deadline, now >= deadline { fail("no answer within \(limits.answerTimeout)") }
        }
    }

    /// When `tick` has something to do next.
    public var nextDeadline: MonotonicTime? {
        switch state {
        case .stopped: nil
        case .waiting(let time), .resolving(_, let time), .connecting(_, let time), .securing(_, let time),
            .greeting(_, let time):
            time
        case .up: pending.deadline
        }
    }

    private var wire: RedisWire? {
        switch state {
        case .stopped, .waiting, .resolving: nil
        case .connecting(let wire, _), .securing(let wire, _), .greeting(let wire, _), .up(let wire): wire
        }
    }
}

// MARK: - Connecting

extension RedisLink {
    private func beginAttempt() {
        switch endpoint.location {
        case .unix(let path):
            do {
                remainingAddresses = [try SocketAddress(unixPath: path)]
                tryNextAddress(after: "no address")
            } catch {
                fail("\(error)")
            }
        case .tcp(let host, let port):
            if NameResolution.isLiteral(host) {
                do {
                    remainingAddresses = try SocketAddress.resolve(host: host, port: port)
                    tryNextAddress(after: "\(host) has no address")
                } catch {
                    fail("\(error)")
                }
            } else {
                takeAddresses(NameResolution(host: host, port: port))
            }
        }
    }

    private func takeAddresses(_ resolution: NameResolution) {
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
    private func tryNextAddress(after reason: String) {
        var reason = reason
        while !remainingAddresses.isEmpty {
            let address = remainingAddresses.removeFirst()
            do throws(SystemError) {
                let socket = try Socket.connect(to: address)
                let reader = ReplyReader(replyBytesMax: limits.replyBytesMax)
                let wire = try RedisWire(socket: socket, reader: reader, poller: poller, token: token)
                state = .connecting(wire, deadline: clock + limits.connectTimeout)
                return
            } catch {
                reason = "\(error)"
            }
        }
        fail(reason)
    }

    private func finishConnecting(_ wire: RedisWire, deadline: MonotonicTime) {
        if let error = Socket.connectionError(wire.socket) { return tryNextAddress(after: "\(error)") }
        do throws(SystemError) {
            try wire.connected()
        } catch {
            return fail("\(error)")
        }
        guard let tls = endpoint.tls else { return greet(wire, deadline: deadline) }
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
            return try TLSSession(try tls.makeContext(), serverName: tls.serverName ?? endpoint.hostName)
        } catch {
            throw .tls(error)
        }
    }

    private func greet(_ wire: RedisWire, deadline: MonotonicTime) {
        state = .greeting(wire, deadline: deadline)
        for command in greetingCommands {
            enqueue(command, on: wire) { [weak self] result in self?.check(greeting: result) }
        }
        // PING last: it alone is refused while Redis loads its data or has lost its master.
        enqueue(RedisCommand("PING"), on: wire) { [weak self] result in
            self?.check(greeting: result)
            self?.finishGreeting()
        }
        flush(wire)
    }

    private var greetingCommands: [RedisCommand] {
        var commands: [RedisCommand] = []
        if let password = endpoint.password {
            commands.append(
                endpoint.user.map { RedisCommand("AUTH", $0, password) } ?? RedisCommand("AUTH", password))
        }
        if endpoint.database != 0 { commands.append(RedisCommand("SELECT", String(endpoint.database))) }
        if !name.isEmpty { commands.append(RedisCommand("CLIENT", "SETNAME", name)) }
        return commands
    }

    private func check(greeting result: Result<RedisReply, LinkError>) {
        guard case .greeting = state, case .success(.error(let code, let message)) = result else { return }
        fail(Self.explanation(code: code, message: message))
    }

    private func finishGreeting() {
        guard case .greeting(let wire, _) = state else { return }
        state = .up(wire)
        downReason = ""
        upSince = clock
        onUp?()
    }
}

// MARK: - The standing connection

extension RedisLink {
    private func enqueue(_ command: RedisCommand, on wire: RedisWire, _ reply: @escaping ReplyHandler) {
        pending.append(command, reply)
        wire.enqueue(command)
    }

    private func flush(_ wire: RedisWire) {
        if case .connecting = state { return }
        pending.stamp(clock + limits.answerTimeout)
        do throws(WireError) {
            try wire.flush()
        } catch {
            fail(lastWord(of: wire) ?? "\(error)")
        }
    }

    /// Why Redis has closed a TLS connection, if it said so before: an alert that is still to be read.
    private func lastWord(of wire: RedisWire) -> String? {
        guard endpoint.tls != nil else { return nil }
        do throws(WireError) {
            _ = try wire.receive(through: buffer)
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func receive(_ wire: RedisWire) {
        // Bounded, so that a flood of replies leaves the loop its other work; the poller reports the rest again.
        for _ in 0..<16 {
            let result: TransferResult
            do throws(WireError) {
                result = try wire.receive(through: buffer)
            } catch {
                return fail("\(error)")
            }
            switch result {
            case .bytes(let count):
                guard deliverReplies(of: wire), count == buffer.received.count || wire.hasEnded else { return }
            case .wouldBlock: return
            case .endOfStream: return fail(ending("closed by Redis"))
            case .failed(let error): return fail(ending("\(error)"))
            }
        }
    }

    /// A server that expects TLS ends a connection without it, most often without a word.
    private func ending(_ reason: String) -> String {
        guard case .greeting = state, endpoint.tls == nil, endpoint.hostName != nil else { return reason }
        return "\(reason) before an answer; if Redis speaks TLS on this port, use rediss://"
    }

    /// - Returns: Whether the connection still stands afterwards.
    private func deliverReplies(of wire: RedisWire) -> Bool {
        while self.wire === wire {
            let reply: RedisReply?
            do throws(ReplyError) {
                reply = try wire.reader.next()
            } catch {
                fail("not a Redis reply: \(error.reason)")
                return false
            }
            guard let reply else { return true }
            deliver(reply)
        }
        return false
    }

    private func deliver(_ reply: RedisReply) {
        if mode == .subscriber, case .array(let elements) = reply, let kind = elements.first?.text,
            Self.pushKinds.contains(kind)
        {
            onPush?(elements)
        } else if let handler = pending.popFirst() {
            handler(.success(reply))
        } else if case .error(let code, let message) = reply {
            fail(Self.explanation(code: code, message: message))
        } else {
            fail("an answer to no command")
        }
    }

    private static let pushKinds: Set<String> = [
        "message", "subscribe", "unsubscribe", "pmessage", "psubscribe", "punsubscribe",
    ]

    private func fail(_ reason: String) {
        // A server that greets and then refuses every command must not be asked in a tight circle.
        if isUp, clock - upSince > limits.backoffMax { backoff.reset() }
        let wait = backoff.next(randomness: .random(in: 0..<1, using: &random))
        lose(reason: reason, next: .waiting(until: clock + wait))
    }

    /// Closes the connection and fails what waits, in order.
    private func lose(reason: String, next: State) {
        let wasUp = isUp
        state = next
        downReason = reason
        for handler in pending.takeAll() { handler(.failure(.connectionLost(reason: reason))) }
        if wasUp { onDown?(reason) }
    }
}
