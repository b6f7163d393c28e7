import Broadcast
import RedisLog
import ThreatFeed

/// A client that follows the feed from replica to replica and holds every frame against what it was promised.
final class Dashboard {
    let index: Int
    let filter: Filter
    /// Where the present feed began: by `initial_batch`.
    private(set) var joined: Cursor?
    /// Everything received since, in order.
    private(set) var received: [LogEntry] = []
    /// Where in `received` the part after the last reset begins.
    private(set) var segmentStart = 0
    private(set) var last: Cursor?

    private unowned let world: World
    private var connection: Connection?
    private var bytes: [UInt8] = []
    /// The entry at `last`; `nil` when a batch or a reset led there.
    private var lastEntry: LogEntry?
    private var segmentIDs: Set<String> = []
    private var asked: Cursor?
    /// What it asked for never was a cursor of this log.
    private var isForged = false
    private var awaitsFirstFrame = false
    private var attempts = 0

    init(index: Int, minSeverity: Severity, world: World) {
        self.index = index
        filter = Filter(minSeverity: minSeverity, threatTypes: [], customerNames: [])
        self.world = world
    }

    var isConnected: Bool { connection != nil && !awaitsFirstFrame }

    func start() {
        connectLater(milliseconds: 1...200)
    }

    /// Goes, and comes back later, perhaps elsewhere.
    func wander(awayMilliseconds: ClosedRange<Int>) {
        guard let connection else { return }
        connection.onEnd = nil
        connection.cut()
        self.connection = nil
        connectLater(milliseconds: awayMilliseconds)
    }

    /// Reads nothing for a while.
    func stall(milliseconds: Int) {
        connection?.stalledUntil = world.time.now + milliseconds * 1_000
    }

    private func connectLater(milliseconds: ClosedRange<Int>) {
        attempts += 1
        let attempt = attempts
        world.time.after(world.delay(milliseconds: milliseconds)) { [weak self] in
            guard let self, attempt == attempts, connection == nil else { return }
            connect()
        }
    }

    private func connect() {
        guard let process = world.randomProcess(), process.isReady, !process.gate.isPaused else {
            return connectLater(milliseconds: 20...200)
        }
        let loop = process.loops[world.pick(process.loops.count)]
        let made = Connection(world: world, gate: process.gate, capacity: world.profile.connectionBytes)
        choosePlace()
        bytes = []
        awaitsFirstFrame = true
        connection = made
        made.onBytes = { [weak self] in self?.receive($0) }
        made.onEnd = { [weak self] in self?.ended() }
        world.trace("dashboard \(index) opens at replica \(process.gate.index), after \(asked as Any)")
        if loop.open(made, after: asked, filter: filter) == nil {
            connection = nil
            connectLater(milliseconds: 20...200)
        }
    }

    /// Mostly where it stands; sometimes a new start, or a cursor that it made up.
    private func choosePlace() {
        asked = world.chance(4) ? nil : last
        isForged = false
        guard let last = asked, last != .zero, world.chance(3) else { return }
        isForged = true
        let offset = UInt64(1 + world.pick(3))
        asked =
            world.chance(50)
            ? Cursor(generation: last.generation + offset, sequence: last.sequence)
            : Cursor(generation: last.generation, sequence: last.sequence + offset * 100_000)
    }

    private func ended() {
        connection = nil
        connectLater(milliseconds: 1...400)
    }

    private func receive(_ new: [UInt8]) {
        bytes += new
        var start = 0
        while bytes.count - start >= World.frameBytes {
            received(world.frame(bytes[start...]))
            start += World.frameBytes
        }
        bytes.removeFirst(start)
    }
}

// MARK: - What was promised

