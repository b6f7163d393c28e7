import PosixIO
package import TocsinClient

/// Sends everything, says that nothing more comes, and reads to the end: what `nc -N` does.
package struct HalfClosingClient {
    private let url: ServerURL

    package init(_ url: ServerURL) {
        self.url = url
    }

    /// - Throws: When the server does not end the connection in time (`Harness.deadline`), or resets it.
    package func exchange(_ bytes: [UInt8]) throws -> [UInt8] {
        let socket = try Socket.connect(to: try SocketAddress.resolve(host: url.host, port: url.port)[0])
        let poller = try Poller()
        try poller.add(socket.raw, .writable, token: PollToken(slot: 0, generation: 0))
        _ = poller.wait(timeoutMilliseconds: Harness.deadlineMilliseconds)
        guard bytes.withUnsafeBytes({ Socket.send(socket, $0) }) == .bytes(bytes.count) else {
            throw HarnessError("the request does not fit into one send")
        }
        Socket.finishSending(socket)
        try poller.modify(socket.raw, .readable, token: PollToken(slot: 0, generation: 0))
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let deadline = MonotonicTime.now + Harness.deadline
        while MonotonicTime.now < deadline {
            _ = poller.wait(timeoutMilliseconds: 1_000)
            switch buffer.withUnsafeMutableBytes({ Socket.receive(socket, into: $0) }) {
            case .bytes(let count): received += buffer[..<count]
            case .wouldBlock: continue
            case .endOfStream: return received
            case .failed(let error): throw error
            }
        }
        throw HarnessError("the connection was not closed")
    }
}
