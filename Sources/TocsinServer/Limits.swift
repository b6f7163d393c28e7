/// Every bound that protects a replica. Each member is a setting, described in docs/operations.md.
///
/// Sizes are in bytes; those of one connection or client count what it makes the replica hold.
public struct Limits: Sendable {
    // MARK: Connections

    /// Connections in all, over all event loops.
    public var connectionsMax = 50_000
    /// Connections of one source: an IPv4 address, or the /64 of an IPv6 address.
    public var connectionsPerAddressMax = 16_384
    /// Connections on which no request has arrived whole yet, TLS handshakes included.
    public var pendingHandshakesMax = 8_192
    /// The deadline for a TLS handshake.
    public var tlsHandshakeDeadline = Duration.seconds(10)
    /// How long a connection between requests stays open, and how long what is sent may stay unacknowledged.
    public var idleTimeout = Duration.seconds(75)
    /// Bytes for one client alone that wait for its socket.
    public var outputBytesMax = 1 << 20

    /// What all clients together may make the replica hold: unfinished requests and messages, unsent output.
    public var bufferedBytesMax = 256 << 20

    // MARK: Redis

    /// How long the addresses of a host of Redis or a Sentinel are waited for; then the next host has its turn.
    public var nameLookupDeadline = Duration.seconds(1)
    /// Such look-ups, each with a thread of its own, under way at a time.
    public var nameLookupsMax = 8

    // MARK: Requests

    /// The deadline for receiving one whole request, or one whole message of a WebSocket client.
    public var requestDeadline = Duration.seconds(15)
    /// Requests served on one connection, which then closes.
    public var requestsPerConnectionMax = 1_000_000
    /// Requests of one connection without an answer; further ones wait in the socket.
    public var pipelinedRequestsMax = 64
    /// The target of a request, query included.
    public var targetBytesMax = 8 << 10
    /// The header section of a request.
    public var headerBytesMax = 16 << 10
    public var headerFieldsMax = 100
    /// The body of a single threat.
    public var threatBytesMax = 64 << 10
    /// The body of a batch.
    public var batchBytesMax = 1 << 20
    public var batchThreatsMax = 1_000
    /// Entries searched for the history of one client with a filter that matches little.
    public var historyScanMax = 5_000

    /// The first frame of a fresh client, history and all: many libraries take no more than a megabyte, some less.
    public var initialBatchBytesMax = 256 << 10

    // MARK: WebSocket clients

    /// A message, assembled and inflated.
    public var messageBytesMax = 64 << 10
    /// The payload of one frame.
    public var frameBytesMax = 64 << 10
    public var framesPerMessageMax = 4_096
    /// Messages and pings, averaged over ten seconds.
    public var messagesPerSecondMax = 50
    /// After so long without a word from a client it is sent a ping.
    public var pingInterval = Duration.seconds(20)
    /// How long the pong may take, or anything else it says.
    public var pongDeadline = Duration.seconds(20)

    // MARK: The feed

    /// Streams that start in a second; more wait for their turn.
    public var streamsPerSecondMax = 2_000

    /// Entries that each event loop keeps at hand for its clients.
    public var ringEntriesMax = 16_384
    /// The bytes of those entries together.
    public var ringBytesMax = 64 << 20

    public init() {}
}
