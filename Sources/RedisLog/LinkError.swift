/// Why a command got no reply from Redis.
public enum LinkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no connection at the moment; nothing was sent.
    case notConnected(reason: String)
    /// The connection broke before the answer came; the command may or may not have been carried out.
    case connectionLost(reason: String)
    /// Too many commands wait for an answer already; nothing was sent.
    case overloaded

    public var description: String {
        switch self {
        case .notConnected(let reason): "not connected to Redis: \(reason)"
        case .connectionLost(let reason): "connection to Redis lost: \(reason)"
        case .overloaded: "too many commands wait for Redis"
        }
    }
}

/// The bounds of one link. Times are those after which a connection counts as broken.
public struct LinkLimits: Hashable, Sendable {
    public var connectTimeout: Duration
    /// Longest wait for the addresses of a host name; the look-up goes on, and the next attempt may have its answer.
    public var lookupTimeout: Duration
    /// The same as `connectTimeout` for one Sentinel of several.
    public var sentinelTimeout: Duration
    /// Longest wait for the answer to a command that was sent.
    public var answerTimeout: Duration
    /// How often an idle connection is asked whether it lives.
    public var probeInterval: Duration
    public var backoffMin: Duration
    public var backoffMax: Duration
    /// Commands that may wait for an answer.
    public var pendingCommandsMax: Int
    /// Bytes of arguments that may wait for an answer.
    public var pendingBytesMax: Int
    /// Bytes received without completing a reply.
    public var replyBytesMax: Int

    public init(
        connectTimeout: Duration = .seconds(2), lookupTimeout: Duration = .seconds(1),
        sentinelTimeout: Duration = .milliseconds(500),
        answerTimeout: Duration = .seconds(3), probeInterval: Duration = .seconds(1),
        backoffMin: Duration = .milliseconds(50), backoffMax: Duration = .seconds(1),
        pendingCommandsMax: Int = 65_536, pendingBytesMax: Int = 64 << 20, replyBytesMax: Int = 256 << 20
    ) {
        self.connectTimeout = connectTimeout
        self.lookupTimeout = lookupTimeout
        self.sentinelTimeout = sentinelTimeout
        self.answerTimeout = answerTimeout
        self.probeInterval = probeInterval
        self.backoffMin = backoffMin
        self.backoffMax = backoffMax
        self.pendingCommandsMax = pendingCommandsMax
        self.pendingBytesMax = pendingBytesMax
        self.replyBytesMax = replyBytesMax
    }
}
