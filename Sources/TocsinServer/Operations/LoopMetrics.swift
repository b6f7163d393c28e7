/// What one event loop counts. Written by its loop, read by whoever serves `/metrics`.
///
/// A new figure is a member here, or of `LaneMetrics` if each log has its own, and a line in `MetricsPage`.
final class LoopMetrics: Sendable {
    let threats = LaneMetrics()
    let proof = LaneMetrics()
    let turns = Counter()
    let refusedConnections = Counter()
    let tlsHandshakes = Counter()
    let tlsHandshakeFailures = Counter()
    let httpRequests = Counter()
    let protocolErrors = Counter()

    /// Streams that were not let in because too many came at once.
    let refusedStreams = Counter()

    /// Responses by the first digit of their status: 1xx to 5xx.
    private let responses = (0..<6).map { _ in Counter() }

    func answered(_ status: Int) {
        responses[min(5, status / 100)].add(1)
    }

    func of(_ served: ServedLog) -> LaneMetrics {
        switch served {
        case .threats: threats
        case .proof: proof
        }
    }

    func responses(ofClass digit: Int) -> Int { responses[digit].value }
}

/// What one event loop counts of one log.
final class LaneMetrics: Sendable {
    let webSocketClients = Counter()
    let eventStreamClients = Counter()

    let acceptedThreats = Counter()
    let rejectedThreats = Counter()
    let deliveredEntries = Counter()
    /// Clients sent to other replicas because the log could not be followed.
    let handedOn = Counter()

    let ringEntries = Counter()
    let ringBytes = Counter()

    /// Clients closed because they did not keep up or did not live, by reason.
    private let drops = DropReason.allCases.map { _ in Counter() }

    func dropped(_ reason: DropReason) {
        drops[reason.index].add(1)
    }

    func drops(for reason: DropReason) -> Int { drops[reason.index].value }

    func ring(entries: Int, bytes: Int) {
        ringEntries.set(entries)
        ringBytes.set(bytes)
    }
}

/// Why a client was closed that the replica would rather have kept.
enum DropReason: String, CaseIterable {
    /// Entries it lacks have left the ring.
    case lagged
    /// What it was sent did not get into its socket for too long.
    case unread
    /// Nothing was heard of it, not even a pong.
    case unresponsive
    /// Retention let go of what it was to be given from the log.
    case trimmed

    fileprivate var index: Int {
        switch self {
        case .lagged: 0
        case .unread: 1
        case .unresponsive: 2
        case .trimmed: 3
        }
    }
}