extension Dashboard {
    private func received(_ frame: Frame) {
        if awaitsFirstFrame { checkFirst(frame) }
        switch frame {
        case .initialBatch(let cursor, let newest, let recovered):
            awaitsFirstFrame = false
            began(at: cursor, newest, recovered: recovered)
        case .resumed(let cursor):
            awaitsFirstFrame = false
            if cursor != asked { fail("resumed at \(cursor) instead of \(asked as Any)") }
            if isForged, !world.master.log.generations.contains(cursor.generation) || cursor.sequence >= 100_000 {
                fail("resumed at \(cursor), which never was")
            }
            if isForged { begin(at: cursor) }
        case .heartbeat(let cursor):
            guard let last, cursor >= last, isFiltered || cursor == last else {
                return fail("heartbeat with \(cursor) while at \(last as Any)")
            }
            if cursor > last { lastEntry = nil }
            self.last = cursor
        case .threat(let entry): received(entry)
        case .reset(let from, let to):
            world.trace("dashboard \(index) reset \(from) to \(to)")
            if from != last, last != .zero, !isFiltered || from < last ?? .zero {
                fail("reset from \(from) while at \(last as Any)")
            }
            if to <= from { fail("reset from \(from) back to \(to)") }
            if last == .zero { beginLog(generation: to.generation) }
            last = to
            lastEntry = nil
            segmentStart = received.count
            segmentIDs = []
            world.oracle.resetCount += 1
        case .close(let cursor):
            let place = awaitsFirstFrame ? asked : last
            awaitsFirstFrame = false
            if let cursor, cursor != place, !isFiltered || cursor < place ?? .zero {
                fail("closed with \(cursor) while at \(place as Any)")
            }
        }
    }

    private func checkFirst(_ frame: Frame) {
        switch frame {
        case .initialBatch, .resumed, .close: break
        case .threat, .reset, .heartbeat: fail("\(frame) before the first frame")
        }
    }

    private func began(at cursor: Cursor, _ newest: [LogEntry], recovered: Bool) {
        world.trace("dashboard \(index) begins at \(cursor), recovered: \(recovered)")
        if recovered != (asked == nil) { fail("recovered: \(recovered), asked for \(asked as Any)") }
        if !recovered { world.oracle.notRecoveredCount += 1 }
        for (newer, older) in zip(newest, newest.dropFirst()) where newer.cursor <= older.cursor {
            fail("\(older.cursor) behind \(newer.cursor) in a batch, newest first")
        }
        if let first = newest.first, first.cursor > cursor { fail("\(first.cursor) in a batch up to \(cursor)") }
        for entry in newest { world.oracle.shown(entry, to: self) }
        begin(at: cursor)
        lastEntry = newest.first.flatMap { $0.cursor == cursor ? $0 : nil }
    }

    private func begin(at cursor: Cursor) {
        joined = cursor
        received = []
        segmentStart = 0
        segmentIDs = []
        last = cursor
        lastEntry = nil
    }

    /// The log that was empty when this dashboard joined it has begun. A branch of a lower generation, from another
    /// server, is not the one it joined.
    private func beginLog(generation: UInt64) {
        joined = Cursor(generation: generation, sequence: 0)
    }

    private var isFiltered: Bool { !filter.isUnrestricted }

    private func received(_ entry: LogEntry) {
        guard let last else { return fail("a threat before any batch") }
        world.trace("dashboard \(index) gets \(entry.cursor) \(entry.record.id)")
        let cursor = entry.cursor
        if cursor <= last { fail("\(cursor) after \(last)") }
        if cursor.generation != last.generation, last != .zero { fail("\(cursor) after \(last) without a reset") }
        if !isFiltered, cursor.generation == last.generation, cursor.sequence != last.sequence + 1 {
            fail("gap: \(cursor) after \(last)")
        }
        if last == .zero { beginLog(generation: cursor.generation) }
        if !filter.matches(entry.record.facets) { fail("\(cursor) does not match the filter") }
        if !isFiltered, let lastEntry, !world.oracle.follows(entry, lastEntry) {
            fail("\(cursor) \(entry.record.id) was not appended after \(last) \(lastEntry.record.id)")
        }
        if !segmentIDs.insert(entry.record.id).inserted, !world.oracle.trimmed.contains(entry.record.id) {
            fail("\(entry.record.id) twice, again at \(cursor)")
        }
        world.oracle.shown(entry, to: self)
        world.oracle.deliveredCount += 1
        received.append(entry)
        self.last = cursor
        lastEntry = entry
    }

    func fail(_ what: String) {
        world.fail("dashboard \(index): \(what)")
    }
}
