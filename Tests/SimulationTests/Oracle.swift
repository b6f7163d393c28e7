import RedisLog
import ThreatFeed

/// What has happened, seen from outside: the judge of what replicas told their clients.
final class Oracle {
    private struct Instance: Hashable {
        let cursor: Cursor
        let id: String

        init(_ entry: LogEntry) {
            cursor = entry.cursor
            id = entry.record.id
        }
    }

    /// Ids that retention let go of: these may come again.
    private(set) var trimmed: Set<String> = []
    private(set) var acknowledged: Set<String> = []
    /// Acknowledged, and still in Redis or in the ring of a living replica.
    private(set) var owed: Set<String> = []
    var deliveredCount = 0
    var resetCount = 0
    var notRecoveredCount = 0
    private(set) var lossCount = 0

    private unowned let world: World
    private var predecessors: [Instance: Instance?] = [:]
    /// Where each id stood first.
    private var firstPlaces: [String: Cursor] = [:]
    private var idsShown: [Cursor: String] = [:]

    init(world: World) {
        self.world = world
    }

    func appended(_ entry: LogEntry, after predecessor: LogEntry?) {
        world.trace("redis appends \(entry.cursor) \(entry.record.id)")
        if firstPlaces[entry.record.id] == nil { firstPlaces[entry.record.id] = entry.cursor }
        predecessors[Instance(entry)] = .some(predecessor.map(Instance.init))
    }

    func trimmed(_ ids: [String]) {
        world.trace("redis trims \(ids.count)")
        trimmed.formUnion(ids)
        owed.subtract(ids)
    }

    func acknowledged(_ id: String) {
        world.trace("acknowledged \(id)")
        guard acknowledged.insert(id).inserted, !trimmed.contains(id) else { return }
        guard world.master.log.places[id] != nil || held.contains(id) else { return }
        owed.insert(id)
    }

    /// Redis lost something, or a replica with its ring.
    func reconsider(_ cause: String) {
        lossCount += 1
        let places = world.master.log.places
        let held = held
        owed = owed.filter { places[$0] != nil || held.contains($0) }
        world.trace("\(cause): \(owed.count) acknowledged threats are left, head \(world.master.log.head)")
    }

    private var held: Set<String> {
        world.processes.reduce(into: []) { held, process in
            if let process { held.formUnion(process.heldIDs) }
        }
    }

    /// Whether an entry was appended right after another one.
    func follows(_ entry: LogEntry, _ predecessor: LogEntry) -> Bool {
        guard let known = predecessors[Instance(entry)] else { return false }
        // The predecessor may have been trimmed before.
        return known == nil || known == Instance(predecessor)
    }

    func shown(_ entry: LogEntry, to dashboard: Dashboard) {
        if let other = idsShown.updateValue(entry.record.id, forKey: entry.cursor), other != entry.record.id {
            dashboard.fail("\(entry.cursor) is \(entry.record.id), and was \(other) before")
        }
    }

    /// What must hold when nothing moves any more.
    func judge() {
        let log = world.master.log
        for id in owed.sorted() where log.places[id] == nil {
            // Older than what retention keeps of the present log.
            if !trimmed.isEmpty, let first = firstPlaces[id], first <= log.trimmedThrough ?? .zero { continue }
            world.fail("\(id) was acknowledged and kept, and is not in the log at the end")
        }
        for dashboard in world.dashboards { judge(dashboard, log) }
    }

    private func judge(_ dashboard: Dashboard, _ log: ModelLog) {
        guard let joined = dashboard.joined else { return dashboard.fail("never began") }
        let ids = Set(dashboard.received.map(\.record.id))
        for entry in log.entries where entry.cursor > joined && !ids.contains(entry.record.id) {
            // What stood in the log when the client joined is history, wherever it stands now.
            if let first = firstPlaces[entry.record.id], first <= joined { continue }
            guard dashboard.filter.matches(entry.record.facets) else { continue }
            dashboard.fail("\(entry.cursor) \(entry.record.id) is missing; joined at \(joined)")
        }
        let kept = log.trimmedThrough ?? .zero
        for entry in dashboard.received[dashboard.segmentStart...]
        where entry.cursor > kept && log.entry(at: entry.cursor)?.record.id != entry.record.id {
            dashboard.fail("\(entry.cursor) \(entry.record.id) is not in the log, and no reset told so")
        }
    }
}
