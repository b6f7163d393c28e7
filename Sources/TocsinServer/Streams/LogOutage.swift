import Broadcast
import PosixIO
import ThreatFeed
import WebSocketProtocol

/// A time in which a replica cannot follow a log, as its loops hear of it.
struct LogOutage: Hashable, Sendable {
    /// When something was last heard of the log, RFC 3339.
    let since: String
    /// Whether other replicas followed the log too, as far as was known: clients may find it there.
    let hasOthers: Bool
}

/// When the clients of a lane are handed on to other replicas in an outage. Sans I/O.
///
/// They come to the other replicas on top of those that are there already, so they go one after the other.
struct OutageCourse {
    let outage: LogOutage
    private let began: Tick
    private let patience: Duration
    private let spread: Duration
    /// The last client goes no later than this after the first, as long as the bound on streams allows.
    private static let spreadMin = Duration.seconds(10)

    /// - Parameters:
    ///   - patience: How long a client stays; zero for ever.
    ///   - clients: How many there are.
    ///   - perSecondMax: Streams that others may be expected to start in a second.
    init(_ outage: LogOutage, began: Tick, patience: Duration, clients: Int, perSecondMax: Int) {
        self.outage = outage
        self.began = began
        self.patience = patience
        spread = max(Self.spreadMin, .seconds(clients / perSecondMax))
    }

    /// How long a client stays that is told of the outage; `nil` for ever, as where no replica is known that does better.
    ///
    /// One that came during the outage was sent here by somebody who knew no better place, so it waits for as long as
    /// the outage had lasted then: what is wrong with all replicas must not keep all clients on the move.
    func stay(told: Tick, using random: inout some RandomNumberGenerator) -> Duration? {
        guard outage.hasOthers, patience > .zero else { return nil }
        let age = Tick.duration * Int(told.count - min(began.count, told.count))
        return max(patience, age) + spread * Double.random(in: 0..<1, using: &random)
    }
}

extension EventLoop {
    /// Clients looked at in one turn when all are to be told.
    private static let toldPerTurn = 512

    /// The log of a lane can no longer be followed.
    func beginOutage(_ outage: LogOutage, _ lane: Lane) {
        lane.logOutage = OutageCourse(
            outage, began: tick, patience: shared.configuration.handOnAfter, clients: lane.sweep.clients.count,
            perSecondMax: max(1, shared.limits.streamsPerSecondMax / shared.loops.count))
        lane.outagesBegun = lane.outagesBegun == .max ? 1 : lane.outagesBegun + 1
        lane.untoldSlot = 0
    }

    /// The log is followed again, and what had been missed is in the ring.
    func endOutage(_ lane: Lane) {
        lane.logOutage = nil
        lane.untoldSlot = 0
    }

    /// Tells the next clients of a lane what has become of the log, a slice in each turn.
    func tellSlice(_ lane: Lane) {
        guard let first = lane.untoldSlot else { return }
        let end = min(first + Self.toldPerTurn, connections.slotCount)
        for slot in first..<end {
            guard let connection = connections.connection(inSlot: slot), connection.pointee.lane === lane else {
                continue
            }
            tellOfLog(connection)
        }
        lane.untoldSlot = end < connections.slotCount ? end : nil
    }

    /// Tells a client whether the log is followed, unless it knows. One that does not read what it is sent hears later.
    func tellOfLog(_ connection: UnsafeMutablePointer<Connection>) {
        let lane = connection.pointee.lane
        let course = lane.logOutage
        // One outage may follow another before a client that reads slowly can be told of the first one's end.
        let news = course == nil ? 0 : lane.outagesBegun
        guard connection.pointee.outageKnown != news, connection.pointee.isStreaming,
            !connection.pointee.awaitsFirstFrame, !connection.pointee.isSendBlocked
        else { return }
        connection.pointee.outageKnown = news
        enqueueHeartbeat(connection)
        // In a drain everybody is handed on by that.
        guard !shared.status.isDraining else { return }
        connection.pointee.deadline = course?.stay(told: tick, using: &random).map { tick + $0 }
    }

    /// A heartbeat says how far the client has been sent everything, and whether more can come.
    func enqueueHeartbeat(_ connection: UnsafeMutablePointer<Connection>) {
        let cursor = connection.pointee.cursor
        let since = connection.pointee.lane.logOutage?.outage.since
        enqueue(
            .heartbeat, FeedFrame.heartbeat(cursor: cursor, unreachableSince: since), cursor: cursor, connection)
    }

    /// Sends a client to another replica, if it has stayed as long as it should with one that cannot follow the log.
    /// - Returns: Whether that was what its deadline was for.
    func handOn(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        let lane = connection.pointee.lane
        guard connection.pointee.isStreaming, !shared.status.isDraining else { return false }
        // The outage is over, and the client is yet to be told: it stays.
        guard let course = lane.logOutage else { return true }
        lane.metrics.handedOn.add(1)
        endStream(
            connection, code: .tryAgainLater,
            reason: "no log here since \(course.outage.since); resume after \(connection.pointee.cursor)")
        return true
    }
}
