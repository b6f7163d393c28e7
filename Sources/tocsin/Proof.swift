import PosixIO
import ThreatFeed
import TocsinClient

/// One run of `tocsin prove`: clients, load, a disturbance, and what came of it.
struct Proof {
    enum Disturbance: Sendable {
        case none
        /// Clients move every second; one replica is killed and started again.
        case replicaKill
        /// Redis is killed for 3 seconds.
        case redisKill
    }

    let clients: Int
    let publishers: Int
    let threats: Int
    let rate: Double?
    let period: Duration?
    let patience: Duration
    let disturbance: Disturbance
    let log: DeploymentLog

    /// How long the last deliveries are awaited when the proof was interrupted.
    private static let patienceAfterInterruption = Duration.seconds(5)
    /// Clients that are sent deflated frames, as browsers are; each holds an inflater.
    private static let deflatedMax = 100

    /// What the ids of one proof begin with; several may run at once.
    static func newPrefix() -> String { "prove-\(unixMilliseconds())-\(UInt16.random(in: 0...UInt16.max))" }

    /// - Throws: `ClientError` when the clients cannot connect or a process cannot be started again.
    func run(
        urls: [ServerURL], cluster: LocalCluster?, interruption: Interruption
    ) throws(ClientError) -> ProofReport {
        let fleet = try startFleet(urls)
        defer { fleet.stop() }
        try awaitJoins(fleet, interruption)
        let start = MonotonicTime.now
        let pool = try startPool(urls)
        var checks = ProofChecks()
        if let cluster { try disturb(cluster, pool, fleet, &checks, interruption) }
        awaitPosts(pool, start, interruption)
        let published = pool.finish()
        let posted = MonotonicTime.now
        let owed = published.acknowledgements.map { (threatID: $0.threatID, cursor: $0.cursor) }
        awaitDeliveries(fleet, owed, interruption)
        let records = fleet.allRecords()
        return ProofReport(
            replicas: urls.count, log: log, verdict: FeedVerdict(records: records, acknowledged: owed),
            published: published,
            latency: LatencySummary(records: records, acknowledgements: published.acknowledgements),
            postingTime: posted - start, checks: checks,
            reconnects: records.reduce(0) { $0 + $1.unwantedEndings }, wasInterrupted: interruption.isEnded)
    }

    private func awaitJoins(_ fleet: FeedFleet, _ interruption: Interruption) throws(ClientError) {
        let deadline = MonotonicTime.now + patience
        while !fleet.inspect({ $0.allSatisfy { record in record.joinedAfter != nil } }) {
            guard !interruption.isEnded else { throw .unreachable("interrupted before all clients were connected") }
            guard MonotonicTime.now < deadline else {
                let reason = fleet.inspect { records in records.lazy.compactMap(\.lastEnding).first }
                throw .unreachable("not all clients could connect: \(reason.map { "\($0)" } ?? "no answer")")
            }
            Pause.sleep(.milliseconds(5))
        }
    }

    private func startFleet(_ urls: [ServerURL]) throws(ClientError) -> FeedFleet {
        let options = (0..<clients).map { index in
            // Rotated, so that the clients begin spread over the replicas.
            let own = Array(urls[(index % urls.count)...] + urls[..<(index % urls.count)])
            return FeedClientOptions(
                urls: own, query: FeedQuery(log: log), reconnectPeriod: disturbance == .replicaKill ? .seconds(1) : nil,
                backoff: Backoff(first: .milliseconds(50), longest: .seconds(1)),
                isDeflated: !index.isMultiple(of: 2) && index < 2 * Self.deflatedMax)
        }
        do throws(SystemError) {
            return try FeedFleet(options)
        } catch {
            throw .childFailed(error.description)
        }
    }

    private func startPool(_ urls: [ServerURL]) throws(ClientError) -> PublisherPool {
        let isTimed = period != nil || disturbance != .none
        let options = PublisherPool.Options(
            urls: urls, publishers: publishers, threats: isTimed ? nil : threats,
            rate: rate, idPrefix: Self.newPrefix(), log: log)
        do throws(SystemError) {
            return try PublisherPool(options)
        } catch {
            throw .childFailed(error.description)
        }
    }

