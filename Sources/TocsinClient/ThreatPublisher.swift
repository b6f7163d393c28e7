import HTTPProtocol
public import PosixIO
public import ThreatFeed

/// What a replica answered to a threat it keeps.
public struct Acknowledgement: Sendable, Equatable {
    public let threatID: String
    public let cursor: Cursor
    /// 201 for a new threat, 200 for one that was known.
    public let status: Int
    /// When the attempt that was answered was sent.
    public let sentAt: MonotonicTime
    public let attempts: Int
    /// The stored threat as the replica sent it.
    public let document: [UInt8]
}

/// Why a threat was not acknowledged.
public enum PublishError: Error, Sendable {
    /// The replica refuses this threat; sending it again will not help.
    case rejected(HTTPAnswer)
    /// Every attempt failed; how the last one did. `status` is 503 or 429 if it was answered.
    case unavailable(String, status: Int?, attempts: Int)
}

/// Posts threats, each until it is acknowledged: the same id and body again after 503 or a lost connection, so that a
/// retry is not a second threat. Owned and used by one thread.
public final class ThreatPublisher {
    /// Bounds of the attempts for one threat.
    public struct Limits: Sendable {
        public var attemptsMax: Int
        /// No attempt starts later than this after the first.
        public var period: Duration
        public var backoff: Backoff
        /// Whether a threat is sent again when an attempt ended without an answer; only right for one with an id.
        public var retriesAfterLoss: Bool

        public init(
            attemptsMax: Int = 60, period: Duration = .seconds(30),
            backoff: Backoff = Backoff(first: .milliseconds(50), longest: .seconds(1)), retriesAfterLoss: Bool = true
        ) {
            self.attemptsMax = attemptsMax
            self.period = period
            self.backoff = backoff
            self.retriesAfterLoss = retriesAfterLoss
        }
    }

    /// Told why an attempt failed that is followed by another one.
    public var onRetry: (_ failure: String) -> Void = { _ in }
    private let clients: [HTTPClient]
    private let limits: Limits
    private let target: String
    private var current: Int
    private var refusals = 0
    private var refusalsWithoutRetryAfter = 0
    private var lostAttempts = 0

    /// - Parameters:
    ///   - urls: Replicas; after a failure the next one is tried.
    ///   - first: Index of the replica to begin with.
    public init(
        _ urls: [ServerURL], first: Int = 0, log: DeploymentLog = .threats, requestDeadline: Duration = .seconds(5),
        limits: Limits = Limits()
    ) {
        precondition(!urls.isEmpty, "a publisher needs a replica")
        clients = urls.map { HTTPClient($0, deadline: requestDeadline) }
        current = first % urls.count
        self.limits = limits
        target = log.target("/api/threats/trigger")
    }

    /// Goes on at another replica with the next threat.
    public func turn() {
        current = (current + 1) % clients.count
    }

    /// What went wrong since the last call: answers of 503 or 429, how many of them lacked `Retry-After`, and attempts
    /// that ended without an answer.
    public func takeCounters() -> (refusals: Int, refusalsWithoutRetryAfter: Int, lostAttempts: Int) {
        defer { (refusals, refusalsWithoutRetryAfter, lostAttempts) = (0, 0, 0) }
        return (refusals, refusalsWithoutRetryAfter, lostAttempts)
    }

    /// Posts one threat until it is acknowledged, rejected, or the bounds are reached.
    /// - Parameter body: A threat with an `id`; without one every attempt would be another threat, see
    ///   `Limits.retriesAfterLoss`.
    public func publish(_ body: [UInt8]) throws(PublishError) -> Acknowledgement {
        let deadline = MonotonicTime.now + limits.period
        var backoff = limits.backoff
        var attempts = 0
        while true {
            attempts += 1
            let sentAt = MonotonicTime.now
            var wait = backoff.next(randomness: Double.random(in: 0..<1))
            let failure: String
            var status: Int?
            var mayRepeat = true
            switch post(body) {
            case .success(let answer):
                if let known = Self.acknowledgement(answer, sentAt: sentAt, attempts: attempts) { return known }
                guard answer.status == 503 || answer.status == 429 else { throw .rejected(answer) }
                refusals += 1
                if let asked = answer.retryAfter { wait = max(wait, asked) } else { refusalsWithoutRetryAfter += 1 }
                status = answer.status
                let detail = answer.json?["detail"]?.stringValue.map { ": \($0)" } ?? ""
                failure = "\(clients[current].url) answered \(answer.status)\(detail)"
            case .failure(let error):
                lostAttempts += 1
                mayRepeat = mayBeRepeated(after: error)
                failure = "\(error)"
            }
            guard mayRepeat, attempts < limits.attemptsMax, MonotonicTime.now + wait < deadline else {
                throw .unavailable(failure, status: status, attempts: attempts)
            }
            onRetry(failure)
            turn()
            Pause.sleep(wait)
        }
    }

    private func mayBeRepeated(after error: ClientError) -> Bool {
        switch error {
        case .unreachable: true
        case .connectionLost, .timedOut, .protocolViolation: limits.retriesAfterLoss
        // Nothing will be different with the next attempt.
        case .untrusted, .configuration, .invalidURL, .childFailed: false
        }
    }

    private func post(_ body: [UInt8]) -> Result<HTTPAnswer, ClientError> {
        do throws(ClientError) {
            return .success(try clients[current].post(target, body))
        } catch {
            return .failure(error)
        }
    }

    private static func acknowledgement(
        _ answer: HTTPAnswer, sentAt: MonotonicTime, attempts: Int
    ) -> Acknowledgement? {
        guard answer.status == 200 || answer.status == 201, let document = answer.json,
            let id = document["id"]?.stringValue, let cursor = document["cursor"]?.cursorValue
        else { return nil }
        return Acknowledgement(
            threatID: id, cursor: cursor, status: answer.status, sentAt: sentAt, attempts: attempts,
            document: answer.body)
    }
}
