import Broadcast
import RedisLog
import ThreatFeed

/// One event loop of a replica: its ring, its connection to Redis, and the clients it serves.
final class SimulatedLoop {
    let index: Int
    let log: ModelClient
    private(set) var feed: Feed?

    private unowned let world: World
    private let gate: ProcessGate
    private static let entriesPerRead = 4
    private var streams: [SimulatedStream] = []
    private var wanting: [SimulatedStream] = []
    private var asking: [SimulatedStream] = []
    private var isReading = false
    private var isServing = false
    private var pass = ResumePass(pagesMax: 3)
    /// What was read last, and the same framed.
    private(set) var page: ResumePage?
    private(set) var pageFeed: Feed?

    init(index: Int, world: World, gate: ProcessGate) {
        self.index = index
        self.world = world
        self.gate = gate
        log = ModelClient(world: world, process: gate)
        log.heldEntries = { [unowned self] in feed?.ring.logEntries(after: .zero) ?? [] }
    }

    func begin(after cursor: Cursor, _ entries: [FeedEntry]) {
        feed = Feed(bounds: world.profile.ring, startingAfter: cursor)
        take(entries)
    }

    func take(_ entries: [FeedEntry]) {
        var unsent = 0
        for entry in entries {
            if let head = feed?.ring.headCursor, entry.cursor < head {
                return world.fail("replica \(gate.index) delivers \(entry.cursor) behind \(head)")
            }
            feed?.append(entry)
            unsent += 1
            // Nobody is slow who was not given the chance to take what came.
            if unsent >= world.profile.ring.entriesMax / 2 {
                sweep()
                unsent = 0
            }
        }
        if let last = entries.last { log.observe(head: last.cursor) }
        sweep()
        advance()
        serveReader()
    }

    func tick() {
        log.link.checkPeer()
        for stream in streams { stream.ticked() }
        log.repairUnseen()
        advance()
        serveReader()
    }

    /// - Returns: `nil` while the log has not been read yet, as a 503 would say.
    func open(_ connection: Connection, after cursor: Cursor?, filter: Filter) -> SimulatedStream? {
        guard feed != nil else { return nil }
        let stream = SimulatedStream(world: world, loop: self, connection: connection, filter: filter)
        streams.append(stream)
        stream.begin(after: cursor)
        serveReader()
        return stream
    }

    func end() {
        log.link.stop()
        for stream in streams { stream.connection.endByServer() }
        streams = []
        wanting = []
        asking = []
    }

    func remove(_ stream: SimulatedStream) {
        streams.removeAll { $0 === stream }
    }

    private func sweep() {
        for stream in streams { stream.send() }
    }

    private func advance() {
        for stream in streams where !stream.wantsPage { stream.advance() }
    }
}

// MARK: - Reading for clients that resume

extension SimulatedLoop {
    func want(_ stream: SimulatedStream) {
        guard !stream.wantsPage else { return }
        stream.wantsPage = true
        wanting.append(stream)
    }

    func count(_ share: inout ResumePass.Share) {
        pass.count(&share)
    }

    /// Gives those who asked what was read for them, and reads on for the others.
    func serveReader() {
        guard !isServing else { return }
        isServing = true
        while !isReading, !asking.isEmpty || !wanting.isEmpty {
            if asking.isEmpty { startReading() } else { serveAsking() }
        }
        isServing = false
    }

    private func startReading() {
        let waiting = wanting.compactMap { stream in stream.joiningCursor.map { (cursor: $0, share: stream.share) } }
        asking = wanting
        wanting = []
        guard let cursor = pass.next(among: waiting) else {
            asking = []
            return
        }
        isReading = true
        log.resume(after: cursor, limit: Self.entriesPerRead) { [weak self] outcome in
            guard let self else { return }
            isReading = false
            if let outcome { take(ResumePage(outcome, after: cursor)) } else { couldNotRead() }
            serveReader()
        }
    }

    private func take(_ page: ResumePage) {
        let made = Feed(bounds: Ring.Bounds(entriesMax: .max, bytesMax: .max), startingAfter: page.after)
        for step in page.steps {
            switch step {
            case .entry(let entry): made.append(world.entry(entry))
            case .move(let from, let to): made.append(world.entry(reset: from, to: to))
            }
        }
        self.page = page
        pageFeed = made
    }

    private func serveAsking() {
        guard let page else { return world.fail("who asked gets a page or an error") }
        while let stream = asking.popLast() {
            stream.wantsPage = false
            stream.received(page)
        }
    }

    private func couldNotRead() {
        let failed = asking
        asking = []
        for stream in failed {
            stream.wantsPage = false
            stream.readFailed()
        }
    }
}

extension ResumePage {
    init(_ outcome: ResumeOutcome, after: Cursor) {
        let (head, answer): (LogHead, Answer) =
            switch outcome {
            case .entries(let entries, let head, _): (head, .entries(entries))
            case .ahead(let head): (head, .ahead)
            case .trimmed(let head): (head, .trimmed)
            case .unknownGeneration(let head): (head, .unknownGeneration)
            }
        self.init(after: after, head: head.cursor, resumableFrom: head.resumableFrom, answer: answer)
    }
}
