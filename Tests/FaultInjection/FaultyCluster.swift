import PosixIO
public import TocsinClient

/// Replicas of ours and their Redis, with a proxy in between for each replica.
public final class FaultyCluster: Sendable {
    public let redis: LocalRedis
    /// In the order of the replicas.
    public let proxies: [FaultProxy]
    public let replicas: [LocalReplica]
    private let directory: TemporaryDirectory

    /// Starts everything and waits until every replica is ready.
    /// - Parameters:
    ///   - launcher: The `tocsin` executable.
    ///   - redis: How its Redis is started.
    ///   - arguments: More of `tocsin serve`'s flags.
    ///   - environment: For each replica by its index, `NAME=value`.
    public init(
        launcher: String, replicas count: Int = 3, redis options: LocalRedis.Options = .init(),
        arguments: [String] = [], environment: (Int) -> [String] = { _ in [] }
    ) throws(ClientError) {
        let directory = try TemporaryDirectory()
        self.directory = directory
        let redis = try LocalRedis(directory: directory.path, options: options)
        self.redis = redis
        let target: SocketAddress
        do throws(SystemError) {
            target = try SocketAddress(unixPath: redis.socketPath)
        } catch {
            throw .childFailed(error.description)
        }
        var proxies: [FaultProxy] = []
        var started: [LocalReplica] = []
        for index in 0..<count {
            let proxy = try FaultProxy(to: target)
            proxies.append(proxy)
            started.append(
                try LocalReplica(
                    launcher: launcher, name: "replica-\(index)", redisURL: "redis://127.0.0.1:\(proxy.port)/0",
                    directory: directory.path, arguments: LocalReplica.patientArguments + arguments,
                    environment: environment(index)))
        }
        self.proxies = proxies
        replicas = started
        for replica in started { try replica.waitUntilReady() }
    }

    public var urls: [ServerURL] { replicas.map(\.url) }
}
