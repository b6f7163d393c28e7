package import Histogram
public import PosixIO
import Synchronization

/// What is posted to a deployment under load.
public struct LoadPostOptions: Sendable {
    public var urls: [ServerURL]
    /// Connections, each with one request on its way at most.
    public var publishers: Int
    /// Threats in one request.
    public var batch: Int
    /// Threats per second of all publishers together; `nil` for as fast as they are answered.
    public var rate: Double?
    /// Of one threat's JSON, from 128.
    public var threatBytes: Int
    public var period: Duration
    public var log: DeploymentLog
    /// What the ids begin with.
    public var idPrefix: String
    /// The load ends early when as many were posted, because the clients can tell no more apart.
    public var threatsMax: Int

    public init(
        urls: [ServerURL], publishers: Int = 16, batch: Int = 1, rate: Double? = nil, threatBytes: Int = 600,
        period: Duration = .seconds(10), log: DeploymentLog = .threats, idPrefix: String, threatsMax: Int
    ) {
        precondition(!urls.isEmpty && publishers > 0, "posting needs replicas and publishers")
        precondition(rate.map { $0 > 0 } ?? true, "a rate is positive")
        self.urls = urls
        self.publishers = publishers
        self.batch = batch
        self.rate = rate
        self.threatBytes = threatBytes
        self.period = period
        self.log = log
        self.idPrefix = idPrefix
        self.threatsMax = threatsMax
    }

    public static let threatBytesMin = LoadRequest.threatBytesMin

    /// How long after the first one a post is due, at the latest with the end of the period, when none is sent any more.
    /// - Parameter post: Counted from 0.
    /// - Returns: `nil` without a rate.
    package func dueTime(ofPost post: Int) -> Duration? {
        guard let rate else { return nil }
        // So long a time may be beyond what a duration can express.
        let seconds = Double(post) * Double(batch) / rate
        return seconds < Double(period.nanoseconds) / 1e9 ? .seconds(seconds) : period
    }
}

/// What became of the posts of a load.
public struct LoadPosts: Sendable {
    /// Threats that were given up, or refused for what they are.
    public internal(set) var failed = 0
    /// Threats whose answers were not awaited.
    public internal(set) var unanswered = 0
    /// Threats in answers of 503 and 429.
    public internal(set) var refused = 0
    /// The first of those answers: its status and content.
    public internal(set) var firstRefusal: String?
    /// Attempts whose request had begun to go out, and which ended without an answer.
    public internal(set) var lostAttempts = 0
    /// Threats that were due and not posted, because no publisher was free until the end.
    public internal(set) var unsent = 0
    /// Whether the load ended before its time because as many threats were posted as can be told apart.
    public internal(set) var isFull = false
    public internal(set) var firstFailure: String?
    /// When the first post was due, and when the last answer came.
    public internal(set) var start = MonotonicTime.now
    public internal(set) var lastAnswer: MonotonicTime?
    /// Threats that were acknowledged.
    package internal(set) var acknowledged = LoadNumbers()
    /// From when a post was due (without a rate: sent) to its acknowledgement, in microseconds; one for each threat.
    package internal(set) var latency = LoadLedger.newHistogram()

    package init() {}

    public var acknowledgedCount: Int { acknowledged.count }

    /// Counts an answer that keeps each threat of a post or refuses it for what it is.
    /// - Parameters:
    ///   - statuses: One for each threat.
    ///   - due: When the post was due, or without a rate sent.
    /// - Returns: How many threats were acknowledged.
    package mutating func take(
        _ statuses: [Int], firstNumber: Int, due: MonotonicTime, now: MonotonicTime
    ) -> Int {
        var kept = 0
        for (offset, status) in statuses.enumerated() where status == 200 || status == 201 {
            acknowledged.insert(firstNumber + offset)
            kept += 1
        }
        failed += statuses.count - kept
        // A time that is recorded for no threat at all would still count as the highest.
        if kept > 0 { latency.record(LoadLedger.microseconds(now - due), count: UInt64(kept)) }
        lastAnswer = now
        return kept
    }
}

/// The publishers of a load, all on one thread.
///
/// With a rate their schedule is fixed beforehand, and a post that is late because earlier ones are slow counts from
/// when it was due.
public final class LoadPosting: Sendable {
    enum Command: Sendable {
        case begin
        case stop
        case abandon
    }

    private let mailbox: Mailbox<Command>
    // Owner: whoever starts and finishes. Nothing is called while it is held.
    private let thread = Mutex<Thread?>(nil)
    // Owner: the thread at its end, and whoever finishes. Nothing is called while it is held.
    private let result = Mutex(LoadPosts())
    // Owner: the thread; read by anybody. Nothing is called while it is held.
    private let failure = Mutex<String?>(nil)
    private let readyCount = Atomic<Int>(0)
    private let acknowledgements = Atomic<Int>(0)
    private let isEnding = Atomic<Bool>(false)
    private let isOver = Atomic<Bool>(false)

    /// Connects the publishers; nothing is posted before `begin`.
    /// - Throws: `ClientError.unreachable` for a name without an address, `childFailed` when the thread cannot be started.
    public init(_ options: LoadPostOptions) throws(ClientError) {
        let replicas = try LoadReplicas(options.urls)
        do throws(SystemError) {
            mailbox = try Mailbox()
            let started = try Thread.start(name: "load-posts") { [self] in run(options, replicas) }
            thread.withLock { $0 = started }
        } catch {
            throw .childFailed(error.description)
        }
    }

    /// Publishers that have been connected.
    public var ready: Int { readyCount.load(ordering: .acquiring) }

    /// Threats acknowledged so far.
    public var acknowledged: Int { acknowledgements.load(ordering: .relaxed) }

    /// Whether nothing new is posted any more.
    public var isDraining: Bool { isEnding.load(ordering: .acquiring) }

    /// Whether the period is over, and every post answered or given up.
    public var isDone: Bool { isOver.load(ordering: .acquiring) }

    /// Why an attempt failed, lately.
    public var lastFailure: String? { failure.withLock { $0 } }

    /// Begins to post.
    public func begin() { mailbox.post(.begin) }

    /// Lets nothing more be posted but what is on its way.
    public func stop() { mailbox.post(.stop) }

    /// Lets nothing more be posted, and awaits no answer.
    public func abandon() { mailbox.post(.abandon) }

    /// Waits for what is on its way, ends all connections and the thread. Call it once.
    public func finish() -> LoadPosts {
        stop()
        let running = thread.withLock { thread in
            let running = thread
            thread = nil
            return running
        }
        running?.join()
        return result.withLock { $0 }
    }

    private func run(_ options: LoadPostOptions, _ replicas: LoadReplicas) {
        do throws(SystemError) {
            var loop = try LoadPostLoop(options, replicas: replicas, mailbox: mailbox) { [self] event in
                switch event {
                case .ready: readyCount.add(1, ordering: .acquiringAndReleasing)
                case .acknowledged(let count): acknowledgements.add(count, ordering: .relaxed)
                case .draining: isEnding.store(true, ordering: .releasing)
                case .failed(let reason): failure.withLock { $0 = reason }
                }
            }
            let posts = loop.run()
            result.withLock { $0 = posts }
        } catch {
            failure.withLock { $0 = error.description }
        }
        isOver.store(true, ordering: .releasing)
    }
}
