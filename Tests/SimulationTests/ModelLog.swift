import RedisLog
import ThreatFeed

/// What the scripts of the log do, carried out on arrays: the four keys of one tenant in one server.
struct ModelLog {
    struct Place: Hashable {
        let cursor: Cursor
        let digest: ContentDigest
    }

    struct PublishArguments {
        var known: Cursor
        var entriesMax: Int
        /// Entries received before this go (Unix ms).
        var oldest: Int64
        /// Of the server that the caller means to write to.
        var incarnation: String
        /// Entries that a replica still held when Redis lost them.
        var isAgain: Bool
        var records: [ThreatRecord]
    }

    struct ForkArguments {
        var observed: Cursor
        var known: Cursor
        var incarnation: String
        var keepsAllAnswered: Bool
        /// For how long only held entries are accepted.
        var repairMilliseconds: Int64
        /// The highest cursor that the caller has seen in each generation, oldest first.
        var lineage: [Cursor]
        /// The servers that the caller knew the log in; `*` for all.
        var knownIn: [String]
    }

    enum PublishReply: Hashable {
        case lost(Cursor)
        case repairing
        case outcomes([PublishOutcome])
    }

    /// `zero` while there is no log.
    private(set) var head = Cursor.zero
    private(set) var trimmedThrough: Cursor?
    private(set) var forkedAt: Cursor?
    /// Of the server that the log was last adopted in.
    private(set) var incarnation: String?
    /// The newest 64 generations there were.
    private(set) var generations: [UInt64] = []
    /// Until when only held entries are accepted (Unix ms).
    private(set) var heldUntil: Int64?
    private(set) var acceptedTotal: UInt64 = 0
    private(set) var entries: [LogEntry] = []
    private(set) var places: [String: Place] = [:]
    private(set) var counts: [Facets: Int] = [:]
    /// Ids let go of by retention, in the last command.
    private(set) var lastTrimmed: [String] = []

    var logHead: LogHead {
        LogHead(cursor: head, resumableFrom: trimmedThrough ?? .zero, forkedAt: forkedAt ?? .zero)
    }

    /// The publish script.
    /// - Parameter clock: The server's (Unix ms).
    /// - Returns: Its reply, and what it sent on the channel.
    mutating func publish(
        _ arguments: PublishArguments, clock: Int64
    ) -> (reply: PublishReply, message: [LogEntry]) {
        lastTrimmed = []
        let begins = head == .zero
        if begins, arguments.known.generation != 0 { return (.lost(.zero), []) }
        if !begins, incarnation != arguments.incarnation || head < arguments.known { return (.lost(head), []) }
        if !begins, !knows(arguments.known.generation) { return (.lost(head), []) }
        if let heldUntil, !arguments.isAgain {
            if heldUntil > clock, heldUntil - clock <= 1_000 { return (.repairing, []) }
            self.heldUntil = nil
        }
        let generation = begins ? UInt64(clock) : head.generation
        var sequence = head.sequence
        var outcomes: [PublishOutcome] = []
        var new: [LogEntry] = []
        for record in arguments.records {
            if let place = places[record.id], let entry = entry(at: place.cursor) {
                outcomes.append(place.digest == record.digest ? .replayed(entry) : .conflict(place.cursor))
                continue
            }
            sequence += 1
            let entry = LogEntry(cursor: Cursor(generation: generation, sequence: sequence), record: record)
            entries.append(entry)
            places[record.id] = Place(cursor: entry.cursor, digest: record.digest)
            counts[record.facets, default: 0] += 1
            new.append(entry)
            outcomes.append(.accepted(entry.cursor))
        }
        guard let last = new.last else { return (.outcomes(outcomes), []) }
        head = last.cursor
        acceptedTotal += UInt64(new.count)
        if begins {
            trimmedThrough = Cursor(generation: generation, sequence: 0)
            incarnation = arguments.incarnation
            generations = [generation]
        }
        let max = arguments.entriesMax
        let surplus = Swift.max(16, max / 100)
        let step = surplus < 64 ? 16 : 64
        if sequence % UInt64(step) < UInt64(new.count) {
            _ = trim(limit: max + surplus - step, max: max, oldest: arguments.oldest)
        }
        return (.outcomes(outcomes), new)
    }

    /// The probe of each second.
    mutating func maintain(entriesMax: Int, oldest: Int64) -> LogStatus {
        lastTrimmed = []
        let before = entries.count
        let retained = trim(limit: entriesMax, max: entriesMax, oldest: oldest)
        return LogStatus(
            head: logHead, retained: retained, acceptedTotal: acceptedTotal, trimmed: before - retained,
            writesRefused: nil, incarnation: incarnation ?? "")
    }

    /// The fork script.
    /// - Parameter clock: The server's (Unix ms).
    /// - Returns: Its reply, whether it announced a fork on the channel, and the entries it moved behind the fork.
    mutating func fork(_ arguments: ForkArguments, clock: Int64) -> (head: LogHead, hasForked: Bool, moved: [LogEntry])
    {
        lastTrimmed = []
        let isForeign =
            head != .zero && !arguments.lineage.isEmpty && !arguments.lineage.contains { lists($0.generation) }
        if head != .zero, !isForeign { list(arguments.lineage.map(\.generation), of: arguments) }
        guard isForeign || head == arguments.observed else { return (logHead, false, []) }
        let isSameProcess =
            incarnation == arguments.incarnation || incarnation?.hasPrefix(arguments.incarnation + "/") == true
        let wasThere = arguments.knownIn == ["*"] || incarnation.map(arguments.knownIn.contains) ?? false
        let isTrusted = incarnation == nil || isSameProcess || arguments.keepsAllAnswered && wasThere
        let isLost = isForeign || head < arguments.known
        guard isLost || !isTrusted else {
            if head != .zero { incarnation = arguments.incarnation }
            return (logHead, false, [])
        }
        let generation = max(UInt64(clock), head.generation + 1, arguments.known.generation + 1)
        let seen = arguments.lineage.map(\.generation)
        list([head.generation] + seen + [arguments.known.generation, generation], of: arguments)
        if isForeign, trimmedThrough?.sequence == 0 { trimmedThrough = nil }
        forkedAt = head
        head = Cursor(generation: generation, sequence: max(head.sequence, arguments.known.sequence))
        incarnation = arguments.incarnation
        heldUntil = clock + arguments.repairMilliseconds
        let moved = isLost ? moveUnseen(by: arguments.lineage, isForeign: isForeign) : []
        return (logHead, true, moved)
    }

