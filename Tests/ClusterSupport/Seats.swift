import Synchronization

/// How many tests that start processes run side by side: most of what they do is wait, so more than there are cores.
/// Whoever comes first is let in first, so that a test which wants the machine for itself gets it.
package final class Seats: Sendable {
    private struct State {
        var free: Int
        var queue: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

        /// Those who can be let in, in the order they came.
        mutating func admitted() -> [CheckedContinuation<Void, Never>] {
            var admitted: [CheckedContinuation<Void, Never>] = []
            while let next = queue.first, next.count <= free {
                free -= next.count
                admitted.append(next.continuation)
                queue.removeFirst()
            }
            return admitted
        }
    }

    package let count: Int
    // Owner: whoever takes or returns seats. Nothing is called while it is held.
    private let state: Mutex<State>

    package init(count: Int) {
        precondition(count > 0, "somebody can sit")
        self.count = count
        state = Mutex(State(free: count))
    }

    /// Runs `body` with so many seats taken, after everybody who came before has got theirs.
    package func take<Result>(_ wanted: Int, _ body: () async throws -> Result) async rethrows -> Result {
        let taken = min(wanted, count)
        await withCheckedContinuation { continuation in
            let admitted = state.withLock { state in
                state.queue.append((taken, continuation))
                return state.admitted()
            }
            for each in admitted { each.resume() }
        }
        defer { give(back: taken) }
        return try await body()
    }

    private func give(back taken: Int) {
        let admitted = state.withLock { state in
            state.free += taken
            return state.admitted()
        }
        for each in admitted { each.resume() }
    }
}
