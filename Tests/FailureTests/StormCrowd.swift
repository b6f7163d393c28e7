import ClusterSupport
import PosixIO
import TocsinClient

/// Thousands of clients of the feed on one thread that cost this process next to nothing: they keep what they are sent
/// and understand none of it until they have it all.
final class StormCrowd {
    final class Member {
        fileprivate(set) var socket: FileDescriptor?
        fileprivate let request: [UInt8]
        fileprivate(set) var received: [UInt8] = []
        /// Whether something came behind the answer to the upgrade.
        fileprivate(set) var hasFirstFrame = false
        fileprivate(set) var isDone = false
        /// Connections that ended before everything had come.
        fileprivate(set) var failures = 0
        fileprivate var generation: UInt32 = 0
        fileprivate var isAsking = false

        fileprivate init(target: String) {
            request = Array(
                [
                    "GET \(target) HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: Upgrade",
                    "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "",
                ].joined(separator: "\r\n").utf8)
        }

        /// The ids of the threats it was sent, in order.
        var ids: [String] {
            let mark = "\"id\":\""
            var ids: [String] = []
            var rest = String(decoding: received, as: UTF8.self)[...]
            while let start = rest.firstRange(of: mark) {
                rest = rest[start.upperBound...]
                ids.append(String(rest.prefix { $0 != "\"" }))
            }
            return ids
        }

        /// Whether its first frame is `resumed`.
        var isResumed: Bool { String(decoding: received.prefix(600), as: UTF8.self).contains("\"resumed\"") }
    }

    let members: [Member]
    private let address: SocketAddress
    private let poller: Poller
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)
    private let lastID: [UInt8]

    /// Opens a connection for each target.
    /// - Parameter lastID: The id of the threat with which a client has everything.
    init(_ url: ServerURL, targets: [String], lastID: String) throws {
        guard let address = try SocketAddress.resolve(host: url.host, port: url.port).first else {
            throw HarnessError("\(url) has no address")
        }
        self.address = address
        self.lastID = Array("\"id\":\"\(lastID)\"".utf8)
        poller = try Poller()
        members = targets.map(Member.init)
        for index in members.indices { try connect(index) }
    }

    /// Lets everybody send and receive until a condition holds.
    /// - Returns: Whether it came to hold in time (`Harness.deadline`).
    func run(until condition: () throws -> Bool) throws -> Bool {
        let deadline = MonotonicTime.now + Harness.deadline
        while try !condition() {
            guard MonotonicTime.now < deadline else { return false }
            for position in 0..<poller.wait(timeoutMilliseconds: 50) {
                let (token, _) = poller.event(at: position)
                guard members[Int(token.slot)].generation == token.generation else { continue }
                try serve(Int(token.slot))
            }
        }
        return true
    }

    private func connect(_ index: Int) throws {
        let member = members[index]
        let socket = try Socket.connect(to: address)
        member.generation += 1
        member.isAsking = true
        member.received = []
        try poller.add(socket.raw, .writable, token: PollToken(slot: UInt32(index), generation: member.generation))
        member.socket = consume socket
    }

    private func serve(_ index: Int) throws {
        let member = members[index]
        guard let raw = member.socket?.raw else { return }
        if member.isAsking {
            guard ask(member) else { return try fail(index) }
            member.isAsking = false
            try poller.modify(raw, .readable, token: PollToken(slot: UInt32(index), generation: member.generation))
            return
        }
        switch receive(member) {
        case .bytes(let count): take(scratch[..<count], member)
        case .wouldBlock: break
        case .endOfStream, .failed: try fail(index)
        }
    }

    private func ask(_ member: Member) -> Bool {
        switch member.socket {
        case .some(let socket):
            member.request.withUnsafeBytes { Socket.send(socket, $0) } == .bytes(member.request.count)
        case .none: false
        }
    }

    private func receive(_ member: Member) -> TransferResult {
        switch member.socket {
        // SAFETY: the pointer is used only inside the call, while the array is held exclusively.
        case .some(let socket): scratch.withUnsafeMutableBytes { Socket.receive(socket, into: $0) }
        case .none: .endOfStream
        }
    }

    private func take(_ bytes: ArraySlice<UInt8>, _ member: Member) {
        member.received += bytes
        if !member.hasFirstFrame, member.received.starts(with: "HTTP/1.1 101".utf8), member.received.last != 0x0A {
            member.hasFirstFrame = true
        }
        let end = String(decoding: member.received.suffix(400), as: UTF8.self)
        if end.contains(String(decoding: lastID, as: UTF8.self)) { member.isDone = true }
    }

    /// Refused or cut off: once more.
    private func fail(_ index: Int) throws {
        guard !members[index].isDone else { return }
        members[index].failures += 1
        members[index].hasFirstFrame = false
        members[index].socket = nil
        guard members[index].failures < 100 else { throw HarnessError("client \(index) is refused again and again") }
        try connect(index)
    }
}
