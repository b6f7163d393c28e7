import DequeModule
import ThreatFeed

/// Names a filter that at least one client of this loop has.
public struct FilterClassID: Hashable, Sendable {
    private let number: UInt32
    var index: Int { Int(number) }

    init(index: Int) {
        number = UInt32(index)
    }

    /// The class of clients that get everything.
    public static let everything = FilterClassID(index: 0)
}

/// The filters in use, each held once: clients with the same filter share one decision per entry.
///
/// A class keeps the positions of the entries that match it, so that a client with a narrow filter costs nothing for
/// what passes it by.
struct FilterClasses {
    private struct FilterClass {
        let filter: Filter
        var clientCount: Int
        /// Every matching position from `decidedFrom` on, ascending.
        var matching: Deque<FeedPosition>
        var decidedFrom: FeedPosition

        /// Decides over the newest entry, and forgets what has left the ring.
        mutating func appended(_ facets: Facets?, at position: FeedPosition, tail: FeedPosition) {
            if FilterClasses.matches(filter, facets) { matching.append(position) }
            while let oldest = matching.first, oldest < tail { matching.removeFirst() }
        }
    }

    /// Index 0 stays empty: it stands for `everything`, which needs no list.
    private var classes: [FilterClass?] = [nil]
    private var indices: [Filter: Int] = [:]
    private var free: [Int] = []

    var count: Int { indices.count }

    /// Enters one client under its filter.
    /// - Parameter position: Where it continues; decisions are made for all the ring holds from there on.
    mutating func join(_ filter: Filter, from position: FeedPosition, in ring: Ring) -> FilterClassID {
        guard !filter.isUnrestricted else { return .everything }
        let start = max(position, ring.tail)
        if let index = indices[filter] {
            classes[index]?.clientCount += 1
            decideEarlier(index, from: start, in: ring)
            return FilterClassID(index: index)
        }
        var created = FilterClass(filter: filter, clientCount: 1, matching: [], decidedFrom: start)
        for position in start..<ring.head where Self.matches(filter, ring[position]) {
            created.matching.append(position)
        }
        let index = free.popLast() ?? classes.count
        if index == classes.count { classes.append(created) } else { classes[index] = created }
        indices[filter] = index
        return FilterClassID(index: index)
    }

    /// Takes one client out; a filter that nobody has is forgotten.
    /// - Returns: Whether it was: its id may then name another filter.
    mutating func leave(_ id: FilterClassID) -> Bool {
        guard id != .everything else { return false }
        guard let left = classes[id.index] else { preconditionFailure("a client leaves the class it is in") }
        if left.clientCount > 1 {
            classes[id.index]?.clientCount -= 1
            return false
        }
        classes[id.index] = nil
        indices[left.filter] = nil
        free.append(id.index)
        return true
    }

    /// Decides for every class over the entry that the ring just took.
    mutating func appended(to ring: Ring) {
        guard !indices.isEmpty else { return }
        let position = ring.head - 1
        let tail = ring.tail
        let facets = ring[position].facets
        // In place: a class taken out would have its list copied.
        for index in classes.indices { classes[index]?.appended(facets, at: position, tail: tail) }
    }

    /// The first `limit` positions at or after `position` that clients of the class get, and the last before it that
    /// the ring still holds.
    func matching(
        _ id: FilterClassID, from position: FeedPosition, limit: Int
    ) -> (positions: [FeedPosition], previous: FeedPosition?) {
        guard let list = classes[id.index]?.matching else {
            preconditionFailure("a class in use has a list")
        }
        var low = list.startIndex
        var high = list.endIndex
        while low < high {
            let middle = (low + high) / 2
            if list[middle] < position { low = middle + 1 } else { high = middle }
        }
        let previous = low > list.startIndex ? list[low - 1] : nil
        return (Array(list[low..<min(list.endIndex, low + limit)]), previous)
    }

    static func matches(_ filter: Filter, _ entry: FeedEntry) -> Bool {
        matches(filter, entry.facets)
    }

    private static func matches(_ filter: Filter, _ facets: Facets?) -> Bool {
        guard let facets else { return true }
        return filter.matches(facets)
    }

    private mutating func decideEarlier(_ index: Int, from start: FeedPosition, in ring: Ring) {
        guard let known = classes[index], start < known.decidedFrom else { return }
        let end = min(known.decidedFrom, ring.head)
        let earlier = (start..<end).filter { Self.matches(known.filter, ring[$0]) }
        classes[index]?.matching.insert(contentsOf: earlier, at: 0)
        classes[index]?.decidedFrom = start
    }
}
