import ThreatFeed

@testable import RedisLog

/// A connection to Redis for commands, which reconnects for ever: `RedisLink` on a virtual network.
///
/// What is on its way keeps its order. When the connection is cut, commands under way have failed for their sender,
/// though the server may carry them out.
final class CommandLink {
    enum Answer {
        case reply(LogReply)
        case failure
    }

    private struct Pending {
        let number: Int
        let sentAt: Int
        let completion: (Answer) -> Void
    }

    private enum State {
        case stopped
        case down
        case up(ModelServer, incarnation: String)
    }

    var onUp: (() -> Void)?
    var onDown: (() -> Void)?
    /// Nothing comes through in either direction, and neither end notices.
    var isHalfOpen = false

    /// Of the servers it has been connected to, oldest first.
    private(set) var incarnations: [String] = []
    private unowned let world: World
    private let process: ProcessGate
    /// The highest epoch of a master that is known; a Sentinel that names an older one is behind.
    private var masterEpoch = 0
    private var state = State.stopped
    private var epoch = 0
    private var pending: [Pending] = []
    private var requestDue = 0
    private var replyDue = 0

    init(world: World, process: ProcessGate) {
        self.world = world
        self.process = process
    }

    var server: ModelServer? {
        switch state {
        case .up(let server, _): server
        case .stopped, .down: nil
        }
    }

    /// Of the server, as it was at the connect.
    var incarnation: String? {
        switch state {
        case .up(_, let incarnation): incarnation
        case .stopped, .down: nil
        }
    }

    func start() {
        state = .down
        connectLater(milliseconds: 0...5)
    }

    func stop() {
        lose()
        state = .stopped
        epoch += 1
    }

    /// The connection breaks; a new one is tried for until it stands.
    func cut() {
        guard server != nil else { return }
        lose()
        connectLater(milliseconds: 20...300)
    }

    /// Leaves a master that Sentinels have replaced.
    func leaveMaster(before named: Int) {
        guard named > masterEpoch else { return }
        masterEpoch = named
        cut()
    }

    /// Leaves a server that has not answered for a while, or is no longer the master.
    func checkPeer() {
        guard let server else { return }
        let isSilent = pending.first.map { world.time.now - $0.sentAt > 3_000_000 } ?? false
        if isSilent || (!server.isMaster && server.isReachable) { cut() }
    }

    func send(_ command: LogCommand, _ completion: @escaping (Answer) -> Void) {
        guard case .up(let server, let incarnation) = state else { return completion(.failure) }
        let number = world.nextNumber()
        let sentEpoch = epoch
        pending.append(Pending(number: number, sentAt: world.time.now, completion: completion))
        let arrivesAlthoughCut = world.chance(50)
        requestDue = max(requestDue + 1, world.time.now + world.networkDelay())
        let swallowed = isHalfOpen
        world.time.after(requestDue - world.time.now) { [weak self] in
            guard let self, !swallowed, epoch == sentEpoch || arrivesAlthoughCut else { return }
            guard server.incarnation == incarnation else { return }
            server.whenRunning { [weak self] in
                let reply = server.execute(command)
                self?.carryBack(reply, number, sentEpoch)
            }
        }
    }

    private func carryBack(_ reply: LogReply, _ number: Int, _ sentEpoch: Int) {
        guard epoch == sentEpoch, !isHalfOpen else { return }
        replyDue = max(replyDue + 1, world.time.now + world.networkDelay())
        world.time.after(replyDue - world.time.now) { [weak self] in
            guard let self, epoch == sentEpoch, !isHalfOpen else { return }
            process.whenRunning { [weak self] in
                guard let self, epoch == sentEpoch, pending.first?.number == number else { return }
                let completion = pending.removeFirst().completion
                completion(.reply(reply))
                if case .readOnly = reply { cut() }
            }
        }
    }

    private func lose() {
        let failed = pending
        let wasUp = server != nil
        pending = []
        epoch += 1
        isHalfOpen = false
        if wasUp { state = .down }
        for command in failed { command.completion(.failure) }
        if wasUp { onDown?() }
    }

    private func connectLater(milliseconds: ClosedRange<Int>) {
        let attempt = epoch
        world.time.after(world.delay(milliseconds: milliseconds)) { [weak self] in
            guard let self, case .down = state, epoch == attempt else { return }
            process.whenRunning { [weak self] in
                guard let self, case .down = state, epoch == attempt else { return }
                connect()
            }
        }
    }

    private func connect() {
        guard let (server, named) = world.address(for: process.index), named >= masterEpoch, server.isReachable,
            server.isMaster
        else { return connectLater(milliseconds: 20...400) }
        masterEpoch = named
        state = .up(server, incarnation: server.incarnation)
        incarnations = (incarnations.filter { $0 != server.incarnation } + [server.incarnation])
            .suffix(LogClient.incarnationsMax)
        requestDue = world.time.now
        replyDue = world.time.now
        onUp?()
    }
}

/// The connection that messages of the channel come by.
final class SubscriptionLink {
    var onUp: (() -> Void)?
    var onSubscribed: (() -> Void)?
    var onDown: (() -> Void)?
    var onMessage: ((ChannelMessage) -> Void)?
    /// The server no longer knows of it, or nothing comes through.
    var isDetached = false

    private unowned let world: World
    private let process: ProcessGate
    private var masterEpoch = 0
    private(set) var server: ModelServer?
    private var isStarted = false
    private var epoch = 0
    private var messageDue = 0

    init(world: World, process: ProcessGate) {
        self.world = world
        self.process = process
    }

    func start() {
        isStarted = true
        connectLater(milliseconds: 0...5)
    }

    func stop() {
        isStarted = false
        lose()
    }

    func cut() {
        guard isStarted, server != nil else { return }
        lose()
        connectLater(milliseconds: 20...300)
    }

    func leaveMaster(before named: Int) {
        guard named > masterEpoch else { return }
        masterEpoch = named
        cut()
    }

    /// A message leaves the server.
    func carry(_ message: ChannelMessage) {
        guard !isDetached, !world.losesMessage() else { return }
        let sentEpoch = epoch
        messageDue = max(messageDue + 1, world.time.now + world.networkDelay())
        world.time.after(messageDue - world.time.now) { [weak self] in
            guard let self, epoch == sentEpoch, !isDetached else { return }
            process.whenRunning { [weak self] in
                guard let self, epoch == sentEpoch else { return }
                onMessage?(message)
            }
        }
    }

    private func lose() {
        epoch += 1
        isDetached = false
        guard let server else { return }
        server.unsubscribe(self)
        self.server = nil
        onDown?()
    }

    private func connectLater(milliseconds: ClosedRange<Int>) {
        let attempt = epoch
        world.time.after(world.delay(milliseconds: milliseconds)) { [weak self] in
            guard let self, isStarted, server == nil, epoch == attempt else { return }
            process.whenRunning { [weak self] in
                guard let self, isStarted, server == nil, epoch == attempt else { return }
                connect()
            }
        }
    }

    private func connect() {
        guard let (found, named) = world.address(for: process.index), named >= masterEpoch, found.isReachable else {
            return connectLater(milliseconds: 20...400)
        }
        masterEpoch = named
        server = found
        found.subscribe(self)
        onUp?()
        messageDue = world.time.now + world.networkDelay()
        let sentEpoch = epoch
        // The answer to SUBSCRIBE comes by the same way as the messages behind it.
        world.time.after(messageDue - world.time.now) { [weak self] in
            guard let self, epoch == sentEpoch else { return }
            process.whenRunning { [weak self] in
                guard let self, epoch == sentEpoch else { return }
                onSubscribed?()
            }
        }
    }
}
