import Synchronization

/// How many bytes all loops hold for their clients: unfinished requests and messages, and output that waits for its
/// socket. The ring is not among them: it is shared, and has a bound of its own.
///
/// Each client is bounded too, but all of them at their bounds would be more than any machine has.
final class BufferBudget: Sendable {
    private let held = Atomic<Int>(0)
    private let bytesMax: Int

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    func add(_ delta: Int) {
        held.wrappingAdd(delta, ordering: .relaxed)
    }

    var bytes: Int { held.load(ordering: .relaxed) }

    /// Whether clients are to be refused what would make the replica hold more.
    var isExhausted: Bool { bytes >= bytesMax }
}
