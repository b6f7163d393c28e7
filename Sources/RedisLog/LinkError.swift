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
    /// The same for one Sentinel of several.
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
        connectTimeout: Duration = .seconds(2), sentinelTimeout: Duration = .milliseconds(500),
        answerTimeout: Duration = .seconds(3), probeInterval: Duration = .seconds(1),
        backoffMin: Duration = .milliseconds(50), backoffMax: Duration = .seconds(1),
        pendingCommandsMax: Int = 65_536, pendingBytesMax: Int = 64 << 20, replyBytesMax: Int = 256 << 20
    ) {
        self.connectTimeout = connectTimeout
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

extension RedisLink {
    /// What an error reply means for whoever reads the log.
    static func explanation(code: String, message: String) -> String {
        switch code {
        case "LOADING": "Redis is loading its data"
        case "MASTERDOWN": "Redis is a replica that has lost its master"
        case "READONLY": "Redis is a read-only replica"
        case "NOAUTH": "Redis asks for a password"
        case "WRONGPASS": "Redis refuses the user or password"
        case "OOM": "Redis is out of memory (maxmemory)"
        case "MISCONF": "Redis cannot save to disk and refuses writes"
        case "NOPERM": "the Redis user lacks a permission (ACL): \(message)"
        case "MOVED", "ASK": "another node of a Redis cluster has the log: \(code) \(message)"
        case "TRYAGAIN": "the log is being moved to another node of the Redis cluster: \(code) \(message)"
        case "CLUSTERDOWN": "the Redis cluster is down: \(message)"
        case "REPAIRING": "\(LogError.repairing)"
        case "NOREPLICAS": "Redis has too few replicas and refuses writes"
        case "WRONGTYPE": "a key has another type than the log's: \(message)"
        default: "\(code) \(message)"
        }
    }
}
