import PosixIO
import Synchronization
import ThreatFeed
import WebSocketProtocol

/// The thread of a fleet: one poller, a connection for each client, timers by due time.
struct FeedLoop {
    private struct Client {
        var options: FeedClientOptions
        var connection: FeedConnection?
        /// Distinguishes a client's connections in poll tokens.
        var generation: UInt32 = 0
        var interest: PollEvents = []
        var comingBack: FeedReturn
        var url: ServerURL
        var cursor: Cursor?
        /// When to connect, while there is no connection.
        var connectAt: MonotonicTime?
        /// When to give up an attempt that does not open, or to leave on purpose.
        var leaveAt: MonotonicTime?
        var isOpen = false
        var addressIndex = 0

        /// When the connection counts as dead, unless something is heard before.
        var silentAt: MonotonicTime? {
            guard isOpen, let connection else { return nil }
            return connection.lastHeard + options.silence
        }
    }

    private static let mailboxSlot = UInt32.max
    private static let openWithin = Duration.seconds(10)

    private let fleet: FeedFleet
    private let observe: (@Sendable (Int, FeedEvent) -> Void)?
    private let poller: Poller
    private var clients: [Client]
    private var addresses: [ServerURL: [SocketAddress]] = [:]
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)
    private var scanner = JSONScanner(limits: .delivered)
    private var random = SystemRandomNumberGenerator()
    private var isStopped = false

    init(
        fleet: FeedFleet, clients: [FeedClientOptions], observe: (@Sendable (Int, FeedEvent) -> Void)?
    ) throws(SystemError) {
        self.fleet = fleet
        self.observe = observe
        let now = MonotonicTime.now
        self.clients = clients.map {
            Client(
                options: $0, comingBack: FeedReturn($0.backoff), url: $0.urls[0], cursor: $0.query.after, connectAt: now
            )
        }
        poller = try Poller()
        try poller.add(
            fleet.mailbox.descriptor, .readable, token: PollToken(slot: Self.mailboxSlot, generation: 0))
    }

    mutating func run() {
        while !isStopped {
            let count = poller.wait(timeoutMilliseconds: timeoutMilliseconds())
            for position in 0..<count {
                let (token, events) = poller.event(at: position)
                if token.slot == Self.mailboxSlot {
                    for command in fleet.mailbox.take() { perform(command) }
                } else {
                    let index = Int(token.slot)
                    guard clients[index].generation == token.generation else { continue }
                    guard let connection = clients[index].connection else { continue }
                    handle(connection.handle(events, scratch: &scratch), of: index)
                }
            }
            runTimers()
        }
    }

    private func timeoutMilliseconds() -> Int32 {
        var next: MonotonicTime?
        for client in clients {
            for time in [client.connectAt, client.leaveAt, client.silentAt] { next = .earliest(next, time) }
        }
        guard let next else { return -1 }
        return Int32(max(0, min((next - MonotonicTime.now).millisecondsRoundedUp, 60_000)))
    }

    private mutating func perform(_ command: FeedFleet.Command) {
        switch command {
        case .drop(let index, let next):
            if let next { clients[index].url = next }
            leave(index)
        case .send(let index, let text):
            guard let connection = clients[index].connection else { return }
            handle(connection.send(text: text), of: index)
        case .stop: isStopped = true
        }
    }

    private mutating func runTimers() {
        let now = MonotonicTime.now
        for index in clients.indices {
            if let time = clients[index].connectAt, time <= now { connect(index) }
            if let time = clients[index].leaveAt, time <= now {
                if clients[index].isOpen {
                    if let url = clients[index].options.urls.randomElement(using: &random) { clients[index].url = url }
                    leave(index)
                } else {
                    handle([.ended(.lost("the replica did not answer in time"))], of: index)
                }
            }
            if let time = clients[index].silentAt, time <= now {
                handle([.ended(.lost("nothing was heard for \(clients[index].options.silence)"))], of: index)
            }
        }
    }

    private mutating func connect(_ index: Int) {
        clients[index].connectAt = nil
        let url = clients[index].url
        do {
            let known = try addresses[url] ?? url.addresses()
            addresses[url] = known
            guard !known.isEmpty else { throw ClientError.unreachable("\(url): no address") }
            let connection = try FeedConnection(
                connectingTo: known[clients[index].addressIndex % known.count], url: url,
                target: clients[index].options.query.target(resumingAfter: clients[index].cursor),
                compression: clients[index].options.isDeflated ? .withServerContext : nil)
            clients[index].generation &+= 1
            clients[index].interest = connection.interest
            try poller.add(connection.descriptor, connection.interest, token: token(index))
            clients[index].connection = connection
            clients[index].leaveAt = MonotonicTime.now + Self.openWithin
        } catch {
            handle([.ended(.lost("\(error)"))], of: index)
        }
    }

    private func token(_ index: Int) -> PollToken {
        PollToken(slot: UInt32(index), generation: clients[index].generation)
    }

    /// Ends a connection without a word and connects again at once.
    private mutating func leave(_ index: Int) {
        disconnect(index)
        clients[index].connectAt = MonotonicTime.now
    }

    private mutating func disconnect(_ index: Int) {
        // Closing the descriptor, which happens when the last reference goes, removes it from the poller.
        clients[index].connection = nil
        clients[index].leaveAt = nil
        clients[index].isOpen = false
        fleet.records.withLock { $0[index].isConnected = false }
    }

    private mutating func handle(_ events: [FeedConnection.Event], of index: Int) {
        for event in events {
            switch event {
            case .opened: opened(index)
            case .message(let text): received(text, index)
            case .pong: break
            case .ended(let ending): ended(ending, index)
            }
        }
        guard let connection = clients[index].connection, connection.interest != clients[index].interest else { return }
        clients[index].interest = connection.interest
        do throws(SystemError) {
            try poller.modify(connection.descriptor, connection.interest, token: token(index))
        } catch {
            ended(.lost(error.description), index)
        }
    }

    private mutating func opened(_ index: Int) {
        clients[index].isOpen = true
        clients[index].comingBack.opened(at: .now)
        let period = clients[index].options.reconnectPeriod
        // Spread, so that the fleet does not leave as one.
        clients[index].leaveAt = period.map { MonotonicTime.now + $0 * Double.random(in: 0.75..<1.25, using: &random) }
        let url = clients[index].url
        fleet.records.withLock { records in
            records[index].isConnected = true
            records[index].connections += 1
            records[index].url = url
        }
        observe?(index, .connected(url))
    }

    private mutating func received(_ text: [UInt8], _ index: Int) {
        guard clients[index].connection != nil else { return }
        do throws(ClientError) {
            let message = try FeedMessage(text, scanner: &scanner)
            if let cursor = message.cursor { clients[index].cursor = cursor }
            let now = MonotonicTime.now
            let deliveriesMax = fleet.deliveriesMax
            fleet.records.withLock { $0[index].note(message, at: now, deliveriesMax: deliveriesMax) }
            observe?(index, .message(message))
        } catch {
            ended(.lost(error.description), index)
        }
    }

    private mutating func ended(_ ending: FeedEnding, _ index: Int) {
        // The name may stand for another machine by now.
        if !clients[index].isOpen { addresses[clients[index].url] = nil }
        disconnect(index)
        let now = MonotonicTime.now
        let randomness = Double.random(in: 0..<1, using: &random)
        let wait: Duration?
        switch clients[index].comingBack.ended(ending, at: now, randomness: randomness) {
        case .comeBack(let pause, let elsewhere):
            wait = pause
            clients[index].connectAt = now + pause
            if elsewhere { chooseAnother(index) }
        case .stayAway: wait = nil
        }
        clients[index].addressIndex &+= 1
        fleet.records.withLock { records in
            records[index].unwantedEndings += 1
            records[index].firstEnding = records[index].firstEnding ?? ending
            records[index].lastEnding = ending
        }
        observe?(index, .disconnected(ending, retryIn: wait))
    }

    private mutating func chooseAnother(_ index: Int) {
        let others = clients[index].options.urls.filter { $0 != clients[index].url }
        if let other = others.randomElement(using: &random) { clients[index].url = other }
    }
}
