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
        /// Asks Sentinels for the master, which goes to `onNamed`, and then stops. With a master that only its role can
        /// confirm it looks at that.
        case sentinel
    }

    enum State {
        case stopped
        case waiting(until: MonotonicTime)
        case resolving(NameLookup, deadline: MonotonicTime, askAgainAt: MonotonicTime)
        case connecting(RedisWire, deadline: MonotonicTime)
        /// The TLS handshake, within the time for connecting.
        case securing(RedisWire, deadline: MonotonicTime)
        case greeting(RedisWire, deadline: MonotonicTime)
        case up(RedisWire)
    }

    /// Whom the link is connected to, or tries to be.
    enum Peer {
        /// The server that the URL names.
        case server
        /// A Sentinel, by its place among the configured ones, to be asked where the master is.
        case sentinel(index: Int)
        /// The server that Sentinels named.
        case master(SentinelMaster, MasterStanding)
    }

    public let endpoint: RedisEndpoint
    /// The connection stands and Redis serves commands.
    public var onUp: (() -> Void)?
    /// The connection was up and no longer is; every waiting command has failed already.
    public var onDown: ((_ reason: String) -> Void)?
    /// A message of a subscription as Redis sent it, for example `message`, channel, payload.
    public var onPush: (([RedisReply]) -> Void)?
    /// What the server may throw away has changed (`askAboutMemory`).
    public var onEviction: ((Eviction?) -> Void)?
    /// In the mode `sentinel`: who the master is, as far as that holds.
    var onNamed: ((SentinelMaster) -> Void)?
    /// Why there is no connection, for logs and health; empty while it is up.
    public internal(set) var downReason = "not started"
    /// The server at the other end, as it was at the connect; `nil` while there is none, and for subscribers.
    public internal(set) var server: ServerFacts?
    /// How many replicas of its own the server had when it was last asked for its role; very many where it does not say.
    public internal(set) var connectedReplicas = 0
    /// Chosen at each connect.
    var roleQuestion = RoleQuestion.infoReplication

    /// What the server may throw away, as far as it was asked.
    var eviction: Eviction?
    let directory: LinkDirectory
    let poller: Poller
    let token: PollToken
    let name: String
    let mode: Mode
    let limits: LinkLimits
    let buffer: ReceiveBuffer
    var state = State.stopped {
        didSet { if wire == nil { server = nil } }
    }
    var peer = Peer.server
    var pending: PendingCommands
    var random: SplitMix64
    var upSince = MonotonicTime(nanoseconds: 0)
    var backoff: Backoff
    /// The present attempt to connect, or the one that succeeded.
    var attempt = LinkAttempt()
    /// Which Sentinel helped last, and by which of its addresses: it is asked first.
    var sentinelIndex = 0
    var sentinelAddress: String?
    /// Of several addresses of a Sentinel, which one a watch begins with, counted around.
    var sentinelTurn = 0
    /// The server is still to say whether it is the master.
    var awaitsRole = false
    /// A Sentinel did not take the login that it seemed to want, and helped all the same.
    var isSentinelLoginUseless = false
    /// What listens there is a Sentinel, although none was expected.
    var isSentinelThere = false
    /// When the server is to be asked again whether it lives and is the master, while the link is up.
    var nextProbe = MonotonicTime(nanoseconds: 0)
    /// The latest time the owner gave.
    var clock = MonotonicTime(nanoseconds: 0)

    /// - Parameters:
    ///   - token: Given to the poller for each socket this link opens, one at a time.
    ///   - name: Shown by CLIENT LIST; spaces and other characters Redis refuses become `-`.
    ///   - randomSeed: For the jitter of reconnection.
    ///   - directory: Shared with the other links to this endpoint; `nil` for one of its own.
    public init(
        endpoint: RedisEndpoint, poller: Poller, token: PollToken, name: String, randomSeed: UInt64,
        mode: Mode = .commands, limits: LinkLimits = LinkLimits(), directory: LinkDirectory? = nil
    ) {
        self.endpoint = endpoint
        self.directory = directory ?? LinkDirectory(endpoint)
        self.poller = poller
        self.token = token
        self.name = String(name.map { $0.isASCII && $0 > " " && $0 < "\u{7F}" ? $0 : "-" })
        self.mode = mode
        self.limits = limits
        buffer = ReceiveBuffer(hasTLS: endpoint.tls != nil || endpoint.sentinelAccess.tls != nil)
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

    var isStopped: Bool {
        if case .stopped = state { true } else { false }
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
            if case .securing(_, let deadline) = state, wire.isReadyToTalk { beginTalk(wire, deadline: deadline) }
        }
    }

    /// Does what time has made due. Cheap when nothing is.
    public func tick(now: MonotonicTime) {
        clock = now
        switch state {
        case .stopped: break
        case .waiting(let until):
            if now >= until { beginAttempt() }
        case .resolving(let lookup, let deadline, let askAgainAt):
            if now >= askAgainAt { awaitAddresses(lookup, deadline: deadline) }
        case .connecting(_, let deadline):
            if now >= deadline { fail("no connection within \(attemptTimeout)") }
        case .securing(_, let deadline):
            if now >= deadline { fail("no TLS handshake within \(attemptTimeout): \(plainHint)") }
        case .greeting(_, let deadline):
            if now >= deadline { fail("no greeting within \(attemptTimeout)") }
        case .up(let wire):
            if let deadline = pending.deadline, now >= deadline {
                return fail("no answer within \(limits.answerTimeout)")
            }
            if now >= nextProbe { probe(wire) }
        }
    }

    /// When `tick` has something to do next.
    public var nextDeadline: MonotonicTime? {
        switch state {
        case .stopped: nil
        case .waiting(let time), .resolving(_, _, let time), .connecting(_, let time), .securing(_, let time),
            .greeting(_, let time):
            time
        case .up: pending.deadline.map { min($0, nextProbe) } ?? nextProbe
        }
    }

    var wire: RedisWire? {
        switch state {
        case .stopped, .waiting, .resolving: nil
        case .connecting(let wire, _), .securing(let wire, _), .greeting(let wire, _), .up(let wire): wire
        }
    }
}
