import Codecs
import PosixIO

/// Why a link is down, for operators.
extension RedisLink {
    /// What an error reply means for whoever reads the log.
    /// - Parameter peer: Who sent it.
    static func explanation(code: String, message: String, of peer: String = "Redis") -> String {
        switch code {
        case "LOADING": "\(peer) is loading its data"
        case "MASTERDOWN": "\(peer) is a replica that has lost its master"
        case "READONLY": "\(peer) is a read-only replica"
        case "NOAUTH": "\(peer) asks for a password"
        case "WRONGPASS": "\(peer) refuses the user or password"
        case "OOM": "\(peer) is out of memory (maxmemory)"
        case "MISCONF": "\(peer) cannot save to disk and refuses writes"
        case "NOPERM": "the Redis user lacks a permission (ACL): \(message)"
        case "MOVED", "ASK":
            "another node of a Redis cluster has the log: \(code) \(message); Tocsin needs a Redis that is no cluster"
        case "TRYAGAIN": "the log is being moved to another node of the Redis cluster: \(code) \(message)"
        case "CLUSTERDOWN": "the Redis cluster is down: \(message)"
        case "REPAIRING": "\(LogError.repairing)"
        case "NOREPLICAS": "\(peer) has too few replicas and refuses writes"
        case "WRONGTYPE": "a key has another type than the log's: \(message)"
        case "ERR" where message.contains("SELECT is not allowed in cluster mode"):
            "\(peer) is a node of a cluster, which has no database but 0; Tocsin needs a Redis that is no cluster"
        default: "\(code) \(message)"
        }
    }

    /// Who the present peer is, for reasons. Where Sentinels are involved they and Redis are told apart.
    var peerName: String {
        switch peer {
        case .server: "Redis"
        case .sentinel: "Sentinel \(attempt.peer)"
        case .master: "Redis \(attempt.peer)"
        }
    }

    /// Whether every reason has to say who it is about.
    var isPeerNamed: Bool { endpoint.hasSentinels }

    func explanation(of error: WireError) -> String {
        switch error {
        case .system(let error): "\(error)"
        case .reply(let error): "not a Redis reply: \(error.reason)"
        case .tls(.configuration(let text)): "TLS with \(peerName) cannot be set up: \(text)"
        case .tls(.plaintextHTTP): "TLS with \(peerName) failed: an HTTP server listens there"
        case .tls(.untrustedPeer(let text)): "the certificate of \(peerName) is not trusted: \(text)"
        case .tls(.failed(let text)):
            "TLS with \(peerName) failed: \(text)" + (text.contains("is not TLS") ? "; \(plainHint)" : "")
        case .tlsExpected: "\(peerName) speaks TLS on this port: \(tlsHint)"
        }
    }

    /// What to write for a peer that expects TLS and was spoken to without.
    var tlsHint: String {
        switch peer {
        case .server: "use rediss://"
        case .sentinel where endpoint.tls != nil: "use --redis-sentinel-tls on"
        case .sentinel: "use rediss-sentinel://, or --redis-sentinel-tls on if Redis itself does not"
        case .master where endpoint.sentinelAccess.tls != nil: "use rediss-sentinel://"
        case .master: "use rediss-sentinel://, with --redis-sentinel-tls off if the Sentinels do not"
        }
    }

    /// What to write for a peer that does not speak TLS.
    var plainHint: String {
        switch peer {
        case .server: "does Redis speak TLS there? If not, use redis://"
        case .sentinel where endpoint.tls == nil: "does it speak TLS there? If not, use --redis-sentinel-tls off"
        case .sentinel:
            "does it speak TLS there? If not, use redis-sentinel://, or --redis-sentinel-tls off if Redis itself does"
        case .master where endpoint.sentinelAccess.tls == nil: "does it speak TLS there? If not, use redis-sentinel://"
        case .master:
            "does it speak TLS there? If not, use redis-sentinel://, with --redis-sentinel-tls on if the Sentinels do"
        }
    }
}
