import Glibc
import PosixIO
import Synchronization

/// The thread of a proxy: one poller, its listener, and two sockets for each connection.
///
/// Unchecked: made by whoever starts the proxy, then owned by the thread that calls `run`, alone.
final class ProxyLoop: @unchecked Sendable {
    private var rewrites: [ByteRewrite]

    private let address: SocketAddress
    private let target: SocketAddress
    private let orders: Mailbox<FaultProxy.Order>
    private let counters: FaultProxy.Counters
    private let poller: Poller
    private var listener: FileDescriptor?
    private var isListening = false
    private var door = ProxyDoor.open
    private var commandFaults = FaultPair()
    private var subscriptionFaults = FaultPair()
    private var links: [UInt32: ProxyLink] = [:]
    private var lastID: UInt32 = 0
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)
    private var isStopped = false

    private static let listenerSlot = UInt32.max
    private static let mailboxSlot = UInt32.max - 1
    private static let linksMax = 1_024

    init(
        address: SocketAddress, target: SocketAddress, rewrites: [ByteRewrite], orders: Mailbox<FaultProxy.Order>,
        counters: FaultProxy.Counters
    ) throws(SystemError) {
        self.rewrites = rewrites
        self.address = address
        self.target = target
        self.orders = orders
        self.counters = counters
        poller = try Poller()
        try poller.add(orders.descriptor, .readable, token: PollToken(slot: Self.mailboxSlot, generation: 0))
        try listen()
    }

    func run() {
        while !isStopped {
            let count = poller.wait(timeoutMilliseconds: timeoutMilliseconds())
            for position in 0..<count {
                let (token, events) = poller.event(at: position)
                switch token.slot {
                case Self.mailboxSlot: for order in orders.take() { perform(order) }
                case Self.listenerSlot: accept()
                default: handle(events, of: token.slot)
                }
            }
            for id in links.keys { advance(id) }
            counters.connections.store(links.count, ordering: .relaxed)
        }
    }

    private func listen() throws(SystemError) {
        let socket = try Socket.listen(on: address, sharesPort: false)
        try poller.add(socket.raw, .readable, token: PollToken(slot: Self.listenerSlot, generation: 0))
        listener = consume socket
        isListening = true
    }

    private func perform(_ order: FaultProxy.Order) {
        switch order {
        case .fault(let fault, let direction, let scope):
            if scope.contains(.commands) { commandFaults.set(fault, direction) }
            if scope.contains(.subscriptions) { subscriptionFaults.set(fault, direction) }
        case .door(let door): turn(door)
        case .rewrite(let rewrites): self.rewrites = rewrites
        case .cut(let scope):
            for (id, link) in links where scope.contains(link.isSubscription ? .subscriptions : .commands) { reset(id) }
        case .heal:
            commandFaults = FaultPair()
            subscriptionFaults = FaultPair()
            rewrites = []
            turn(.open)
            for (id, link) in links where link.isTainted { reset(id) }
        case .stop: isStopped = true
        }
    }

    private func turn(_ door: ProxyDoor) {
        self.door = door
        switch door {
        case .refusing:
            listener = nil
            isListening = false
        case .open, .resetting, .closing:
            guard !isListening else { return }
            do throws(SystemError) {
                try listen()
            } catch {
                preconditionFailure("the proxy cannot listen on its port again: \(error)")
            }
        }
    }

    private func accept() {
        while links.count < Self.linksMax {
            guard case .connection(let client, peer: _) = acceptNext() else { return }
            counters.accepted.add(1, ordering: .relaxed)
            do throws(SystemError) {
                let server = try Socket.connect(to: target)
                Socket.disableDelay(client)
                Socket.disableDelay(server)
                lastID += 1
                links[lastID] = ProxyLink(client: client, server: server)
                switch door {
                case .open, .refusing: break
                case .resetting: reset(lastID)
                case .closing: links[lastID] = nil
                }
            } catch {
                // The client sees its connection end: the server is not there.
            }
        }
    }

    private func acceptNext() -> Socket.AcceptResult {
        switch listener {
        case .some(let listener): Socket.accept(listener)
        case .none: .none
        }
    }

    private func reset(_ id: UInt32) {
        links.removeValue(forKey: id)?.reset()
    }

    private func faults(of link: ProxyLink) -> FaultPair {
        link.isSubscription ? subscriptionFaults : commandFaults
    }

    private func handle(_ events: PollEvents, of slot: UInt32) {
        let id = slot / 2
        guard let link = links[id] else { return }
        let isServer = slot % 2 == 1
        if link.isConnecting, isServer {
            guard Socket.connectionError(link.server) == nil else { return reset(id) }
            link.isConnecting = false
        }
        let readable = !events.isDisjoint(with: [.readable, .hungUp])
        guard readable else { return }
        let fault = isServer ? faults(of: link).toClient : faults(of: link).toServer
        let wants = isServer ? link.toClient.wantsInput(fault) : link.toServer.wantsInput(fault)
        if wants {
            if !read(link, fromServer: isServer) { reset(id) }
        } else if events.contains(.hungUp) {
            // Reported again and again, whether asked for or not: not watched until somebody wants to read.
            unwatch(link, server: isServer)
        }
    }

    private func unwatch(_ link: ProxyLink, server isServer: Bool) {
        do throws(SystemError) {
            if isServer, link.serverInterest != nil {
                try poller.remove(link.server.raw)
                link.serverInterest = nil
            } else if !isServer, link.clientInterest != nil {
                try poller.remove(link.client.raw)
                link.clientInterest = nil
            }
        } catch {
            preconditionFailure("a watched socket can be taken from the poller: \(error)")
        }
    }

    /// - Returns: Whether the source is still usable.
    private func read(_ link: ProxyLink, fromServer isServer: Bool) -> Bool {
        // SAFETY: the pointer is used only inside the call, while the array is held exclusively.
        let result = scratch.withUnsafeMutableBytes { buffer in
            isServer ? Socket.receive(link.server, into: buffer) : Socket.receive(link.client, into: buffer)
        }
        switch result {
        case .wouldBlock: return true
        case .endOfStream:
            if isServer { link.toClient.ended() } else { link.toServer.ended() }
            return true
        case .failed:
            // A reset of one peer reaches the other only where bytes would.
            let fault = isServer ? faults(of: link).toClient : faults(of: link).toServer
            guard fault == .drop || fault == .hang else { return false }
            if isServer { link.toClient.ended() } else { link.toServer.ended() }
            return true
        case .bytes(let count):
            received(Array(scratch[..<count]), link, fromServer: isServer)
            return true
        }
    }

    private func received(_ bytes: [UInt8], _ link: ProxyLink, fromServer isServer: Bool) {
        if !isServer { link.note(bytes) }
        let direction = isServer ? FaultDirection.toClient : .toServer
        var bytes = bytes
        for rewrite in rewrites where rewrite.direction.contains(direction) { rewrite.apply(to: &bytes) }
        let fault = isServer ? faults(of: link).toClient : faults(of: link).toServer
        if fault == .drop { counters.bytesDropped.add(bytes.count, ordering: .relaxed) }
        let now = MonotonicTime.now
        if isServer {
            link.toClient.received(bytes, fault, now: now)
        } else {
            link.toServer.received(bytes, fault, now: now)
        }
    }

    /// Passes on what is due and tells the poller what to watch.
    private func advance(_ id: UInt32) {
        guard let link = links[id] else { return }
        let faults = faults(of: link)
        let now = MonotonicTime.now
        if !link.isConnecting {
            guard link.toServer.pass(to: link.server, faults.toServer, now: now),
                link.toClient.pass(to: link.client, faults.toClient, now: now)
            else { return reset(id) }
            if link.toServer.isEnding(faults.toServer) {
                Socket.finishSending(link.server)
                link.toServer.finish()
            }
            if link.toClient.isEnding(faults.toClient) {
                Socket.finishSending(link.client)
                link.toClient.finish()
            }
            if link.toServer.isFinished && link.toClient.isFinished {
                links[id] = nil
                return
            }
        }
        watch(link, id, faults)
    }

    private func watch(_ link: ProxyLink, _ id: UInt32, _ faults: FaultPair) {
        var client: PollEvents = []
        var server: PollEvents = link.isConnecting ? .writable : []
        if link.toServer.wantsInput(faults.toServer) { client.insert(.readable) }
        if link.toClient.wantsOutput(faults.toClient) { client.insert(.writable) }
        if !link.isConnecting, link.toClient.wantsInput(faults.toClient) { server.insert(.readable) }
        if link.toServer.wantsOutput(faults.toServer) { server.insert(.writable) }
        do throws(SystemError) {
            try watch(link.client.raw, client, &link.clientInterest, slot: id * 2)
            try watch(link.server.raw, server, &link.serverInterest, slot: id * 2 + 1)
        } catch {
            preconditionFailure("an open socket can be watched: \(error)")
        }
    }

    private func watch(
        _ socket: Int32, _ wanted: PollEvents, _ current: inout PollEvents?, slot: UInt32
    ) throws(SystemError) {
        guard wanted != (current ?? []) else { return }
        let token = PollToken(slot: slot, generation: 0)
        if current == nil {
            try poller.add(socket, wanted, token: token)
        } else {
            try poller.modify(socket, wanted, token: token)
        }
        current = wanted
    }

    private func timeoutMilliseconds() -> Int32 {
        var next: MonotonicTime?
        for link in links.values where !link.isConnecting {
            let faults = faults(of: link)
            for due in [link.toServer.nextDue(faults.toServer), link.toClient.nextDue(faults.toClient)] {
                if let due, due < next ?? MonotonicTime(nanoseconds: .max) { next = due }
            }
        }
        guard let next else { return -1 }
        return Int32(max(0, min((next - MonotonicTime.now).millisecondsRoundedUp, 60_000)))
    }
}
