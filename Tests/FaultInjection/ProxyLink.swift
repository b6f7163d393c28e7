import Glibc
import PosixIO

/// The faults of both directions.
struct FaultPair {
    var toServer = Fault.none
    var toClient = Fault.none

    mutating func set(_ fault: Fault, _ direction: FaultDirection) {
        if direction.contains(.toServer) { toServer = fault }
        if direction.contains(.toClient) { toClient = fault }
    }
}

/// One proxied connection: two sockets and two pipes. Owned by the loop's thread.
final class ProxyLink {
    let client: FileDescriptor
    let server: FileDescriptor
    var toServer = ProxyPipe()
    var toClient = ProxyPipe()
    var isConnecting = true
    /// The client has said SUBSCRIBE.
    private(set) var isSubscription = false
    /// What the poller watches each socket for; `nil` while it does not.
    var clientInterest: PollEvents?
    var serverInterest: PollEvents?

    private static let marker = Array("SUBSCRIBE".utf8)

    init(client: consuming FileDescriptor, server: consuming FileDescriptor) {
        self.client = client
        self.server = server
    }

    var isTainted: Bool { toServer.isTainted || toClient.isTainted }

    /// Looks whether the connection becomes a subscription with these bytes.
    func note(_ bytes: [UInt8]) {
        guard !isSubscription else { return }
        isSubscription = bytes.indices.contains { start in bytes[start...].starts(with: Self.marker) }
    }

    /// Closes both sockets so that the peers see a reset, or the end on a Unix socket (socket(7), SO_LINGER).
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        for socket in [client.raw, server.raw] {
            _ = setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
    }
}
