import Glibc
public import PosixIO
public import TocsinClient

/// One connection to Redis or Sentinel that waits for each reply. Owned and used by one thread.
public final class RedisConnection {
    private let socket: FileDescriptor
    private let deadline: Duration
    private var received: [UInt8] = []

    private static let replyBytesMax = 16 << 20

    /// - Parameter deadline: For connecting, and for each command.
    public init(to address: SocketAddress, deadline: Duration = .seconds(20)) throws(ClientError) {
        self.deadline = deadline
        do throws(SystemError) {
            socket = try Socket.connect(to: address)
        } catch {
            throw .unreachable("\(address): \(error)")
        }
        try Self.wait(socket, for: POLLOUT, until: MonotonicTime.now + deadline)
        if let error = Socket.connectionError(socket) { throw .unreachable("\(address): \(error)") }
    }

    /// - Parameter port: On the loopback interface.
    public convenience init(port: UInt16, deadline: Duration = .seconds(20)) throws(ClientError) {
        try self.init(to: try SocketAddress.loopback(port), deadline: deadline)
    }

    /// Sends one command and waits for its reply; an error that Redis answers is a reply.
    /// - Throws: `ClientError.timedOut`, `.connectionLost`.
    @discardableResult
    public func command(_ words: String...) throws(ClientError) -> RedisValue {
        try command(words)
    }

    @discardableResult
    public func command(_ words: [String]) throws(ClientError) -> RedisValue {
        var text = "*\(words.count)\r\n"
        for word in words { text += "$\(word.utf8.count)\r\n\(word)\r\n" }
        let limit = MonotonicTime.now + deadline
        try send(Array(text.utf8), until: limit)
        return try reply(until: limit)
    }

    private func send(_ bytes: [UInt8], until limit: MonotonicTime) throws(ClientError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // SAFETY: the pointer is used only inside the call, while the slice lives.
            switch rest.withUnsafeBytes({ Socket.send(socket, $0) }) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock: try Self.wait(socket, for: POLLOUT, until: limit)
            case .endOfStream: throw .connectionLost("Redis ended the connection")
            case .failed(let error): throw .connectionLost(error.description)
            }
        }
    }

    private func reply(until limit: MonotonicTime) throws(ClientError) -> RedisValue {
        var scratch = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            if let (value, end) = RedisValue.parse(received[...]) {
                received.removeFirst(end)
                return value
            }
            guard received.count < Self.replyBytesMax else { throw .protocolViolation("a reply beyond 16 MiB") }
            // SAFETY: the pointer is used only inside the call, while the array is held exclusively.
            switch scratch.withUnsafeMutableBytes({ Socket.receive(socket, into: $0) }) {
            case .bytes(let count): received += scratch[..<count]
            case .wouldBlock: try Self.wait(socket, for: POLLIN, until: limit)
            case .endOfStream: throw .connectionLost("Redis ended the connection")
            case .failed(let error): throw .connectionLost(error.description)
            }
        }
    }

    private static func wait(
        _ socket: borrowing FileDescriptor, for events: Int32, until limit: MonotonicTime
    ) throws(ClientError) {
        while true {
            let left = limit - MonotonicTime.now
            guard left > .zero else { throw .timedOut("Redis did not answer in time") }
            var request = pollfd(fd: socket.raw, events: Int16(events), revents: 0)
            let count = poll(&request, 1, Int32(clamping: left.millisecondsRoundedUp))
            if count > 0 { return }
            guard count == 0 || errno == EINTR else { throw .connectionLost("poll failed") }
        }
    }
}

extension SocketAddress {
    /// 127.0.0.1 and a port.
    public static func loopback(_ port: UInt16) throws(ClientError) -> SocketAddress { try literal("127.0.0.1", port) }

    /// An address in figures and a port.
    public static func literal(_ host: String, _ port: UInt16) throws(ClientError) -> SocketAddress {
        do throws(ResolveError) {
            if let address = try SocketAddress.resolve(host: host, port: port).first { return address }
        } catch {
            throw .unreachable(error.description)
        }
        throw .unreachable("\(host) has no address")
    }
}

extension LocalRedis {
    /// A connection to its Unix socket.
    public func connect(deadline: Duration = .seconds(20)) throws(ClientError) -> RedisConnection {
        let address: SocketAddress
        do throws(SystemError) {
            address = try SocketAddress(unixPath: socketPath)
        } catch {
            throw .unreachable(error.description)
        }
        return try RedisConnection(to: address, deadline: deadline)
    }

    /// Sends one command on a connection of its own.
    /// - Throws: `ClientError.protocolViolation` with Redis's own words when it answers an error.
    @discardableResult
    public func command(_ words: String..., within deadline: Duration = .seconds(20)) throws(ClientError) -> RedisValue
    {
        let answer = try connect(deadline: deadline).command(words)
        if case .error(let text) = answer { throw .protocolViolation("\(words.first ?? ""): \(text)") }
        return answer
    }
}
