import FaultInjection
import PosixIO
import ThreatFeed
import TocsinClient

/// What chaos happens to: Redis with sentinels, replicas of ours, and proxies on every way between them.
final class World: Sendable {
    let redis: SentinelDeployment
    let replicas: [LocalReplica]
    /// For each replica of ours one for each Redis server.
    let links: [[FaultProxy]]
    /// For each replica of ours one for each sentinel, which says the proxies' ports where the sentinel says Redis's.
    private let sentinelLinks: [[FaultProxy]]

    /// - Parameters:
    ///   - directory: An existing directory, with a path of at most 60 bytes.
    ///   - minReplicas: What `--redis-min-replicas` is to be.
    init(launcher: String, directory: String, minReplicas: Int) throws(ClientError) {
        var watchers = SentinelDeployment.Watchers()
        // The replicas of ours are the default user, whose rights are taken away.
        watchers.areOperators = true
        let redis = try SentinelDeployment(
            directory: directory, replicas: 1, durability: .always, watchers: watchers)
        self.redis = redis
        var replicas: [LocalReplica] = []
        var links: [[FaultProxy]] = []
        var sentinelLinks: [[FaultProxy]] = []
        for index in 0..<3 {
            let own = try Self.proxies(to: redis.servers.compactMap(\.port))
            let rewrites = zip(redis.servers.compactMap(\.port), own).map { port, proxy in
                ByteRewrite("\(port)", with: "\(proxy.port)", .toClient)
            }
            let sentinels = try Self.proxies(to: redis.sentinels.map(\.port), rewrites)
            let hosts = sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
            links.append(own)
            sentinelLinks.append(sentinels)
            replicas.append(
                try LocalReplica(
                    launcher: launcher, name: "replica-\(index)",
                    redisURL: "redis-sentinel://\(hosts)/\(SentinelDeployment.name)", directory: directory,
                    arguments: [
                        "--redis-min-replicas", String(minReplicas), "--drain-seconds", "2", "--ring-entries", "4096",
                        "--heartbeat-seconds", "2",
                    ]))
        }
        self.replicas = replicas
        self.links = links
        self.sentinelLinks = sentinelLinks
        for replica in replicas { try replica.waitUntilReady() }
    }

    /// Who the replicas of ours are for the sentinels, and what they may do there.
    static let sentinelUser = "default"
    static let sentinelRights = ["sentinel|master", "sentinel|get-master-addr-by-name", "client|setname", "ping"]

    var urls: [ServerURL] { replicas.map(\.url) }

    /// The Redis servers that are not the master.
    var redisReplicas: [LocalRedis] {
        guard let master = redis.master else { return [] }
        return redis.servers.filter { $0 !== master }
    }

    /// The last entry of the log that all of these servers have; `nil` when one of them does not say.
    func lastEntry(of servers: [LocalRedis]) -> Cursor? {
        let cursors = servers.compactMap { server in
            let numbers = (try? server.command("HMGET", "tocsin:{default}:meta", "g", "s", within: .seconds(2)))?
                .elements.compactMap { $0.text.flatMap { UInt64($0) } }
            return numbers?.count == 2 ? numbers.map { Cursor(generation: $0[0], sequence: $0[1]) } : nil
        }
        return cursors.count == servers.count ? cursors.min() : nil
    }

    private static func proxies(
        to ports: [UInt16], _ rewrites: [ByteRewrite] = []
    ) throws(ClientError) -> [FaultProxy] {
        var proxies: [FaultProxy] = []
        for port in ports { proxies.append(try FaultProxy(to: try .loopback(port), rewrites: rewrites)) }
        return proxies
    }
}
