/// A clock that nobody waits for: events run in the order of their time, and of their making when times are equal.
final class VirtualTime {
    private struct Event {
        let due: Int
        let number: Int
        let action: () -> Void

        func isBefore(_ other: Event) -> Bool { due == other.due ? number < other.number : due < other.due }
    }

    /// Microseconds since the beginning.
    private(set) var now = 0
    /// A binary heap, the next event first.
    private var events: [Event] = []
    private(set) var scheduledCount = 0

    /// Lets something happen later.
    func after(_ microseconds: Int, _ action: @escaping () -> Void) {
        scheduledCount += 1
        events.append(Event(due: now + max(0, microseconds), number: scheduledCount, action: action))
        var child = events.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard events[child].isBefore(events[parent]) else { return }
            events.swapAt(child, parent)
            child = parent
        }
    }

    /// Moves the clock to the next event and runs it.
    /// - Returns: Whether there was one.
    func runNext() -> Bool {
        guard let first = events.first else { return false }
        let last = events.removeLast()
        if !events.isEmpty {
            events[0] = last
            sink()
        }
        now = first.due
        first.action()
        return true
    }

    /// Forgets what has not happened, and with it what it keeps alive.
    func clear() {
        events = []
    }

    private func sink() {
        var parent = 0
        while true {
            var least = 2 * parent + 1
            guard least < events.count else { return }
            if least + 1 < events.count, events[least + 1].isBefore(events[least]) { least += 1 }
            guard events[least].isBefore(events[parent]) else { return }
            events.swapAt(parent, least)
            parent = least
        }
    }
}
