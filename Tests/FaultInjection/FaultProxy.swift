public import PosixIO
import Synchronization
public import TocsinClient

/// Stands between clients and one server and breaks what goes through it, as told at run time.
///
/// It has a thread of its own, which owns all sockets. A change takes effect within moments, on connections that stand
/// as on new ones.
public final class FaultProxy: Sendable {
    enum Order: Sendable {
        case fault(Fault, FaultDirection, FaultScope)
        case door(ProxyDoor)
        case rewrite([ByteRewrite])
        case cut(FaultScope)
        case heal
        case stop
    }

    /// The port it listens on.
    public let port: UInt16
    let orders: Mailbox<Order>
    let counters = Counters()
    private let thread: Mutex<Thread?>

    /// What the thread counts for others to read.
    final class Counters: Sendable {
        let connections = Atomic<Int>(0)
        let accepted = Atomic<Int>(0)
        let bytesDropped = Atomic<Int>(0)
    }

    /// - Parameters:
    ///   - target: The server.
    ///   - rewrites: What to replace from the start.
    ///   - host: The loopback address it listens on, of 127.0.0.0/8.
    ///   - port: `nil` for a free one.
    public init(
        to target: SocketAddress, rewrites: [ByteRewrite] = [], host: String = "127.0.0.1", port wanted: UInt16? = nil
    ) throws(ClientError) {
        let orders: Mailbox<Order>
        let thread: Thread
        let port = if let wanted { wanted } else { try FreePort.find() }
        let address = try SocketAddress.literal(host, port)
        do {
            orders = try Mailbox()
            let loop = try ProxyLoop(
                address: address, target: target, rewrites: rewrites, orders: orders, counters: counters)
            thread = try Thread.start(name: "fault-proxy") { loop.run() }
        } catch {
            throw .childFailed("a proxy could not be started: \(error)")
        }
        self.port = port
        self.orders = orders
        self.thread = Mutex(thread)
    }

    /// Sets what happens to bytes, in place of what was set for the same direction and scope before.
    public func set(_ fault: Fault, _ direction: FaultDirection = .both, of scope: FaultScope = .all) {
        orders.post(.fault(fault, direction, scope))
    }

    public func set(door: ProxyDoor) {
        orders.post(.door(door))
    }

    /// Replaces bytes on their way, instead of what was replaced before.
    public func set(rewrites: [ByteRewrite]) {
        orders.post(.rewrite(rewrites))
    }

    /// Resets connections that stand.
    public func cut(_ scope: FaultScope = .all) {
        orders.post(.cut(scope))
    }

    /// Ends every fault. Connections that lost bytes are reset: they could not be right again.
    public func heal() {
        orders.post(.heal)
    }

    /// Connections that stand.
    public var connectionCount: Int { counters.connections.load(ordering: .relaxed) }

    /// Connections accepted so far.
    public var acceptedCount: Int { counters.accepted.load(ordering: .relaxed) }

    /// Bytes thrown away so far.
    public var droppedBytes: Int { counters.bytesDropped.load(ordering: .relaxed) }

    deinit {
        orders.post(.stop)
        thread.withLock { $0 }?.join()
    }
}
