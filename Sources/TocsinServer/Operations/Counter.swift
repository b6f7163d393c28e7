import Synchronization

/// A number that its owner changes and anybody may read.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    func add(_ delta: Int) {
        guard delta != 0 else { return }
        count.wrappingAdd(delta, ordering: .relaxed)
    }

    func set(_ value: Int) {
        count.store(value, ordering: .relaxed)
    }

    var value: Int { count.load(ordering: .relaxed) }
}

/// How many connections there are over all loops, and the bound on them.
final class ConnectionCount: Sendable {
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
