import Broadcast
import RedisLog

/// A log that a replica serves. Each has keys of its own in Redis, and a lane on every event loop.
enum ServedLog: UInt32, CaseIterable, Sendable {
    /// What the deployment is for.
    case threats
}

extension ReplicaShared {
    func keys(of served: ServedLog) -> LogKeys {
        switch served {
        case .threats: LogKeys(prefix: configuration.redisPrefix)
        }
    }

    func retention(of served: ServedLog) -> LogRetention {
        switch served {
        case .threats: LogRetention(entriesMax: configuration.retentionCount, ageMax: configuration.retentionAge)
        }
    }

    func ringBounds(of served: ServedLog) -> Ring.Bounds {
        switch served {
        case .threats: Ring.Bounds(entriesMax: limits.ringEntriesMax, bytesMax: limits.ringBytesMax)
        }
    }

    /// What CLIENT LIST shows of a connection of this replica.
    func linkName(_ role: String, of served: ServedLog) -> String {
        switch served {
        case .threats: "tocsin-\(configuration.replicaName)-\(role)"
        }
    }
}
