import CCounters

/// Counts that do not depend on what else the machine does.
enum Counting {
    /// How often `body` allocates.
    static func allocations(_ body: () -> Void) -> Int {
        let before = counters_allocations()
        body()
        return Int(counters_allocations() - before)
    }

    /// How many instructions `body` takes.
    ///
    /// It runs in a copy of this process, so what it does to memory is undone, and what it does to descriptors is not.
    /// - Returns: `nil` where a process may not trace its child.
    static func instructions(_ body: () -> Void) -> Int? {
        guard let empty = raw({}), let whole = raw(body) else { return nil }
        return whole - empty
    }

    private static func raw(_ body: () -> Void) -> Int? {
        withoutActuallyEscaping(body) { body in
            var context = body
            let count = withUnsafeMutablePointer(to: &context) { context in
                // SAFETY: the closure lives until the child, which has a copy of it, has ended.
                counters_instructions({ $0?.assumingMemoryBound(to: (() -> Void).self).pointee() }, context)
            }
            return count < 0 ? nil : Int(count)
        }
    }
}
