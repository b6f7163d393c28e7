import Broadcast
import Glibc
import PosixIO
import ThreatFeed

@testable import RedisLog
@testable import TocsinServer

/// An entry from the bytes of its pub/sub message to the last send. What a client costs must not allocate.
enum DeliveryWorkloads {
    static var all: [Workload] { [1, 100, 1_000].map(delivery) }

    private static func delivery(_ clientCount: Int) -> Workload {
        let clients = Clients(clientCount)
        let path = DeliveryPath(clients)
        var sequence = DeliveryPath.start
        var bytes: [UInt8] = []
        return Workload(
            name: "delivery-clients-\(clientCount)",
            prepare: {
                clients.drain()
                // One that is only prepared goes on from the last that was delivered.
                sequence = path.head.sequence + 1
                bytes = Samples.message(sequence: sequence)
            },
            body: { path.receive(bytes) })
    }
}

/// What a replica does with what its subscription receives, without the loop around it.
private final class DeliveryPath {
    static let start: UInt64 = 1_000_000

    private let reader = ReplyReader(replyBytesMax: 1 << 20)
    private var tracker = FeedTracker()
    private let feed: Feed
    private let clients: Clients

    var head: Cursor { tracker.head }

    init(_ clients: Clients) {
        self.clients = clients
        let cursor = Cursor(generation: 1, sequence: Self.start)
        feed = Feed(bounds: Ring.Bounds(entriesMax: 64, bytesMax: 1 << 20), startingAfter: cursor)
        let head = LogHead(cursor: cursor, resumableFrom: .zero, forkedAt: .zero)
        for action in tracker.subscribed() {
            if case .readNewest(let number, _) = action {
                _ = tracker.newestAnswered(number, LogPage(entries: [], head: head))
            }
        }
        precondition(tracker.isLive && tracker.head == cursor, "the tracker follows the log")
        for client in clients.all {
            client.position = feed.join(at: feed.ring.head, after: cursor, filter: .everything, form: .webSocket)
        }
        // The ring is full, and so nothing grows any more.
        for _ in 0..<128 {
            receive(Samples.message(sequence: tracker.head.sequence + 1))
            clients.drain()
        }
    }

    func receive(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { try? reader.feed($0) }
        guard let reply = try? reader.next(), let payload = reply.elements?.last?.bytes,
            let message = FeedMessage(payload)
        else { fatalError("the sample is a message of the feed") }
        for action in tracker.received(message.entries) {
            guard case .deliver(let entries) = action else { fatalError("the sample follows what came before") }
            for entry in EntryEncoding.entries(entries) { feed.append(entry) }
        }
        for client in clients.all { client.sendEntries(of: feed) }
    }
}

/// Clients behind sockets, whose other ends lie in this process.
private final class Clients {
    final class Client {
        let socket: FileDescriptor
        let peer: FileDescriptor
        var position = ClientPosition.outside

        init(socket: consuming FileDescriptor, peer: consuming FileDescriptor) {
            self.socket = socket
            self.peer = peer
        }

        /// Sends what it lacks, the batch before this client's if that is the same.
        func sendEntries(of feed: Feed) {
            while !feed.isAtHead(position) {
                let batch: Broadcast.Batch
                if let last = feed.lastBatch, last.serves(position) {
                    batch = last
                } else {
                    batch = feed.batch(for: position)
                }
                guard case .bytes(batch.bytes.count) = Socket.send(socket, batch.bytes) else {
                    fatalError("a socket that was read empty takes one entry")
                }
                _ = feed.advance(&position, past: batch)
            }
        }
    }

    let all: [Client]

    init(_ count: Int) {
        precondition(SystemFigures.raiseDescriptorLimit() >= 2 * count + 256, "both ends of all sockets can be open")
        all = (0..<count).map { _ in
            var raw: (Int32, Int32) = (-1, -1)
            let status = withUnsafeMutableBytes(of: &raw) { raw in
                socketpair(
                    AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0,
                    raw.bindMemory(to: Int32.self).baseAddress)
            }
            precondition(status == 0, "a pair of sockets can be made")
            return Client(socket: FileDescriptor(raw: raw.0), peer: FileDescriptor(raw: raw.1))
        }
    }

    /// Reads all that was sent.
    func drain() {
        withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
            for client in all {
                while case .bytes = Socket.receive(client.peer, into: buffer) {}
            }
        }
    }
}
