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
