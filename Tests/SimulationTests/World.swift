import Broadcast
import Corpora
import PosixIO
import RedisLog
import ThreatFeed

/// Everything that takes part in one run, and the seed that decides all of it.
final class World {
    static let frameBytes = 4
    private static let traceLinesMax = 600
    private static let eventsMax = 200_000
    private static let violationsMax = 5

    let seed: UInt64
    let time = VirtualTime()
    var random: SplitMix
    let profile: Profile
    private(set) var violations: [String] = []
    private(set) var traceLines: [String] = []
    private(set) var servers: [ModelServer] = []
    /// `nil` where a replica is down.
    var processes: [SimulatedProcess?] = []
    private(set) var dashboards: [Dashboard] = []
    private(set) var publishers: [Publisher] = []
    /// Where clients of Redis are sent to.
    private(set) var masterIndex = 0
    private(set) var masterEpoch = 0
    private(set) var isPublishing = true
    /// How far off the wall clocks of the replicas' machines are (ms).
    var clockErrors: [Int64] = []

    private let isTracing: Bool
    private var lastNumber = 0
    private var frames: [Frame] = []
    private(set) lazy var oracle = Oracle(world: self)
    private(set) lazy var faults = Faults(world: self)

    init(seed: UInt64, kind: Profile.Kind, isTracing: Bool = false) {
        self.seed = seed
        self.isTracing = isTracing
        random = SplitMix(seed: seed)
        profile = Profile(kind: kind, using: &random)
    }

    var master: ModelServer { servers[masterIndex] }
    /// What every clock in this world shows that is not off.
    var unixMilliseconds: Int64 { 1_000_000_000 + Int64(time.now / 1_000) }
    var monotonic: MonotonicTime { MonotonicTime(nanoseconds: Int64(time.now) * 1_000) }

    /// Runs the whole story: load and faults, then peace, then the judgement.
    func run() {
        build()
        advance(to: profile.faultPeriod)
        isPublishing = false
        faults.heal()
        let isSettled = settle()
        if violations.isEmpty, isSettled { oracle.judge() }
        tearDown()
    }

    private func build() {
        for index in 0..<profile.serverCount {
            let server = ModelServer(index: index, isDurable: profile.isDurable, world: self)
            server.onAppend = { [unowned self] entry, predecessor in oracle.appended(entry, after: predecessor) }
            server.onTrim = { [unowned self] in oracle.trimmed($0) }
            servers.append(server)
        }
        for server in servers.dropFirst() { server.follow(servers[0]) }
        processes = Array(repeating: nil, count: profile.replicaCount)
        clockErrors = Array(repeating: 0, count: profile.replicaCount)
        for index in processes.indices { startReplica(index) }
        dashboards = (0..<profile.dashboardCount).map { index in
            Dashboard(index: index, minSeverity: index > 0 && chance(30) ? .high : .info, world: self)
        }
        publishers = (0..<profile.publisherCount).map { Publisher(index: $0, world: self) }
        for dashboard in dashboards { dashboard.start() }
        for publisher in publishers { publisher.start() }
        faults.schedule()
    }

    func startReplica(_ index: Int) {
        let process = SimulatedProcess(index: index, clockErrorMilliseconds: clockErrors[index], world: self)
        processes[index] = process
        process.start()
    }

    func replaceMaster(by server: ModelServer) {
        masterIndex = server.index
        masterEpoch += 1
    }

    private func advance(to end: Int) {
        while time.now < end, violations.isEmpty, time.scheduledCount < Self.eventsMax {
            guard time.runNext() else { return }
        }
    }

    /// Waits until nothing moves any more.
    private func settle() -> Bool {
        let deadline = time.now + 60_000_000
        var calm = 0
        while calm < 6 {
            guard time.now < deadline, time.scheduledCount < Self.eventsMax else {
                fail("did not come to rest: \(unrest() ?? "moving")")
                return false
            }
            guard violations.isEmpty else { return false }
            let headBefore = master.log.head
            advance(to: time.now + 250_000)
            calm = unrest() == nil && master.log.head == headBefore ? calm + 1 : 0
        }
        return true
    }

