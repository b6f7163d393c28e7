import PosixIO
public import TocsinClient

/// A dashboard that opens the feed and never reads from it. Closed when its owner lets go of it.
public final class StalledClient: Sendable {
    private let socket: FileDescriptor

    private static let request = """
        GET /ws?history=0 HTTP/1.1\r
        Host: stalled\r
        Upgrade: websocket\r
        Connection: Upgrade\r
        Sec-WebSocket-Key: c3RhbGxlZCBkYXNoYm9hcg==\r
        Sec-WebSocket-Version: 13\r
        \r

        """

    /// Connects to a replica on the loopback interface and asks for the feed.
    public init(port: UInt16) throws(ClientError) {
        let address = try SocketAddress.loopback(port)
        do throws(SystemError) {
            socket = try Socket.connect(to: address)
        } catch {
            throw .unreachable(error.description)
        }
        let deadline = MonotonicTime.now + .seconds(20)
        var rest = Array(Self.request.utf8)[...]
        while !rest.isEmpty {
            // SAFETY: the pointer is used only inside the call, while the slice lives.
            switch rest.withUnsafeBytes({ Socket.send(socket, $0) }) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock where MonotonicTime.now < deadline: Pause.sleep(.milliseconds(5))
            case .failed, .wouldBlock, .endOfStream: throw .unreachable("port \(port): nobody listens")
            }
        }
    }
}
