import ClusterSupport
import Glibc
import PosixIO
import Synchronization
import TocsinClient

/// Stands between a proxy and a replica, passes everything on and keeps it.
final class ProxyRelay: Sendable {
    /// What went over one connection from the proxy.
    struct Recording: Sendable {
        var requests: [UInt8] = []
        var answers: [UInt8] = []
    }

    let port: UInt16
    private let tape = Tape()
    private let thread: Thread

    init(to url: ServerURL) throws {
        guard let local = try SocketAddress.resolve(host: "127.0.0.1", port: 0).first,
            let target = try url.addresses().first
        else { throw HarnessError("no loopback address") }
        let listener = try Socket.listen(on: local, sharesPort: false)
        port = try Socket.localAddress(listener).port
        let raw = listener.release()
        thread = try Thread.start(name: "relay") { [tape] in
            RelayLoop(FileDescriptor(raw: raw), target, tape).run()
        }
    }

    var recordings: [Recording] { tape.state.withLock { $0.recordings } }

    /// Ends every connection and waits for the thread. Call it once.
    func stop() {
        tape.state.withLock { $0.isStopping = true }
        thread.join()
    }
}

/// What the relaying thread and whoever looks share.
private final class Tape: Sendable {
    struct State {
        var recordings: [ProxyRelay.Recording] = []
        var isStopping = false
    }

    // Owners: both threads. Nothing is called while it is held.
    let state = Mutex(State())
}

/// Owned and used by the relaying thread.
private final class RelayLoop {
    private let listener: FileDescriptor
    private let target: SocketAddress
    private let tape: Tape
    private var links: [RelayLink] = []
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)

    init(_ listener: consuming FileDescriptor, _ target: SocketAddress, _ tape: Tape) {
        self.listener = listener
        self.target = target
        self.tape = tape
    }

    func run() {
        while !tape.state.withLock({ $0.isStopping }) {
            var entries = [pollfd(fd: listener.raw, events: Int16(POLLIN), revents: 0)]
            for link in links { entries += [link.proxy.entry, link.replica.entry] }
            // Short, because nothing else wakes the thread when it is to stop.
            guard poll(&entries, nfds_t(entries.count), 20) > 0 else { continue }
            for (index, link) in links.enumerated() {
                if entries[1 + index * 2].revents != 0 { pass(link, fromProxy: true) }
                if entries[2 + index * 2].revents != 0 { pass(link, fromProxy: false) }
            }
            links.removeAll { $0.isOver }
            if entries[0].revents != 0 { accept() }
        }
    }

    private func accept() {
        while case .connection(let descriptor, _) = Socket.accept(listener) {
            guard let replica = try? Socket.connect(to: target) else { return }
            Socket.disableDelay(descriptor)
            Socket.disableDelay(replica)
            let index = tape.state.withLock { state in
                state.recordings.append(ProxyRelay.Recording())
                return state.recordings.count - 1
            }
            links.append(RelayLink(RelaySide(descriptor), RelaySide(replica), index))
        }
    }

    /// Receives what one side has and offers both what is due to them.
    private func pass(_ link: RelayLink, fromProxy: Bool) {
        let (source, sink) = fromProxy ? (link.proxy, link.replica) : (link.replica, link.proxy)
        // SAFETY: the pointer is used only inside the call, while the array is held exclusively.
        switch scratch.withUnsafeMutableBytes({ Socket.receive(source.socket, into: $0) }) {
        case .bytes(let count):
            let bytes = scratch[..<count]
            sink.due += bytes
            tape.state.withLock { state in
                if fromProxy {
                    state.recordings[link.index].requests += bytes
                } else {
                    state.recordings[link.index].answers += bytes
                }
            }
        case .wouldBlock: break
        case .endOfStream: source.isFinished = true
        case .failed:
            source.isFinished = true
            source.isBroken = true
        }
        sink.flush(peerIsFinished: source.isFinished)
        source.flush(peerIsFinished: sink.isFinished)
    }
}

private final class RelayLink {
    let proxy: RelaySide
    let replica: RelaySide
    let index: Int

    init(_ proxy: RelaySide, _ replica: RelaySide, _ index: Int) {
        self.proxy = proxy
        self.replica = replica
        self.index = index
    }

    var isOver: Bool {
        proxy.isBroken || replica.isBroken || (proxy.isFinished && replica.isFinished && proxy.due.isEmpty)
    }
}

/// One socket of a link and what it is still owed.
private final class RelaySide {
    let socket: FileDescriptor
    var due: [UInt8] = []
    /// It has sent its last byte.
    var isFinished = false
    var isBroken = false
    private var isToldTheEnd = false

    init(_ socket: consuming FileDescriptor) {
        self.socket = socket
    }

    var entry: pollfd {
        let events = (isFinished ? 0 : POLLIN) | (due.isEmpty ? 0 : POLLOUT)
        return pollfd(fd: events == 0 ? -1 : socket.raw, events: Int16(events), revents: 0)
    }

    func flush(peerIsFinished: Bool) {
        while !due.isEmpty {
            // SAFETY: the pointer is used only inside the call, while the array lives.
            switch due.withUnsafeBytes({ Socket.send(socket, $0) }) {
            case .bytes(let count): due.removeFirst(count)
            case .wouldBlock: return
            case .endOfStream, .failed:
                isBroken = true
                return
            }
        }
        if peerIsFinished, !isToldTheEnd {
            isToldTheEnd = true
            Socket.finishSending(socket)
        }
    }
}