    /// What is not where it should end up.
    private func unrest() -> String? {
        let head = master.log.head
        if let publisher = publishers.first(where: \.isPending) { return "publisher \(publisher.index) waits" }
        for (index, process) in processes.enumerated() {
            guard let process else { return "replica \(index) is down" }
            guard process.isReady, process.tracker.isLive else { return "replica \(index): \(process.readiness)" }
            guard process.tracker.head == head else {
                return "replica \(index) is at \(process.tracker.head) of \(head)"
            }
            if process.subscription.isDetached { return "replica \(index) is deaf" }
            if process.owesRepair { return "replica \(index) has yet to repair the log" }
            for loop in process.loops where !hasArrived(loop.feed?.ring.headCursor) {
                return "loop \(loop.index) of replica \(index) is at \(loop.feed?.ring.headCursor as Any) of \(head)"
            }
        }
        for dashboard in dashboards where !dashboard.isConnected || !hasArrived(dashboard.last) {
            return "dashboard \(dashboard.index) is at \(dashboard.last as Any) of \(head)"
        }
        return nil
    }

    /// Whoever has had nothing of an empty log is not told of its forks.
    private func hasArrived(_ cursor: Cursor?) -> Bool {
        cursor == master.log.head || cursor == .zero && master.log.entries.isEmpty
    }

    private func tearDown() {
        time.clear()
        for process in processes { process?.gate.end() }
        processes = []
        dashboards = []
        publishers = []
        servers = []
    }
}

// MARK: - What all share

extension World {
    func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }

    /// - Returns: One of the numbers from 0 to `count - 1`.
    func pick(_ count: Int) -> Int { Int(random.next() >> 1) % count }

    func chance(_ percent: Int) -> Bool { percent > 0 && pick(100) < percent }

    func delay(microseconds: ClosedRange<Int>) -> Int {
        microseconds.lowerBound + pick(microseconds.upperBound - microseconds.lowerBound + 1)
    }

    func delay(milliseconds: ClosedRange<Int>) -> Int {
        delay(microseconds: milliseconds.lowerBound * 1_000...milliseconds.upperBound * 1_000)
    }

    /// Mostly short, sometimes long enough to be overtaken by much else.
    func networkDelay() -> Int {
        chance(profile.slowPercent) ? delay(milliseconds: 5...150) : delay(microseconds: 50...1_500)
    }

    /// Messages may be lost one by one, until there is peace.
    func losesMessage() -> Bool { isPublishing && chance(profile.messageLossPercent) }

    /// One that lives, whether it answers or not.
    func randomProcess() -> SimulatedProcess? {
        guard !processes.isEmpty else { return nil }
        return processes[pick(processes.count)]
    }

    /// Where a replica finds Redis, and how often that has changed, as a Sentinel knows it; `nil` while nothing leads
    /// there.
    func address(for replica: Int) -> (server: ModelServer, epoch: Int)? {
        faults.isPartitioned(replica) ? nil : faults.staleMaster() ?? (master, masterEpoch)
    }

    func record(_ id: String) -> ThreatRecord {
        var hash = SplitMix(seed: id.utf8.reduce(14_695_981_039) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 })
        let digest = ContentDigest(prefixOf: Array(repeating: UInt8(truncatingIfNeeded: hash.next()), count: 16))
        return ThreatRecord(
            id: id, digest: digest, receivedAtMilliseconds: unixMilliseconds,
            facets: Facets(severity: chance(50) ? .high : .low, threatType: "malware", customerName: nil), tail: [])
    }

    func trace(_ line: @autoclosure () -> String) {
        guard isTracing else { return }
        if traceLines.count >= 2 * Self.traceLinesMax { traceLines.removeFirst(Self.traceLinesMax) }
        traceLines.append("\(Double(time.now / 100) / 10) ms  \(line())")
    }

    func fail(_ violation: String) {
        trace("VIOLATION \(violation)")
        if violations.count < Self.violationsMax { violations.append(violation) }
    }
}

// MARK: - Frames

extension World {
    /// The bytes of a frame: a number for what stands in a table.
    func bytes(_ frame: Frame) -> [UInt8] {
        frames.append(frame)
        let number = UInt32(frames.count - 1)
        return (0..<Self.frameBytes).map { UInt8(truncatingIfNeeded: number >> UInt32(8 * $0)) }
    }

    func frame(_ bytes: ArraySlice<UInt8>) -> Frame {
        let number = bytes.prefix(Self.frameBytes).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return frames[Int(number)]
    }

    func entry(_ logEntry: LogEntry) -> FeedEntry {
        FeedEntry(
            logEntry, webSocket: bytes(.threat(logEntry)), tail: 0..<0, otherForm: { _, _, _, _ in [] })
    }

    func entry(reset from: Cursor, to: Cursor) -> FeedEntry {
        FeedEntry(
            cursor: to, webSocket: bytes(.reset(from: from, to: to)), otherForm: { _, _, _, _ in [] })
    }
}
