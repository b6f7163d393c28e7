import Broadcast
import RedisLog

/// A log that a replica serves. Each has keys of its own in Redis, and a lane on every event loop.
enum ServedLog: UInt32, CaseIterable, Sendable {
    /// What the deployment is for.
    case threats
    /// What `tocsin prove` posts to a running deployment: nobody's threats, seen only by who asks for them. Served only
    /// while it is used, so that a deployment that is never proved pays nothing.
    case proof

    /// By what name callers choose it in a query; `nil` for the one they get without a name.
    var queryName: String? {
        switch self {
        case .threats: nil
        case .proof: "proof"
        }
    }

    /// How long a log that is served on demand stays open without a client or a request, which is short because opening
    /// it again costs little; `nil` for one that is always served.
    var idleMax: Duration? {
        switch self {
        case .threats: nil
        case .proof: .seconds(10)
        }
    }
}

extension ReplicaShared {
    func keys(of served: ServedLog) -> LogKeys {
        LogKeys(prefix: configuration.redisPrefix, tenant: served.queryName ?? "default")
    }

    func retention(of served: ServedLog) -> LogRetention {
        let configured = LogRetention(entriesMax: configuration.retentionCount, ageMax: configuration.retentionAge)
        switch served {
        case .threats: return configured
        case .proof:
            // 50 s of a proof at its usual rate, longer than a publisher goes on retrying: what is retried is still
            // known. The lease outlives an outage of Redis in the middle of a proof, and little more.
            return LogRetention(
                entriesMax: min(10_000, configured.entriesMax), ageMax: min(.seconds(3_600), configured.ageMax),
                lease: .seconds(600))
        }
    }

    func ringBounds(of served: ServedLog) -> Ring.Bounds {
        switch served {
        case .threats: Ring.Bounds(entriesMax: limits.ringEntriesMax, bytesMax: limits.ringBytesMax)
        // 20 s of a proof at its usual rate: enough for clients that keep up, which is what a proof is about.
        case .proof:
            Ring.Bounds(
                entriesMax: min(4_096, limits.ringEntriesMax), bytesMax: min(8 << 20, limits.ringBytesMax))
        }
    }

    /// What CLIENT LIST shows of a connection of this replica.
    func linkName(_ role: String, of served: ServedLog) -> String {
        let log = served.queryName.map { "\($0)-" } ?? ""
        return "tocsin-\(configuration.replicaName)-\(log)\(role)"
    }
}
