/// Everything one replica can be told. Each member has a flag, an environment variable and a configuration key.
public struct ReplicaConfiguration: Sendable {
    /// Listen address: a literal address or a name that resolves to one.
    public var host = "127.0.0.1"
    /// Listen port; 0 takes a free one, which the log names.
    public var port: UInt16 = 8000
    /// Whether a non-loopback address may be served although no authentication is configured.
    public var insecure = false
    /// `redis://` or `unix://`, with user, password and database; `nil` runs a private `redis-server` under `dataDirectory`.
    public var redisURL: String?
    public var redisPrefix = "tocsin"
    /// Threads that serve connections; `nil` for one per core.
    public var eventLoops: Int?
    /// Where the private Redis keeps its files.
    public var dataDirectory = "tocsin-data"
    /// The name of this replica in logs, metrics and `received_by`.
    public var replicaName = "tocsin"

    public var logLevel = "info"
    public var logFormat = LogFormat.text

    /// How many threats stay readable.
    public var retentionCount = 100_000
    /// How long a threat stays readable.
    public var retentionAge = Duration.seconds(7 * 86_400)
    /// How long a drain may take; streaming clients are closed at moments spread over its first four fifths.
    public var drainPeriod = Duration.seconds(10)

    /// The most entries that each event loop keeps at hand for its clients.
    public var ringEntriesMax = 16_384
    /// The most bytes those entries may have together.
    public var ringBytesMax = 64 << 20
    /// Connections in all, over all event loops.
    public var connectionsMax = 50_000
    /// The largest WebSocket message from a client.
    public var messageBytesMax = 64 << 10
    /// The largest body of a single threat.
    public var threatBytesMax = 64 << 10
    /// The largest body of a batch.
    public var batchBytesMax = 1 << 20
    public var batchThreatsMax = 1_000
    /// How long a streaming client may go without a frame before it gets a heartbeat.
    public var heartbeatInterval = Duration.seconds(15)
    /// How long a connection between requests stays open.
    public var idleTimeout = Duration.seconds(75)
    /// The deadline for receiving one whole request.
    public var requestDeadline = Duration.seconds(15)
    /// Origins of browser pages that may open `/ws`, beside the replica's own; `*` allows all.
    public var allowedOrigins: [String] = []

    public init() {}
}

public enum LogFormat: String, Sendable, CaseIterable {
    case text
    case json
}
