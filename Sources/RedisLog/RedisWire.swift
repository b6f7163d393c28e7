import PosixIO

/// One connected (or connecting) socket with what belongs to it alone.
final class RedisWire {
    let socket: FileDescriptor
    let reader: ReplyReader
    private let poller: Poller
    private let token: PollToken
    private var output: [UInt8] = []
    private var sentCount = 0
    private var interest: PollEvents

    /// Registers the socket for the end of connecting.
    init(
        socket: consuming FileDescriptor, reader: ReplyReader, poller: Poller, token: PollToken
    ) throws(SystemError) {
        self.reader = reader
        self.poller = poller
        self.token = token
        interest = [.writable]
        let raw = socket.raw
        self.socket = socket
        try poller.add(raw, interest, token: token)
    }

    func connected() throws(SystemError) {
        Socket.disableDelay(socket)
        try watch([.readable, .peerClosed])
    }

    func enqueue(_ command: RedisCommand) {
        command.format(into: &output)
    }

    /// Sends what is enqueued in one call, and asks for `writable` while something is left.
    func flush() throws(SystemError) {
        while sentCount < output.count {
            let result = output.withUnsafeBytes { bytes in
                Socket.send(socket, UnsafeRawBufferPointer(rebasing: bytes[sentCount...]))
            }
            switch result {
            case .bytes(let count): sentCount += count
            case .wouldBlock, .endOfStream:
                try watch([.readable, .peerClosed, .writable])
                return
            case .failed(let error): throw error
            }
        }
        sentCount = 0
        // A buffer that one burst made large is given back.
        output.removeAll(keepingCapacity: output.capacity <= 1 << 20)
        try watch([.readable, .peerClosed])
    }

    private func watch(_ events: PollEvents) throws(SystemError) {
        guard events != interest else { return }
        interest = events
        try poller.modify(socket.raw, events, token: token)
    }
}
