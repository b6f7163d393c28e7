import Glibc
import PosixIO

/// Replicas and their Redis as child processes, in a temporary directory that goes with them.
public final class LocalCluster: Sendable {
    public let redis: LocalRedis
    public let replicas: [LocalReplica]
    private let directory: TemporaryDirectory

    /// Starts everything and waits until every replica is ready.
    /// - Parameters:
    ///   - launcher: The `tocsin` executable.
    ///   - redis: A Redis to share with another cluster; `nil` starts one.
    ///   - arguments: More of `tocsin serve`'s flags.
    ///   - tls: How to trust the replicas, when their flags make them speak TLS.
    public init(
        launcher: String, replicas count: Int, sharing redis: LocalRedis? = nil, arguments: [String] = [],
        tls: ClientTLS? = nil
    ) throws(ClientError) {
        let directory = try TemporaryDirectory()
        self.directory = directory
        let shared: LocalRedis
        if let redis { shared = redis } else { shared = try LocalRedis(directory: directory.path) }
        self.redis = shared
        var started: [LocalReplica] = []
        for index in 0..<count {
            started.append(
                try LocalReplica(
                    launcher: launcher, name: "replica-\(Self.letter(index))", redisURL: shared.url,
                    directory: directory.path, arguments: LocalReplica.patientArguments + arguments, tls: tls))
        }
        replicas = started
        for replica in started { try replica.waitUntilReady() }
    }

    public var urls: [ServerURL] { replicas.map(\.url) }

    /// `a`, `b`, … `z`, then numbers.
    private static func letter(_ index: Int) -> String {
        index < 26 ? String(UnicodeScalar(UInt8(ascii: "a") + UInt8(index))) : String(index)
    }
}