    private func disturb(
        _ cluster: LocalCluster, _ pool: PublisherPool, _ fleet: FeedFleet, _ checks: inout ProofChecks,
        _ interruption: Interruption
    ) throws(ClientError) {
        switch disturbance {
        case .none: return
        case .replicaKill:
            interruption.wait(atMost: .seconds(2))
            guard let victim = cluster.replicas.last else { return }
            victim.kill()
            interruption.wait(atMost: .seconds(1))
            try victim.start()
            try victim.waitUntilReady()
            checks.add("replica \(victim.name) was killed and is ready again", true)
        case .redisKill:
            interruption.wait(atMost: .seconds(2))
            try RedisOutage(cluster: cluster, fleet: fleet, pool: pool).run(&checks)
        }
    }

    private func awaitPosts(_ pool: PublisherPool, _ start: MonotonicTime, _ interruption: Interruption) {
        let isTimed = period != nil || disturbance != .none
        // A disturbance is followed by at least two seconds of undisturbed load.
        let ends = max(
            start + (period ?? .seconds(8)), MonotonicTime.now + (disturbance == .none ? .zero : .seconds(2)))
        while !pool.isDone, !interruption.isEnded {
            if isTimed && MonotonicTime.now >= ends { break }
            Pause.sleep(.milliseconds(5))
        }
        pool.stop()
    }

    private func awaitDeliveries(
        _ fleet: FeedFleet, _ owed: [(threatID: String, cursor: Cursor)], _ interruption: Interruption
    ) {
        guard let last = owed.map(\.cursor).max() else { return }
        let start = MonotonicTime.now
        // What was acknowledged until an interruption is still on its way.
        while MonotonicTime.now < start + (interruption.isEnded ? Self.patienceAfterInterruption : patience) {
            let all = fleet.inspect { $0.allSatisfy { record in record.cursor.map { $0 >= last } ?? false } }
            if all { return }
            Pause.sleep(.milliseconds(5))
        }
    }
}

/// Redis killed for three seconds: what must hold meanwhile.
struct RedisOutage {
    let cluster: LocalCluster
    let fleet: FeedFleet
    let pool: PublisherPool

    func run(_ checks: inout ProofChecks) throws(ClientError) {
        let endingsBefore = unwantedEndings()
        let probes = cluster.urls.map { HTTPClient($0, deadline: .seconds(2)) }
        cluster.redis.kill()
        let down = MonotonicTime.now
        var alwaysHealthy = true
        var sawNotReady = [Bool](repeating: false, count: probes.count)
        while MonotonicTime.now - down < .seconds(3) {
            for (index, probe) in probes.enumerated() {
                if status(probe, "/health") != 200 { alwaysHealthy = false }
                if status(probe, "/ready") == 503 { sawNotReady[index] = true }
            }
            Pause.sleep(.milliseconds(50))
        }
        try cluster.redis.start()
        let isReadyAgain = Pause.wait(atMost: .seconds(15)) {
            for probe in probes where status(probe, "/health") != 200 { alwaysHealthy = false }
            return probes.allSatisfy { status($0, "/ready") == 200 }
        }
        let acknowledgedBefore = pool.acknowledgedCount
        let postsSucceed = Pause.wait(atMost: .seconds(15)) { pool.acknowledgedCount > acknowledgedBefore }
        checks.add("/health stayed 200 on every replica", alwaysHealthy)
        checks.add("/ready went to 503 on every replica", sawNotReady.allSatisfy { $0 })
        checks.add("/ready came back to 200", isReadyAgain)
        checks.add("posts were answered 503 meanwhile", pool.refusalCount > 0)
        checks.add("posts succeed again", postsSucceed)
        checks.add("no client was disconnected", unwantedEndings() == endingsBefore)
    }

    private func unwantedEndings() -> Int {
        fleet.inspect { $0.reduce(0) { $0 + $1.unwantedEndings } }
    }

    private func status(_ probe: HTTPClient, _ path: String) -> Int? {
        try? probe.get(path).status
    }
}
