import Broadcast
import HTTPProtocol
import PosixIO
import RedisLog

/// What all event loops of a replica share. Immutable, or safe to use from any thread.
final class ReplicaShared: Sendable {
    let configuration: ReplicaConfiguration
    let endpoint: RedisEndpoint
    let logger: OperatorLog
    let status = ReplicaStatus()
    let connectionCount = ConnectionCount()
    /// Event loops whose thread has not ended.
    let runningLoops = Counter()
    let loops: [LoopMetrics]
    let limits = Limits()
    let decoderConfiguration: HTTPRequestDecoder.Configuration
    let started = MonotonicTime.now
    let startedUnixMilliseconds = unixMilliseconds()

    init(_ configuration: ReplicaConfiguration, endpoint: RedisEndpoint, logger: OperatorLog, loops: [LoopMetrics]) {
        self.configuration = configuration
        self.endpoint = endpoint
        self.logger = logger
        self.loops = loops
        decoderConfiguration = HTTPRequestDecoder.Configuration(
            limits: HTTPLimits(), bodyBytesMax: { Self.bodyBytesMax(of: $0, configuration) })
    }

    var keys: LogKeys { LogKeys(prefix: configuration.redisPrefix) }

    var retention: LogRetention {
        LogRetention(entriesMax: configuration.retentionCount, ageMax: configuration.retentionAge)
    }

    var ringBounds: Ring.Bounds {
        Ring.Bounds(entriesMax: configuration.ringEntriesMax, bytesMax: configuration.ringBytesMax)
    }

    /// How large the body of a request may be, known from its head.
    private static func bodyBytesMax(of request: HTTPRequest, _ configuration: ReplicaConfiguration) -> Int {
        if request.hasPath("/api/threats/trigger") { return configuration.threatBytesMax }
        return Endpoint(path: request.path)?.bodyBytesMax(configuration) ?? 0
    }

    func metricsPage(now: MonotonicTime, commandsUp: Bool) -> String {
        MetricsPage(self, now: now, commandsUp: commandsUp).text
    }
}
