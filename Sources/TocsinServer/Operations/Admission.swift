import Synchronization

/// How many there are of something over all loops, and the bound on them.
final class BoundedCount: Sendable {
    private let count = Atomic<Int>(0)

    /// - Returns: Whether one more is allowed; it then counts.
    func enter(limit: Int) -> Bool {
        if count.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
        leave()
        return false
    }

    func leave() {
        count.wrappingSubtract(1, ordering: .relaxed)
    }

    var value: Int { count.load(ordering: .relaxed) }
}

/// Who may connect: how many connections there are in all, from one source, and without a request so far.
final class Admission: Sendable {
    /// Why a connection is not taken.
    enum Refusal: String {
        case total = "The replica serves as many connections as it may; try another."
        case source = "The replica serves as many connections from this address as it may."
        case pending = "Too many connections wait for their first request; try again."
        case descriptors = "The replica has no descriptor left for another connection; try another."
    }

    let connections = BoundedCount()
    let pending = BoundedCount()
    // Owner: whichever loop takes or ends a connection. Nothing is called while it is held. No source stands here
    // without a connection, so there are at most `connectionsMax`.
    private let sources = Mutex<[UInt64: Int]>([:])

    /// Counts a connection that has just come.
    /// - Returns: Why it may not stay; it is then not counted.
    func enter(source: UInt64, _ limits: Limits) -> Refusal? {
        guard connections.enter(limit: limits.connectionsMax) else { return .total }
        guard pending.enter(limit: limits.pendingHandshakesMax) else {
            connections.leave()
            return .pending
        }
        let isWithin = sources.withLock { sources in
            guard sources[source, default: 0] < limits.connectionsPerAddressMax else { return false }
            sources[source, default: 0] += 1
            return true
        }
        guard isWithin else {
            pending.leave()
            connections.leave()
            return .source
        }
        return nil
    }

    func leave(source: UInt64, isPending: Bool) {
        if isPending { pending.leave() }
        connections.leave()
        sources.withLock { sources in
            guard let count = sources[source], count > 1 else {
                sources[source] = nil
                return
            }
            sources[source] = count - 1
        }
    }
}
