import Synchronization

/// What a load has come to so far, for whoever watches it. Added to by the loops, each turn.
public final class LoadProgress: Sendable {
    private let joinedCount = Atomic<Int>(0)
    private let receivedCount = Atomic<Int>(0)
    private let connectedCount = Atomic<Int>(0)
    private let disconnectCount = Atomic<Int>(0)

    public init() {}

    /// Clients that have got their first frame at least once.
    public var joined: Int { joinedCount.load(ordering: .acquiring) }
    /// Clients that are connected.
    public var connected: Int { connectedCount.load(ordering: .relaxed) }
    /// Receipts of threats of the load, by all clients together.
    public var deliveries: Int { receivedCount.load(ordering: .relaxed) }
    /// Connections that ended without the client's wish.
    public var disconnects: Int { disconnectCount.load(ordering: .relaxed) }

    func add(joined: Int = 0, connected: Int = 0, deliveries: Int = 0, disconnects: Int = 0) {
        if joined != 0 { joinedCount.add(joined, ordering: .acquiringAndReleasing) }
        if connected != 0 { connectedCount.add(connected, ordering: .relaxed) }
        if deliveries != 0 { receivedCount.add(deliveries, ordering: .relaxed) }
        if disconnects != 0 { disconnectCount.add(disconnects, ordering: .relaxed) }
    }
}
