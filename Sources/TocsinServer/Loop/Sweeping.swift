import Broadcast
import PosixIO

/// One pass over the clients of a feed, cut into slices so that a loop with many of them serves others in between.
///
/// Between passes lies a pause in proportion to what the last one cost and carried: each call to a socket costs as much
/// as copying dozens of entries, so the busier the feed, the more entries should share one. An entry that comes after
/// some silence is sent at once.
struct Sweep {
    /// Clients visited in one turn: a few milliseconds of system calls.
    static let clientsPerSlice = 512
    private static let pausePerEntry = Duration.microseconds(100)
    private static let pauseMax = Duration.milliseconds(5)

    /// Every client in the feed, in no order.
    // SAFETY: a slot's address does not change, and a connection leaves this list before its slot is let go of.
    var clients: [UnsafeMutablePointer<Connection>] = []
    /// The next client of the pass under way; 0 when none is.
    private(set) var nextIndex = 0
    /// Whether entries came since the pass began.
    private(set) var isWanted = false
    private var began = MonotonicTime(nanoseconds: 0)
    private var entriesCarried = 0
    /// When the next pass may begin.
    private(set) var notBefore = MonotonicTime(nanoseconds: 0)

    /// What came since the last pass began.
    private(set) var unsentEntries = 0
    private(set) var unsentBytes = 0

    /// Whether there are clients to be visited, soon or later.
    var isPending: Bool { isWanted || nextIndex > 0 }

    /// Whether there are clients to be visited in this turn.
    func isDue(now: MonotonicTime) -> Bool { nextIndex > 0 || isWanted && now >= notBefore }

    /// Notes an entry for every client.
    mutating func want(byteCount: Int) {
        isWanted = true
        unsentEntries += 1
        unsentBytes += byteCount
    }

    /// Notes that a client has moved to an index, which the pass under way may have left behind.
    mutating func moved(to index: Int) {
        if index < nextIndex { isWanted = true }
    }

    /// Begins a pass unless one is under way.
    mutating func beginIfNeeded(now: MonotonicTime) {
        guard nextIndex == 0 else { return }
        began = now
        entriesCarried = unsentEntries
        isWanted = false
        unsentEntries = 0
        unsentBytes = 0
    }

    /// Notes that every client before `index` has been visited.
    mutating func advance(to index: Int) {
        nextIndex = index
    }

    /// Ends the pass if every client has been visited.
    mutating func finishIfComplete(now: MonotonicTime) {
        guard nextIndex >= clients.count else { return }
        nextIndex = 0
        notBefore = now + min(Self.pauseMax, max(now - began, Self.pausePerEntry * entriesCarried))
    }
}

extension EventLoop {
    /// Gives the next clients of a lane's feed everything they lack.
    func sweepSlice(_ lane: Lane) {
        guard lane.sweep.isPending, let feed = lane.feed else { return }
        lane.sweep.beginIfNeeded(now: .now)
        let end = lane.sweep.nextIndex + Sweep.clientsPerSlice
        // Clients may leave while their sockets are written to; the last one then takes the place of who left.
        while lane.sweep.nextIndex < min(end, lane.sweep.clients.count) {
            // One that does not reach the head would leave its clients with something to come.
            if let batch = feed.lastBatch, batch.end == feed.ring.head, batch.bytes.count > 0 {
                sendShared(batch, of: feed, lane, before: end)
                guard lane.sweep.nextIndex < min(end, lane.sweep.clients.count) else { break }
            }
            let connection = lane.sweep.clients[lane.sweep.nextIndex]
            lane.sweep.advance(to: lane.sweep.nextIndex + 1)
            send(connection)
        }
        lane.sweep.finishIfComplete(now: .now)
    }

    /// Sends a batch to one client after the other as long as it is just what they need, which nearly all do: they stand
    /// at the same place. Stops before the first who needs something else.
    private func sendShared(_ batch: Batch, of feed: Feed, _ lane: Lane, before end: Int) {
        let clients = lane.sweep.clients
        var index = lane.sweep.nextIndex
        var delivered = 0
        defer { lane.metrics.deliveredEntries.add(delivered) }
        while index < min(end, clients.count) {
            let connection = clients[index]
            guard connection.pointee.takesFeedOnly, batch.serves(connection.pointee.client) else { break }
            let result = Socket.send(connection.pointee.socket, batch.bytes)
            index += 1
            guard case .bytes(batch.bytes.count) = result else {
                lane.sweep.advance(to: index)
                settle(result, of: batch, in: feed, connection)
                return
            }
            connection.pointee.lastSent = tick
            delivered += feed.advance(&connection.pointee.client, past: batch)
        }
        lane.sweep.advance(to: index)
    }
}
