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
    private let prefix: String
    /// Threats posted by the run itself.
    private var probes: [(threatID: String, cursor: Cursor)] = []

    /// Starts the load and waits until threats are acknowledged.
    /// - Parameters:
    ///   - visitors: Clients that leave when they are sent away, for any other replica.
    ///   - rate: Threats per second of all publishers together.
    ///   - prefix: What the ids of its threats begin with.
    init(
        _ urls: [ServerURL], residents: Int = 6, wanderers: Int = 3, visitors: Int = 0, rate: Double = 150,
        prefix: String = "load"
    ) throws {
        self.prefix = prefix
        self.urls = urls
        self.residents = residents
        let options = (0..<(residents + wanderers + visitors)).map { index in
            let first = index % urls.count
            let rotated = Array(urls[first...] + urls[..<first])
            return FeedClientOptions(
                urls: index < residents ? [urls[first]] : rotated,
                reconnectPeriod: (residents..<residents + wanderers).contains(index) ? .seconds(1) : nil,
                backoff: Backoff(first: .milliseconds(50), longest: .milliseconds(500)),
                isDeflated: !index.isMultiple(of: 2))
        }
        fleet = try FeedFleet(options)
        pool = try PublisherPool(
            .init(
                urls: urls, publishers: 6, rate: Harness.paced(rate), idPrefix: prefix,
                limits: FailureBench.publisherLimits))
        guard fleet.wait(atMost: FailureBench.deadline, for: { $0.allSatisfy { $0.joinedAfter != nil } }) else {
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
    func awaitAcknowledgements(_ count: Int) throws {
        let before = pool.acknowledgedCount
        guard Harness.wait(atMost: FailureBench.deadline, for: { pool.acknowledgedCount >= before + count }) else {
            throw HarnessError("of \(count) threats only \(pool.acknowledgedCount - before) were acknowledged")
        }
    }

    /// Waits until publishers have given up so many more attempts, each after the whole time that it may wait for its
    /// answer: whatever hangs has then hung for at least as long.
    func awaitLostAttempts(_ count: Int) throws {
        let before = pool.lostAttemptCount
        guard Harness.wait(atMost: FailureBench.deadline, for: { pool.lostAttemptCount >= before + count }) else {
            throw HarnessError("only \(pool.lostAttemptCount - before) attempts were given up, not \(count)")
        }
    }

    /// Waits until every client that stays where it is has been told of so many resets.
    func awaitResets(_ count: Int) -> Bool {
        fleet.wait(atMost: FailureBench.deadline) { $0.prefix(residents).allSatisfy { $0.resets.count >= count } }
    }

    /// Waits until a replica refuses threats with 503, `Retry-After` and nothing worse.
    func awaitRefusal(by url: ServerURL) throws {
        let client = HTTPClient(url, deadline: FailureBench.answerDeadline)
        var other: [Int] = []
        let refused = Harness.wait(atMost: FailureBench.deadline, every: .milliseconds(50)) {
            guard let answer = try? post(client) else { return false }
            if answer.status == 503, answer.retryAfter != nil { return true }
            if answer.status != 201 { other.append(answer.status) }
            return false
        }
        #expect(refused, "\(url) refuses nothing")
        #expect(other == [])
    }

    /// Expects replicas to refuse whatever is posted.
    /// - Parameter count: Posts to each.
    func expectRefusals(_ count: Int) throws {
        for url in urls {
            let client = HTTPClient(url, deadline: FailureBench.answerDeadline)
            let statuses = try (0..<count).map { _ in try post(client).status }
            #expect(statuses == [Int](repeating: 503, count: count), "\(url)")
        }
    }

    /// Posts to each replica until it accepts, which it must, and never with an answer but 503 before.
    ///
    /// How long that takes is printed and no more: it says as much about the machine.
    func expectRecovery(of urls: [ServerURL]? = nil) {
        let start = MonotonicTime.now
        var waiting = (urls ?? self.urls).map { HTTPClient($0, deadline: FailureBench.answerDeadline) }
        var statuses: Set<Int> = []
        _ = Harness.wait(atMost: FailureBench.deadline, every: .milliseconds(20)) {
            waiting.removeAll { client in
                guard let answer = try? post(client), answer.status != 503 else { return false }
                statuses.insert(answer.status)
                return answer.status == 201
            }
            return waiting.isEmpty
        }
        #expect(waiting.isEmpty, "not recovered: \(waiting.map(\.url))")
        #expect(statuses == [201])
        print("\(FailureBench.testName): accepted again after \(MonotonicTime.now - start)")
    }

    /// Expects that what every replica has acknowledged until now reaches every client.
    func expectDelivery() {
        guard let last = probes.map(\.cursor).max() else { return }
        #expect(Harness.wait(fleet, for: last, atMost: FailureBench.deadline), "\(last) is missing: \(positions())")
    }

    private func post(_ client: HTTPClient) throws(ClientError) -> HTTPAnswer {
        let id = "\(prefix)-probe-\(MonotonicTime.now.nanoseconds)"
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
        let last = try cursor(
            of: try Harness.trigger(urls[0], #"{"id":"\#(prefix)-last-of-all","threat_type":"malware"}"#))
        #expect(Harness.wait(fleet, for: last, atMost: FailureBench.deadline), "\(positions())")
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
        let client = HTTPClient(urls[0], deadline: FailureBench.answerDeadline)
        let missing = try ids.filter { try client.get("/api/threats/\($0)").status != 200 }
        #expect(missing == [])
    }

    private func positions() -> [String] {
        fleet.inspect { $0.map { "\($0.cursor.map { "\($0)" } ?? "-") \($0.isConnected) \($0.url)" } }
    }
}

/// What the failure tests start from.
enum FailureBench {
    /// How long a condition may take to come true. It bounds a hang and decides nothing else.
    static let deadline = Duration.seconds(90)
    /// How long one exchange may take: less than `deadline`, so that one which hangs is made again.
    static let answerDeadline = Duration.seconds(20)
    /// An attempt without an answer is made again with the same id, for longer than any condition is waited for.
    static let publisherLimits = ThreatPublisher.Limits(attemptsMax: 100_000, period: deadline * 2)

    /// Stands before what is printed, for tests that run side by side.
    static var testName: String { Test.current?.name ?? "-" }

    /// Three replicas, each behind a proxy of its own to one Redis.
    /// - Parameter handOnSeconds: When clients leave a replica that cannot follow the log; 0 for never, so that tests may
    ///   look at how it comes back with them.
    static func cluster(
        durability: LocalRedis.Durability = .always, redis arguments: [String] = [], arguments replica: [String] = [],
        handOnSeconds: Int = 0, environment: (Int) -> [String] = { _ in [] }
    ) throws -> FaultyCluster {
        guard ChildProcess.find("redis-server") != nil else { throw HarnessError(LocalRedis.installHint) }
        var options = LocalRedis.Options()
        options.durability = durability
        options.arguments = arguments
        return try FaultyCluster(
            launcher: try Harness.program(), redis: options,
            arguments: ["--hand-on-seconds", "\(handOnSeconds)"] + replica, environment: environment)
    }

    /// The value of a metric of a replica.
    static func metric(_ name: String, of url: ServerURL) throws -> Double? {
        let text = try HTTPClient(url, deadline: answerDeadline).get("/metrics").text
        return text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }?.split(separator: " ").last.flatMap {
            Double($0)
        }
    }
}
