import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import ThreatFeed
import TocsinClient

/// Publishers and clients on a cluster while something breaks, and what must hold afterwards.
final class FailureRun {
    let urls: [ServerURL]
    let fleet: FeedFleet
    let pool: PublisherPool
    /// Clients that never leave their replica by themselves; the others wander.
    let residents: Int
    /// Threats posted by the run itself.
    private var probes: [(threatID: String, cursor: Cursor)] = []

    /// Starts the load and waits until threats are acknowledged.
    /// - Parameter rate: Threats per second of all publishers together.
    init(_ urls: [ServerURL], residents: Int = 6, wanderers: Int = 3, rate: Double = 150) throws {
        self.urls = urls
        self.residents = residents
        let options = (0..<(residents + wanderers)).map { index in
            let first = index % urls.count
            let rotated = Array(urls[first...] + urls[..<first])
            return FeedClientOptions(
                urls: index < residents ? [urls[first]] : rotated,
                reconnectPeriod: index < residents ? nil : .seconds(1),
                backoff: Backoff(first: .milliseconds(50), longest: .milliseconds(500)),
                isDeflated: !index.isMultiple(of: 2))
        }
        fleet = try FeedFleet(options)
        pool = try PublisherPool(
            .init(
                urls: urls, publishers: 6, rate: Harness.paced(rate), idPrefix: "load", requestDeadline: .seconds(2)))
        guard fleet.wait(atMost: .seconds(20), for: { $0.allSatisfy { $0.joinedAfter != nil } }) else {
            throw HarnessError("not all clients joined")
        }
        try awaitAcknowledgements(100)
    }

    deinit {
        pool.stop()
        _ = pool.finish()
        fleet.stop()
    }

    /// Waits until so many more threats are acknowledged.
    func awaitAcknowledgements(_ count: Int, atMost limit: Duration = .seconds(30)) throws {
        let before = pool.acknowledgedCount
        guard Harness.wait(atMost: limit, for: { pool.acknowledgedCount >= before + count }) else {
            throw HarnessError("of \(count) threats only \(pool.acknowledgedCount - before) were acknowledged")
        }
    }

    /// Waits until every client that stays where it is has been told of so many resets.
    func awaitResets(_ count: Int, atMost limit: Duration = .seconds(15)) -> Bool {
        fleet.wait(atMost: limit) { $0.prefix(residents).allSatisfy { $0.resets.count >= count } }
    }

    /// Waits until a replica refuses threats with 503, `Retry-After` and nothing worse.
    func awaitRefusal(by url: ServerURL, atMost limit: Duration = .seconds(10)) throws {
        let client = HTTPClient(url, deadline: .seconds(5))
        var other: [Int] = []
        let refused = Harness.wait(atMost: limit, every: .milliseconds(50)) {
            guard let answer = try? post(client) else { return false }
            if answer.status == 503, answer.retryAfter != nil { return true }
            if answer.status != 201 { other.append(answer.status) }
            return false
        }
        #expect(refused, "\(url) refuses nothing")
        #expect(other == [])
    }

    /// Posts to each replica until it accepts, and expects that not to take longer than is promised.
    /// - Parameter moment: When Redis was usable again.
    /// - Returns: How long the last one took.
    @discardableResult
    func expectRecovery(
        since moment: MonotonicTime, within limit: Duration = .seconds(5), of urls: [ServerURL]? = nil
    ) -> Duration {
        var waiting = (urls ?? self.urls).map { HTTPClient($0, deadline: .seconds(2)) }
        var statuses: Set<Int> = []
        _ = Harness.wait(atMost: .seconds(20), every: .milliseconds(20)) {
            waiting.removeAll { client in
                guard let answer = try? post(client), answer.status != 503 else { return false }
                statuses.insert(answer.status)
                return answer.status == 201
            }
            return waiting.isEmpty
        }
        let time = MonotonicTime.now - moment
        #expect(waiting.isEmpty, "not recovered: \(waiting.map(\.url))")
        #expect(time < limit * Harness.patience)
        #expect(statuses == [201])
        return time
    }

    private func post(_ client: HTTPClient) throws(ClientError) -> HTTPAnswer {
        let id = "probe-\(MonotonicTime.now.nanoseconds)"
        let answer = try client.post("/api/threats/trigger", SampleTraffic.threat(id: id, number: probes.count))
        if answer.status == 201, let cursor = answer.json?["cursor"]?.cursorValue { probes.append((id, cursor)) }
        return answer
    }

    /// Ends the load and checks every promise.
    /// - Parameters:
    ///   - toleratesLoss: Whether Redis was made to forget threats that no replica held.
    ///   - allowsFailedResumes: Whether clients may be told that they cannot resume.
    /// - Returns: What the clients have seen.
    @discardableResult
    func finish(toleratesLoss: Bool = false, allowsFailedResumes: Bool = false) throws -> [FeedRecord] {
        pool.stop()
        let report = pool.finish()
        #expect(report.failures == [])
        #expect(report.refusalsWithoutRetryAfter == 0)
        // The last entry of the log: whoever has it has everything.
        let last = try cursor(of: try Harness.trigger(urls[0], #"{"id":"last-of-all","threat_type":"malware"}"#))
        #expect(Harness.wait(fleet, for: last, atMost: .seconds(30)), "\(positions())")
        let records = fleet.allRecords()
        let owed = Harness.owed(report) + probes
        let verdict = FeedVerdict(
            records: records, acknowledged: owed, toleratesLoss: toleratesLoss, allowsFailedResumes: allowsFailedResumes
        )
        #expect(verdict.isKept, "\(verdict.findings)")
        if !toleratesLoss { try expectReadable(owed.suffix(300).map(\.threatID)) }
        return records
    }

    /// What was acknowledged can be read, at whatever place it stands.
    private func expectReadable(_ ids: [String]) throws {
        let client = HTTPClient(urls[0])
        let missing = try ids.filter { try client.get("/api/threats/\($0)").status != 200 }
        #expect(missing == [])
    }

    private func positions() -> [String] {
        fleet.inspect { $0.map { "\($0.cursor.map { "\($0)" } ?? "-") \($0.isConnected) \($0.url)" } }
    }
}

/// What the failure tests start from.
enum FailureBench {
    /// Three replicas, each behind a proxy of its own to one Redis.
    static func cluster(
        durability: LocalRedis.Durability = .always, redis arguments: [String] = [], arguments replica: [String] = [],
        environment: (Int) -> [String] = { _ in [] }
    ) throws -> FaultyCluster {
        guard ChildProcess.find("redis-server") != nil else { throw HarnessError(LocalRedis.installHint) }
        var options = LocalRedis.Options()
        options.durability = durability
        options.arguments = arguments
        return try FaultyCluster(
            launcher: try Harness.program(), redis: options, arguments: replica, environment: environment)
    }

    /// The value of a metric of a replica.
    static func metric(_ name: String, of url: ServerURL) throws -> Double? {
        let text = try HTTPClient(url).get("/metrics").text
        return text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }?.split(separator: " ").last.flatMap {
            Double($0)
        }
    }
}
