/// What one event loop counts. Written by its loop, read by whoever serves `/metrics`.
///
/// A new figure is a member here and a line in `MetricsPage`.
final class LoopMetrics: Sendable {
    let webSocketClients = Counter()
    let eventStreamClients = Counter()
    let refusedConnections = Counter()
    let tlsHandshakes = Counter()
    let tlsHandshakeFailures = Counter()
    let httpRequests = Counter()
    let protocolErrors = Counter()

    let acceptedThreats = Counter()
    let rejectedThreats = Counter()
    let deliveredEntries = Counter()
    let droppedClients = Counter()

    let ringEntries = Counter()
    let ringBytes = Counter()

    /// Responses by the first digit of their status: 1xx to 5xx.
    private let responses = (0..<6).map { _ in Counter() }

    func answered(_ status: Int) {
        responses[min(5, status / 100)].add(1)
    }

    func responses(ofClass digit: Int) -> Int { responses[digit].value }

    func ring(entries: Int, bytes: Int) {
        ringEntries.set(entries)
        ringBytes.set(bytes)
    }
}
