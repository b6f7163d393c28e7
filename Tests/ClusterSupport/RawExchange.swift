package import Corpora
import Glibc
package import HTTPProtocol
package import PosixIO
package import TocsinClient

/// One connection on which bytes are sent as they are, cut as asked for, and everything that comes back is kept.
/// Owned and used by one thread.
package final class RawExchange {
    /// How the peer's side of the connection stands.
    package enum Ending: Equatable {
        case open
        case closed
        case reset
    }

    /// Everything received so far.
    package private(set) var received: [UInt8] = []
    /// The same as text.
    package var text: String { String(decoding: received, as: UTF8.self) }
    package private(set) var ending = Ending.open
    private let socket: FileDescriptor
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)

    /// - Throws: When no connection comes about in time (`Harness.deadline`).
    package convenience init(_ url: ServerURL) throws {
        guard let address = try SocketAddress.resolve(host: url.host, port: url.port).first else {
            throw HarnessError("\(url) has no address")
        }
        try self.init(address)
    }

    package init(_ address: SocketAddress) throws {
        socket = try Socket.connect(to: address)
        Socket.disableDelay(socket)
        guard wait(POLLOUT, until: .now + Harness.deadline) else {
            throw HarnessError("\(address) does not answer")
        }
        if let error = Socket.connectionError(socket) { throw error }
    }

    /// The port of this side.
    package func localPort() throws -> UInt16 { try Socket.localAddress(socket).port }

    /// Sends all pieces of an input, each with a system call of its own, and takes what comes back meanwhile. Stops
    /// when the peer has ended the connection.
    /// - Returns: Whether everything was taken.
    /// - Throws: When the peer takes nothing more (`Harness.deadline`).
    @discardableResult
    package func send(_ bytes: [UInt8], _ cutting: Cutting = .whole) throws -> Bool {
        for piece in cutting.pieces(of: bytes) {
            receiveAvailable()
            guard try sendWhole(piece) else { return false }
        }
        return true
    }

    /// Says that nothing more will be sent.
    package func finishSending() {
        Socket.finishSending(socket)
    }

    /// Receives until a condition holds, the peer has ended the connection, or the time is over.
    /// - Returns: Whether the condition holds.
    @discardableResult
    package func receive(atMost limit: Duration = Harness.deadline, until condition: () -> Bool) -> Bool {
        let deadline = MonotonicTime.now + limit
        while true {
            receiveAvailable()
            if condition() { return true }
            guard ending == .open, wait(POLLIN, until: deadline) else { return condition() }
        }
    }

    /// Receives until the peer has ended the connection.
    /// - Returns: Whether it did so in time.
    @discardableResult
    package func receiveToEnd(atMost limit: Duration = Harness.deadline) -> Bool {
        receive(atMost: limit) { ending != .open }
    }

    /// Receives until the peer has ended the connection or has said nothing for a while. For peers from which nothing
    /// more can be asked that would be answered; prefer a condition.
    package func receiveUntilQuiet(_ pause: Duration = .milliseconds(300)) {
        while ending == .open, wait(POLLIN, until: .now + pause) { receiveAvailable() }
    }

    /// What has been received, read as answers to requests with these methods.
    /// - Parameter methods: One for each answer expected; answers beyond them are read as answers to GET.
    package func answers(to methods: [HTTPMethod] = []) -> RawAnswers {
        RawAnswers(reading: received, methods, isEnded: ending != .open)
    }

    private func sendWhole(_ piece: [UInt8]) throws -> Bool {
        var rest = piece[...]
        while !rest.isEmpty {
            // SAFETY: the pointer is used only inside the call, while the slice lives.
            switch rest.withUnsafeBytes({ Socket.send(socket, $0) }) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock:
                guard wait(POLLOUT | POLLIN, until: .now + Harness.deadline) else {
                    throw HarnessError("the peer takes no more bytes")
                }
                receiveAvailable()
                if ending == .reset { return false }
            case .endOfStream, .failed:
                receiveAvailable()
                return false
            }
        }
        return true
    }

    private func receiveAvailable() {
        while ending == .open {
            // SAFETY: the pointer is used only inside the call, while the array is held exclusively.
            switch scratch.withUnsafeMutableBytes({ Socket.receive(socket, into: $0) }) {
            case .bytes(let count): received += scratch[..<count]
            case .wouldBlock: return
            case .endOfStream: ending = .closed
            case .failed: ending = .reset
            }
        }
    }

    /// - Returns: `false` when the time was over first.
    private func wait(_ events: Int32, until deadline: MonotonicTime) -> Bool {
        while true {
            let left = (deadline - MonotonicTime.now).millisecondsRoundedUp
            guard left > 0 else { return false }
            var entry = pollfd(fd: socket.raw, events: Int16(events), revents: 0)
            if poll(&entry, 1, Int32(min(left, 60_000))) > 0 { return true }
        }
    }
}

/// What a server has said on one connection, taken apart.
package struct RawAnswers {
    /// The final answers, in order.
    package private(set) var all: [HTTPReceivedResponse] = []
    /// What cannot be read as an answer, or is the beginning of one.
    package private(set) var error: String?
    /// How many `100 Continue` came.
    package private(set) var continueCount = 0

    package init(reading bytes: [UInt8], _ methods: [HTTPMethod], isEnded: Bool) {
        var decoder = HTTPResponseDecoder(bodyBytesMax: 64 << 20)
        for method in methods { decoder.sentRequest(method) }
        decoder.append(bytes.span)
        do {
            while let response = try decoder.nextResponse() { all.append(response) }
            if isEnded {
                try decoder.finish()
                if let last = try decoder.nextResponse() { all.append(last) }
            }
        } catch {
            self.error = "\(error)"
        }
        continueCount = Self.count(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), in: bytes)
    }

    /// The status codes of the final answers, in order.
    package var statuses: [Int] { all.map(\.head.status.rawValue) }

    private static func count(_ wanted: [UInt8], in bytes: [UInt8]) -> Int {
        guard bytes.count >= wanted.count else { return 0 }
        return (0...(bytes.count - wanted.count)).count { bytes[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }
}

extension RawExchange {
    /// Opens a feed without a history.
    package static let feedUpgrade = [
        "GET /ws?history=0 HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "",
    ].joined(separator: "\r\n")

    /// A client of the feed that has had its first frame and reads only when it is told to.
    package static func silentClient(of url: ServerURL) throws -> RawExchange {
        let connection = try RawExchange(url)
        try connection.send(Array(feedUpgrade.utf8))
        guard connection.receive(until: { connection.text.contains("\"initial_batch\"") }) else {
            throw HarnessError("no first frame: \(connection.text)")
        }
        return connection
    }
}
