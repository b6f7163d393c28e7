import PosixIO
public import TocsinClient

/// One master, its replicas and three sentinels as child processes.
public final class SentinelDeployment: Sendable {
    /// The name the sentinels know the master by.
    public static let name = "tocsin"
    static let downAfterMilliseconds = 1_000

    /// The first master, then its replicas.
    public let servers: [LocalRedis]
    public let sentinels: [LocalSentinel]

    /// Starts everything and waits until the sentinels know each other and every replica is in step.
    /// - Parameters:
    ///   - directory: An existing directory, with a path of at most 60 bytes.
    ///   - arguments: More of redis-server's arguments, for master and replicas.
    public init(
        directory: String, replicas: Int = 1, durability: LocalRedis.Durability = .always, arguments: [String] = []
    ) throws(ClientError) {
        var servers: [LocalRedis] = []
        for index in 0...replicas {
            var options = LocalRedis.Options()
            options.durability = durability
            options.port = try FreePort.find()
            if let master = servers.first?.port { options.role = .replica(of: master) }
            // Without a delay a replica is in step at once.
            options.arguments = ["--repl-diskless-sync-delay", "0", "--repl-timeout", "5"] + arguments
            servers.append(try LocalRedis(directory: try Self.folder("\(directory)/s\(index)"), options: options))
        }
        self.servers = servers
        guard let master = servers[0].port else { throw .childFailed("the master has no port") }
        var sentinels: [LocalSentinel] = []
        for index in 0..<3 {
            sentinels.append(
                try LocalSentinel(
                    directory: try Self.folder("\(directory)/w\(index)"), name: Self.name, master: master, quorum: 2))
        }
        self.sentinels = sentinels
        guard Pause.wait(atMost: .seconds(90), every: .milliseconds(100), for: { isSettled }) else {
            throw .childFailed("the sentinels do not find each other: \(sentinels[0].child.outputTail)")
        }
    }

    /// `redis-sentinel://…`, as a replica of ours is given it.
    public var url: String {
        "redis-sentinel://" + sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ",") + "/\(Self.name)"
    }

    /// The server that most sentinels call the master; `nil` while they do not agree or do not answer.
    public var master: LocalRedis? {
        var votes: [UInt16: Int] = [:]
        for port in sentinels.compactMap({ $0.masterPort(of: Self.name) }) { votes[port, default: 0] += 1 }
        guard let (port, count) = votes.max(by: { $0.value < $1.value }), count * 2 > sentinels.count else {
            return nil
        }
        return servers.first { $0.port == port }
    }

    /// Whether the sentinels agree on a master that says so itself, know each other and all replicas, and every replica
    /// is in step with it.
    public var isSettled: Bool {
        guard let master, let role = try? master.command("ROLE", within: .seconds(1)),
            role.elements.first?.text == "master", role.elements.count > 2,
            role.elements[2].elements.count == servers.count - 1
        else { return false }
        for server in servers where server !== master {
            guard let role = try? server.command("ROLE", within: .seconds(1)), role.elements.count > 3,
                role.elements[3].text == "connected", let port = role.elements[2].number,
                port == master.port.map(Int.init)
            else { return false }
        }
        return sentinels.allSatisfy { sentinel in
            guard let answer = try? sentinel.command("SENTINEL", "MASTER", Self.name, within: .seconds(1)) else {
                return false
            }
            return answer["num-slaves"] == String(servers.count - 1) && answer["num-other-sentinels"] == "2"
                && answer["flags"] == "master" && isSeenUp(by: sentinel)
        }
    }

    /// Whether a sentinel takes all replicas for reachable; only then would it promote one.
    private func isSeenUp(by sentinel: LocalSentinel) -> Bool {
        guard let answer = try? sentinel.command("SENTINEL", "REPLICAS", Self.name, within: .seconds(1)) else {
            return false
        }
        return answer.elements.allSatisfy { $0["flags"] == "slave" && $0["master-link-status"] == "ok" }
    }

    private static func folder(_ path: String) throws(ClientError) -> String {
        do throws(SystemError) {
            try makeDirectory(path)
        } catch {
            throw .childFailed(error.description)
        }
        return path
    }
}
