/// Bounds that protect the replica, beside those of `ReplicaConfiguration`.
struct Limits: Sendable {
    /// Messages and pings of one WebSocket client, averaged over ten seconds.
    var messagesPerSecondMax = 50
    /// Entries searched for the history of one client with a filter that matches little.
    var historyScannedMax = 5_000
    /// Bytes for one client alone that wait for its socket; it is closed beyond.
    var outboxBytesMax = 1 << 20
}
