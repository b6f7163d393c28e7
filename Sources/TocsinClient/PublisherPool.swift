public import PosixIO
import Synchronization
import ThreatFeed

/// What a pool of publishers has done.
public struct PublisherReport: Sendable {
    public internal(set) var acknowledgements: [Acknowledgement] = []
    /// When each of them came.
    public internal(set) var acknowledgedAt: [MonotonicTime] = []
    /// Threats that were given up: why, one line each.
    public internal(set) var failures: [String] = []
    /// Those of them that a replica refused with another status than 503 and 429.
    public internal(set) var rejections = 0
    /// Answers of 503.
    public internal(set) var refusals = 0
    public internal(set) var refusalsWithoutRetryAfter = 0
    /// Attempts that ended without an answer.
    public internal(set) var lostAttempts = 0
}

/// Several publishers at once, each on its own thread and connections, spreading threats over all replicas.
public final class PublisherPool: Sendable {
    public struct Options: Sendable {
        public var urls: [ServerURL]
        public var publishers: Int
        /// Threats in all; `nil` for as many as there are until `stop`.
        public var threats: Int?
        /// Threats per second of all publishers together; `nil` for as fast as they are acknowledged.
        public var rate: Double?
        /// Ids are `PREFIX-publisher-number`.
        public var idPrefix: String
        public var log: DeploymentLog
        public var limits: ThreatPublisher.Limits
        /// How long one attempt waits for its answer.
        public var requestDeadline: Duration

        public init(
            urls: [ServerURL], publishers: Int, threats: Int? = nil, rate: Double? = nil, idPrefix: String,
            log: DeploymentLog = .threats, limits: ThreatPublisher.Limits = ThreatPublisher.Limits(),
            requestDeadline: Duration = .seconds(5)
        ) {
            precondition(publishers > 0, "a pool has publishers")
            self.urls = urls
            self.publishers = publishers
            self.threats = threats
            self.rate = rate
            self.idPrefix = idPrefix
            self.log = log
            self.limits = limits
            self.requestDeadline = requestDeadline
        }
    }

    private let options: Options
    private let isStopping = Atomic<Bool>(false)
    private let running: Atomic<Int>
    // Owner: the pool's threads and whoever asks for the report. Nothing is called while it is held.
    private let gathered = Mutex(PublisherReport())
    private let threads = Mutex<[Thread]>([])

    /// Starts the publishers.
    public init(_ options: Options) throws(SystemError) {
        self.options = options
        running = Atomic(options.publishers)
        let start = MonotonicTime.now
        for index in 0..<options.publishers {
            let thread = try Thread.start(name: "publisher-\(index)") { [self] in publish(index, start) }
            threads.withLock { $0.append(thread) }
        }
    }

    /// Whether every publisher has done its part.
    public var isDone: Bool { running.load(ordering: .acquiring) == 0 }

    public var acknowledgedCount: Int { gathered.withLock { $0.acknowledgements.count } }

    public var refusalCount: Int { gathered.withLock { $0.refusals } }

    /// Attempts that ended without an answer, of the threats that are done with.
    public var lostAttemptCount: Int { gathered.withLock { $0.lostAttempts } }

    /// Lets each publisher finish the threat it is at.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
    }

    /// Waits for all publishers. Call it once.
    public func finish() -> PublisherReport {
        let all = threads.withLock { threads in
            let all = threads
            threads = []
            return all
        }
        for thread in all { thread.join() }
        return gathered.withLock { $0 }
    }

    private func publish(_ index: Int, _ start: MonotonicTime) {
        let publisher = ThreatPublisher(
            options.urls, first: index, log: options.log, requestDeadline: options.requestDeadline,
            limits: options.limits)
        let share = options.threats.map { $0 / options.publishers + (index < $0 % options.publishers ? 1 : 0) }
        var number = 0
        while share.map({ number < $0 }) ?? true, !isStopping.load(ordering: .acquiring) {
            if let rate = options.rate { pace(start, Double(number * options.publishers + index) / rate) }
            let id = "\(options.idPrefix)-\(index)-\(number)"
            do throws(PublishError) {
                let acknowledgement = try publisher.publish(SampleTraffic.threat(id: id, number: number + index))
                let now = MonotonicTime.now
                gathered.withLock { report in
                    report.acknowledgements.append(acknowledgement)
                    report.acknowledgedAt.append(now)
                }
            } catch {
                gathered.withLock { report in
                    report.failures.append("\(id): \(Self.text(error))")
                    if case .rejected = error { report.rejections += 1 }
                }
            }
            noteCounters(publisher)
            publisher.turn()
            number += 1
        }
        running.subtract(1, ordering: .releasing)
    }

    /// Sleeps until a post is due, or until the pool stops.
    private func pace(_ start: MonotonicTime, _ seconds: Double) {
        let due = start + .seconds(seconds)
        while !isStopping.load(ordering: .acquiring) {
            let left = due - MonotonicTime.now
            guard left > .zero else { return }
            Pause.sleep(min(left, .milliseconds(100)))
        }
    }

    private func noteCounters(_ publisher: ThreatPublisher) {
        let counters = publisher.takeCounters()
        gathered.withLock { report in
            report.refusals += counters.refusals
            report.refusalsWithoutRetryAfter += counters.refusalsWithoutRetryAfter
            report.lostAttempts += counters.lostAttempts
        }
    }

    private static func text(_ error: PublishError) -> String {
        switch error {
        case .rejected(let answer): "answered \(answer.status): \(answer.text)"
        case .unavailable(let reason, _, let attempts): "given up after \(attempts) attempts: \(reason)"
        }
    }
}