    private func lists(_ generation: UInt64) -> Bool {
        generation == head.generation || generations.contains(generation)
    }

    /// Whether a cursor of that generation may be of this log.
    private func knows(_ generation: UInt64) -> Bool {
        generation == 0 || generations.isEmpty || lists(generation)
    }

    private mutating func list(_ new: [UInt64], of arguments: ForkArguments) {
        generations = Set(generations + [head.generation] + new).subtracting([0]).sorted()
        while generations.count > 64 {
            generations.remove(at: generations[0] == arguments.known.generation ? 1 : 0)
        }
    }

    /// Moves behind the fork what the caller never saw.
    private mutating func moveUnseen(by lineage: [Cursor], isForeign: Bool) -> [LogEntry] {
        guard let earliest = lineage.first?.generation else { return [] }
        let unseen = entries.suffix(isForeign ? 10_000 : 1_000).reversed().prefix { entry in
            let seen = lineage.last { $0.generation == entry.cursor.generation }
            return entry.cursor > seen ?? .zero && (isForeign || entry.cursor.generation >= earliest)
        }
        entries.removeLast(unseen.count)
        let moved = unseen.reversed().enumerated().map { index, entry in
            let cursor = Cursor(generation: head.generation, sequence: head.sequence + UInt64(index) + 1)
            return LogEntry(cursor: cursor, record: entry.record)
        }
        for entry in moved {
            entries.append(entry)
            places[entry.record.id] = Place(cursor: entry.cursor, digest: entry.record.digest)
        }
        head = moved.last?.cursor ?? head
        return moved
    }

    /// Which of the ids the index lacks, by position from 0, the head, and up to where retention has trimmed.
    func missing(_ ids: [String]) -> Missing {
        Missing(
            head: head, trimmedThrough: trimmedThrough ?? .zero,
            positions: ids.indices.filter { places[ids[$0]] == nil })
    }

    /// New entries are accepted at once.
    mutating func forgetRepair() {
        heldUntil = nil
    }

    func resume(after cursor: Cursor, limit: Int) -> ResumeOutcome {
        if head < cursor { return .ahead(head: logHead) }
        if !knows(cursor.generation) { return .unknownGeneration(head: logHead) }
        if let trimmedThrough {
            let sawEmptyLog = cursor == .zero && trimmedThrough.sequence == 0
            if cursor < trimmedThrough, !sawEmptyLog { return .trimmed(head: logHead) }
        }
        let start = firstIndex(after: cursor)
        if start < entries.count {
            let next = entries[start].cursor
            // A place in its generation that nobody was ever at: as behind a hole.
            if next.generation == cursor.generation, next.sequence != cursor.sequence + 1 {
                var head = logHead
                head.resumableFrom = Cursor(generation: next.generation, sequence: next.sequence - 1)
                return .trimmed(head: head)
            }
        }
        let isAnchored = start > 0 && entries[start - 1].cursor == cursor
        return .entries(Array(entries[start...].prefix(limit)), head: logHead, anchored: isAnchored)
    }

    func newest(before: Cursor?, limit: Int) -> LogPage {
        var end = entries.count
        if let before {
            end = firstIndex(after: before)
            if end > 0, entries[end - 1].cursor == before { end -= 1 }
        }
        return LogPage(entries: entries[..<end].suffix(limit).reversed(), head: logHead)
    }

    func find(id: String) -> LogEntry? {
        places[id].flatMap { entry(at: $0.cursor) }
    }

    func entry(at cursor: Cursor) -> LogEntry? {
        let index = firstIndex(after: cursor) - 1
        return index >= 0 && entries[index].cursor == cursor ? entries[index] : nil
    }

    private func firstIndex(after cursor: Cursor) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].cursor <= cursor { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The function that publish and maintain share.
    /// - Returns: How many entries are retained.
    private mutating func trim(limit: Int, max: Int, oldest: Int64) -> Int {
        let length = entries.count
        let excess = length > limit ? Swift.max(0, length - max) : 0
        func isOld(_ entry: LogEntry) -> Bool { entry.record.receivedAtMilliseconds < oldest }
        var looked = Swift.max(1, min(excess, 256))
        if excess <= 1, let first = entries.first, isOld(first) { looked = 256 }
        var going = 0
        for (index, entry) in entries.prefix(looked).enumerated() {
            if index >= excess, !isOld(entry) { break }
            going = index + 1
        }
        guard going > 0 else { return length }
        for entry in entries.prefix(going) {
            let id = entry.record.id
            lastTrimmed.append(id)
            if places[id]?.cursor == entry.cursor { places[id] = nil }
            let left = counts[entry.record.facets, default: 0] - 1
            counts[entry.record.facets] = left > 0 ? left : nil
        }
        trimmedThrough = entries[going - 1].cursor
        entries.removeFirst(going)
        return length - going
    }
}

/// What MissingScript answers.
struct Missing: Hashable {
    var head: Cursor
    var trimmedThrough: Cursor
    /// From 0.
    var positions: [Int]
}
