import CPosix
import Glibc

/// What a non-blocking transfer did. A full or empty socket is a result, not an error.
public enum TransferResult: Equatable, Sendable {
    /// How many bytes went; at least 1 if there were any.
    case bytes(Int)
    case wouldBlock
    /// Receiving only: the peer sent its last byte.
    case endOfStream
    case failed(SystemError)
}

/// Non-blocking stream sockets: one function for each system call, EINTR retried.
public enum Socket {
    /// Opens a listening socket. What it accepts sends small writes at once: a connection takes the options over that its
    /// listener had when it came (tcp(7)).
    /// - Parameters:
    ///   - sharesPort: SO_REUSEPORT: the kernel spreads connections over all sockets on the address.
    ///   - defersAccept: See `setDeferredAccept`.
    ///   - unacknowledgedMax: See `limitUnacknowledged`, for every connection.
    public static func listen(
        on address: SocketAddress, sharesPort: Bool, defersAccept: Bool = false, unacknowledgedMax: Duration? = nil,
        backlog: Int32 = 4096
    ) throws(SystemError) -> FileDescriptor {
        let socket = try open(address)
        try setOption(socket, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR")
        if sharesPort { try setOption(socket, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT") }
        let bound = address.withPointer { Glibc.bind(socket.raw, $0, $1) }
        guard bound == 0 else { throw .last("bind") }
        disableDelay(socket)
        if defersAccept { setDeferredAccept(socket, true) }
        if let unacknowledgedMax { limitUnacknowledged(socket, unacknowledgedMax) }
        guard Glibc.listen(socket.raw, backlog) == 0 else { throw .last("listen") }
        return socket
    }

    public enum AcceptResult: ~Copyable {
        case connection(FileDescriptor, peer: SocketAddress)
        case none
        /// For example EMFILE: no descriptor is left.
        case failed(SystemError)
    }

    /// Takes one connection from the backlog, non-blocking and close-on-exec.
    public static func accept(_ listener: borrowing FileDescriptor) -> AcceptResult {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let raw = withUnsafeMutablePointer(to: &storage) { pointer in
            // SAFETY: sockaddr_storage may be accessed as sockaddr; the kernel writes at most `length` bytes.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                retryingOnInterrupt { tocsin_accept4(listener.raw, address, &length) }
            }
        }
        if raw >= 0 {
            let peer = withUnsafePointer(to: storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { SocketAddress($0, length: length) }
            }
            return .connection(FileDescriptor(raw: raw), peer: peer)
        }
        let code = errno
        switch code {
        // The peer gave up while it waited in the backlog: the next one may be good (accept(2)).
        case EAGAIN, ECONNABORTED, ENETDOWN, EPROTO, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH: return .none
        default: return .failed(SystemError(code: code, operation: "accept4"))
        }
    }

    /// Starts connecting; when `writable` is reported, `connectionError` tells how it went.
    public static func connect(to address: SocketAddress) throws(SystemError) -> FileDescriptor {
        let socket = try open(address)
        let status = address.withPointer { address, length in
            retryingOnInterrupt { Glibc.connect(socket.raw, address, length) }
        }
        // A Unix socket whose backlog is full says EAGAIN and is not connecting (connect(2)).
        guard status == 0 || errno == EINPROGRESS else { throw .last("connect") }
        return socket
    }

    /// The outcome of a connect that was in progress: `nil` when the connection stands.
    public static func connectionError(_ socket: borrowing FileDescriptor) -> SystemError? {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(socket.raw, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return .last("getsockopt") }
        return code == 0 ? nil : SystemError(code: code, operation: "connect")
    }

    public static func receive(
        _ socket: borrowing FileDescriptor, into buffer: UnsafeMutableRawBufferPointer
    ) -> TransferResult {
        let count = retryingOnInterrupt { recv(socket.raw, buffer.baseAddress, buffer.count, 0) }
        return count == 0 ? .endOfStream : transferred(count, "recv")
    }

    /// Sends without SIGPIPE.
    public static func send(_ socket: borrowing FileDescriptor, _ bytes: UnsafeRawBufferPointer) -> TransferResult {
        transferred(
            retryingOnInterrupt { Glibc.send(socket.raw, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }, "send")
    }

    /// Sends several pieces in one call (sendmsg(2)), without SIGPIPE.
    public static func send(_ socket: borrowing FileDescriptor, _ bytes: GatheredBytes) -> TransferResult {
        if bytes.pieces.count == 1 { return send(socket, bytes.pieces[0].bytes) }
        var message = msghdr()
        message.msg_iov = bytes.vectors.baseAddress
        message.msg_iovlen = bytes.vectors.count
        return transferred(retryingOnInterrupt { sendmsg(socket.raw, &message, Int32(MSG_NOSIGNAL)) }, "sendmsg")
    }

    /// Sends small writes at once (TCP_NODELAY). No effect on a Unix socket.
    public static func disableDelay(_ socket: borrowing FileDescriptor) {
        var one: Int32 = 1
        // Fails only for a socket that is not TCP, which has no delay to disable.
        _ = setsockopt(
            socket.raw, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Whether the kernel keeps a new connection until its first bytes have come, or its client has been silent for a
    /// second (TCP_DEFER_ACCEPT): one wake-up tells of both. When this ends, those it keeps come within that second.
    public static func setDeferredAccept(_ listener: borrowing FileDescriptor, _ isDeferred: Bool) {
        var seconds: Int32 = isDeferred ? 1 : 0
        // Fails only for a socket that is not TCP, whose connections come at once.
        _ = setsockopt(
            listener.raw, Int32(IPPROTO_TCP), TCP_DEFER_ACCEPT, &seconds, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Lets the kernel give a connection up when sent data stays unacknowledged for that long (TCP_USER_TIMEOUT).
    public static func limitUnacknowledged(_ socket: borrowing FileDescriptor, _ duration: Duration) {
        var milliseconds = UInt32(clamping: duration.millisecondsRoundedUp)
        // Fails only for a socket that is not TCP, whose peer is this machine.
        _ = setsockopt(
            socket.raw, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &milliseconds, socklen_t(MemoryLayout<UInt32>.size))
    }

    /// Says that nothing more will be sent; the peer reads to the end.
    public static func finishSending(_ socket: borrowing FileDescriptor) {
        // Fails only when the peer has gone, which the next read reports.
        _ = shutdown(socket.raw, Int32(SHUT_WR))
    }

    /// The address a socket is bound to; tells the port the kernel chose for port 0.
    public static func localAddress(_ socket: borrowing FileDescriptor) throws(SystemError) -> SocketAddress {
        guard let address = address(of: socket, by: getsockname) else { throw .last("getsockname") }
        return address
    }

    /// The address of the other end of a connection; `nil` when the connection is no more.
    public static func peerAddress(_ socket: borrowing FileDescriptor) -> SocketAddress? {
        address(of: socket, by: getpeername)
    }

    private static func address(
        of socket: borrowing FileDescriptor,
        by ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask(socket.raw, $0, &length) }
        }
        guard status == 0 else { return nil }
        return withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { SocketAddress($0, length: length) }
        }
    }

    private static func open(_ address: SocketAddress) throws(SystemError) -> FileDescriptor {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let raw = Glibc.socket(address.family, kind, 0)
        guard raw >= 0 else { throw .last("socket") }
        return FileDescriptor(raw: raw)
    }

    private static func setOption(
        _ socket: borrowing FileDescriptor, _ level: Int32, _ name: Int32, _ value: Int32, _ operation: String
    ) throws(SystemError) {
        var value = value
        guard setsockopt(socket.raw, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw .last(operation)
        }
    }

    private static func transferred(_ count: Int, _ operation: String) -> TransferResult {
        if count >= 0 { return .bytes(count) }
        let code = errno
        return code == EAGAIN || code == EWOULDBLOCK
            ? .wouldBlock : .failed(SystemError(code: code, operation: operation))
    }
}
