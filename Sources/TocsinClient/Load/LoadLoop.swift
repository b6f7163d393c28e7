import PosixIO
import Synchronization
import ThreatFeed
import WebSocketProtocol

/// One thread of a load's clients: a poller, and no work for a client to which nothing happens.
struct LoadLoop {
    private static let mailboxSlot = UInt32.max
    /// Handshakes under way at once, of one loop; more would only wait in the replicas' backlogs.
    private static let openingMax = 256
    /// Connections that are started in one turn, so that answers are read in between.
    private static let connectsPerTurn = 64
    private static let openWithin = Duration.seconds(15)
    private static let tick = Duration.milliseconds(20)

    private let replicas: LoadReplicas
    private let mailbox: Mailbox<LoadCommand>
    private let progress: LoadProgress
    private let noteEnding: (FeedEnding) -> Void
    private let poller: Poller
    private var clients: [LoadClient]
    private var interests: [PollEvents]
    private var hasJoined: [Bool]
    /// Whether a client counts as connected, else as connecting or waiting.
    private var isCounted: [Bool]
    private var ledger: LoadLedger
    private var scratch = [UInt8](repeating: 0, count: LoadClient.scratchBytes)
    /// Clients that want a connection at once, from `pendingStart` on.
    private var pending: [Int]
    private var pendingStart = 0
    private var waiting: [(since: MonotonicTime, index: Int)] = []
    /// Clients that connect, each until its deadline, in the order of those; some may have got through.
    private var opening: [(deadline: MonotonicTime, index: Int, generation: UInt32)] = []
    private var openingStart = 0
    private var openingCount = 0
    private var random = SystemRandomNumberGenerator()
    private var isStopped = false
    private var reported = 0
    private var result = LoadLoopResult()

    /// - Parameters:
    ///   - indices: Of the clients that this loop serves.
    ///   - noteEnding: Called for every connection that ends without the client's wish.
    init(
        _ options: LoadOptions, replicas: LoadReplicas, indices: [Int], mailbox: Mailbox<LoadCommand>,
        progress: LoadProgress, noteEnding: @escaping (FeedEnding) -> Void
    ) throws(SystemError) {
        self.replicas = replicas
        self.mailbox = mailbox
        self.progress = progress
        self.noteEnding = noteEnding
        let tools = LoadTools()
        clients = indices.map { LoadClient(index: $0, options: options, tools: tools) }
        interests = [PollEvents](repeating: [], count: indices.count)
        hasJoined = [Bool](repeating: false, count: indices.count)
        isCounted = hasJoined
        pending = Array(0..<indices.count)
        ledger = LoadLedger(
            idPrefix: options.idPrefix, isFiltered: options.filters > 1, threatsMax: options.threatsMax)
        poller = try Poller()
        try poller.add(mailbox.descriptor, .readable, token: PollToken(slot: Self.mailboxSlot, generation: 0))
    }

    /// Serves the clients until it is told to stop.
    mutating func run() -> LoadLoopResult {
        while !isStopped {
            let count = poller.wait(timeout: timeout)
            for position in 0..<count { serve(poller.event(at: position)) }
            runTimers()
            connectSome()
            report()
        }
        for client in clients { client.disconnect() }
        result.clients = clients.count
        result.resets = clients.reduce(0) { $0 + $1.resets }
        result.refusedResumes = clients.reduce(0) { $0 + $1.refusedResumes }
        result.ledger = ledger
        return result
    }

    private var timeout: Duration? {
        if pendingStart < pending.count, openingCount < Self.openingMax { return .zero }
        return waiting.isEmpty && openingStart == opening.count ? nil : Self.tick
    }

    private mutating func serve(_ event: (token: PollToken, events: PollEvents)) {
        guard event.token.slot != Self.mailboxSlot else {
            for command in mailbox.take() {
                switch command {
                case .stop: isStopped = true
                }
            }
            return
        }
        let index = Int(event.token.slot)
        guard clients[index].generation == event.token.generation else { return }
        handle(clients[index].handle(event.events, scratch: &scratch, ledger: &ledger), index)
    }

    private mutating func handle(_ outcome: LoadClient.Outcome, _ index: Int) {
        switch outcome {
        case .nothing: break
        case .joined:
            openingCount -= 1
            progress.add(joined: hasJoined[index] ? 0 : 1, connected: 1)
            hasJoined[index] = true
            isCounted[index] = true
        case .ended(let ending): return ended(ending, index)
        }
        let interest = clients[index].interest
        guard interest != interests[index], let descriptor = clients[index].descriptor else { return }
        interests[index] = interest
        do throws(SystemError) {
            try poller.modify(descriptor, interest, token: token(index))
        } catch {
            ended(.lost(error.description), index)
        }
    }

    private func token(_ index: Int) -> PollToken {
        PollToken(slot: UInt32(index), generation: clients[index].generation)
    }

    private mutating func ended(_ ending: FeedEnding, _ index: Int) {
        if isCounted[index] {
            isCounted[index] = false
            progress.add(connected: -1, disconnects: 1)
            result.disconnects += 1
        } else {
            openingCount -= 1
        }
        result.firstEnding = result.firstEnding ?? ending
        noteEnding(ending)
        clients[index].disconnect()
        let now = MonotonicTime.now
        let randomness = Double.random(in: 0..<1, using: &random)
        // Each attempt goes to another replica in any case.
        switch clients[index].comingBack.ended(ending, at: now, randomness: randomness) {
        case .comeBack(let pause, _): waiting.append((now + pause, index))
        case .stayAway: break
        }
    }

    private mutating func runTimers() {
        guard !waiting.isEmpty || openingStart < opening.count else { return }
        let now = MonotonicTime.now
        if waiting.contains(where: { $0.since <= now }) {
            for entry in waiting where entry.since <= now { pending.append(entry.index) }
            waiting.removeAll { $0.since <= now }
        }
        while openingStart < opening.count {
            let (deadline, index, generation) = opening[openingStart]
            let isOver = clients[index].generation != generation || clients[index].descriptor == nil
            guard isOver || clients[index].isJoined || deadline <= now else { break }
            openingStart += 1
            if !isOver, !clients[index].isJoined { ended(.lost("the replica did not answer in time"), index) }
        }
        if openingStart == opening.count {
            opening.removeAll(keepingCapacity: true)
            openingStart = 0
        }
    }

    private mutating func connectSome() {
        var left = min(Self.connectsPerTurn, Self.openingMax - openingCount)
        while left > 0, pendingStart < pending.count {
            connect(pending[pendingStart])
            pendingStart += 1
            left -= 1
        }
        if pendingStart == pending.count {
            pending.removeAll(keepingCapacity: true)
            pendingStart = 0
        }
    }

    private mutating func connect(_ index: Int) {
        let (url, address) = replicas.choose(clients[index].attempts)
        openingCount += 1
        do {
            try clients[index].connect(to: url, address)
            guard let descriptor = clients[index].descriptor else { return }
            interests[index] = clients[index].interest
            try poller.add(descriptor, interests[index], token: token(index))
            opening.append((.now + Self.openWithin, index, clients[index].generation))
        } catch {
            ended(.lost("\(error)"), index)
        }
    }

    private mutating func report() {
        guard ledger.deliveries != reported else { return }
        progress.add(deliveries: ledger.deliveries - reported)
        reported = ledger.deliveries
    }
}
