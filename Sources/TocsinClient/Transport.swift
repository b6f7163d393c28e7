import Glibc
import PosixIO

/// One non-blocking stream socket of a client. Owned and used by one thread.
final class Transport {
    private let socket: FileDescriptor

    /// Starts connecting; the socket becomes writable when that is decided.
    init(connectingTo address: SocketAddress) throws(SystemError) {
        socket = try Socket.connect(to: address)
        Socket.disableDelay(socket)
    }

    var descriptor: Int32 { socket.raw }

    /// How connecting went, once the socket is writable.
    var connectionError: SystemError? { Socket.connectionError(socket) }

    /// Receives at most `scratch.count` bytes to the beginning of `scratch`.
    func receive(into scratch: inout [UInt8]) -> TransferResult {
        // SAFETY: the pointer is used only inside the call, while the array is held exclusively.
        scratch.withUnsafeMutableBytes { Socket.receive(socket, into: $0) }
    }

    func send(_ bytes: ArraySlice<UInt8>) -> TransferResult {
        // SAFETY: the pointer is used only inside the call, while the slice lives.
        bytes.withUnsafeBytes { Socket.send(socket, $0) }
    }

    /// Sleeps until the socket is ready, broken, or the time is over.
    /// - Returns: `false` when the time was over first.
    func wait(for events: PollEvents, until deadline: MonotonicTime) -> Bool {
        while true {
            let left = (deadline - MonotonicTime.now).millisecondsRoundedUp
            guard left > 0 else { return false }
            let wanted: Int32 = (events.contains(.readable) ? POLLIN : 0) | (events.contains(.writable) ? POLLOUT : 0)
            var entry = pollfd(fd: descriptor, events: Int16(wanted), revents: 0)
            let count = poll(&entry, 1, Int32(min(left, 60_000)))
            if count > 0 { return true }
        }
    }

    /// Connects within a deadline, trying each address in turn.
    /// - Throws: `ClientError.unreachable` or `timedOut`.
    static func connect(to url: ServerURL, until deadline: MonotonicTime) throws(ClientError) -> Transport {
        var failure = "no address"
        for address in try url.addresses() {
            do throws(SystemError) {
                let transport = try Transport(connectingTo: address)
                guard transport.wait(for: .writable, until: deadline) else {
                    throw SystemError(code: ETIMEDOUT, operation: "connect")
                }
                guard let error = transport.connectionError else { return transport }
                failure = error.description
            } catch {
                failure = error.description
            }
        }
        throw .unreachable("\(url): \(failure)")
    }

    /// Sends everything within a deadline.
    /// - Throws: `ClientError.connectionLost` or `timedOut`.
    func sendAll(_ bytes: [UInt8], until deadline: MonotonicTime) throws(ClientError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch send(rest) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock:
                guard wait(for: .writable, until: deadline) else { throw .timedOut("the peer takes no more bytes") }
            case .endOfStream: throw .connectionLost("the peer closed the connection")
            case .failed(let error): throw .connectionLost(error.description)
            }
        }
    }

    /// Receives what there is within a deadline.
    /// - Returns: How many bytes stand at the beginning of `scratch`; 0 when the peer has sent its last.
    /// - Throws: `ClientError.connectionLost` or `timedOut`.
    func receiveSome(into scratch: inout [UInt8], until deadline: MonotonicTime) throws(ClientError) -> Int {
        while true {
            switch receive(into: &scratch) {
            case .bytes(let count): return count
            case .endOfStream: return 0
            case .failed(let error): throw .connectionLost(error.description)
            case .wouldBlock:
                guard wait(for: .readable, until: deadline) else { throw .timedOut("no answer in time") }
            }
        }
    }
}
