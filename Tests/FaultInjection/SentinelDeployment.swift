import PosixIO
public import TocsinClient

/// One master, its replicas and three sentinels as child processes.
public final class SentinelDeployment: Sendable {
    /// The name the sentinels know the master by.
    public static let name = "tocsin"

    /// What its sentinels are.
    public struct Watchers: Sendable {
        /// How long a master may be silent until it is taken for down.
        public var downAfterMilliseconds = 1_000
        /// The epoch they all begin with, as if so many failovers had been.
        public var epoch = 0
        /// The address of each.
        public var hosts = ["127.0.0.1", "127.0.0.1", "127.0.0.1"]
        /// One port for all, which then have an address each; `nil` for one of its own for each.
        public var sharedPort: UInt16?
        /// The name that each says the servers are at rather than 127.0.0.1; one that redis-server finds too.
        public var serverName: String?
        /// Whether they come to each other as a user of their own, so that the default user may lack rights.
        public var areOperators = false
        /// More lines of their configuration.
        public var lines: [String] = []

        public init() {}

        /// They replace a master when they are told to, and not because a busy machine lets it wait.
        public static var patient: Watchers {
            var watchers = Watchers()
            watchers.downAfterMilliseconds = 600_000
            return watchers
        }
    }

    /// The first master, then its replicas.
    public let servers: [LocalRedis]
    public let sentinels: [LocalSentinel]

    /// Starts everything and waits until the sentinels know each other and every replica is in step.
    /// - Parameters:
    ///   - directory: An existing directory, with a path of at most 60 bytes.
    ///   - arguments: More of redis-server's arguments, for master and replicas.
    public init(
        directory: String, replicas: Int = 1, durability: LocalRedis.Durability = .always, arguments: [String] = [],
        watchers: Watchers = Watchers()
    ) throws(ClientError) {
        var servers: [LocalRedis] = []
        for index in 0...replicas {
            var options = Self.serverOptions(port: try FreePort.find(), arguments)
            options.durability = durability
            if let master = servers.first?.port { options.role = .replica(of: master) }
            if let name = watchers.serverName { options.arguments += ["--replica-announce-ip", name] }
            servers.append(try LocalRedis(directory: try Self.folder("\(directory)/s\(index)"), options: options))
        }
        self.servers = servers
        guard let master = servers[0].port else { throw .childFailed("the master has no port") }
        var sentinels: [LocalSentinel] = []
        for (index, host) in watchers.hosts.enumerated() {
            let options = Self.sentinelOptions(watchers, host: host, master: master)
            sentinels.append(try LocalSentinel(directory: try Self.folder("\(directory)/w\(index)"), options: options))
        }
        self.sentinels = sentinels
        try awaitSettled()
    }

    /// How a server of such a deployment is started, beside its role.
    public static func serverOptions(port: UInt16, _ arguments: [String] = []) -> LocalRedis.Options {
        var options = LocalRedis.Options()
        options.port = port
        // Without a delay a replica is in step at once.
        options.arguments = ["--repl-diskless-sync-delay", "0", "--repl-timeout", "5"] + arguments
        return options
    }

    private static func sentinelOptions(
        _ watchers: Watchers, host: String, master: UInt16
    ) -> LocalSentinel.Options {
        var options = LocalSentinel.Options(name: name, masterPort: master)
        options.host = host
        options.port = watchers.sharedPort
        options.downAfterMilliseconds = watchers.downAfterMilliseconds
        options.epoch = watchers.epoch
        options.lines = watchers.lines
        // Others take a sentinel to be where its connections come from.
        options.lines += ["sentinel announce-ip \(host)"]
        if watchers.areOperators { options.lines += LocalSentinel.operatorLogin }
        if let name = watchers.serverName {
            options.masterHost = name
            options.lines += ["sentinel resolve-hostnames yes", "sentinel announce-hostnames yes"]
        }
        return options
    }

    /// `redis-sentinel://…`, as a replica of ours is given it.
    public var url: String { url() }

    /// The same with user and password, as they stand in a URL.
    public func url(credentials: String = "") -> String {
        let hosts = sentinels.map { "\($0.host):\($0.port)" }.joined(separator: ",")
        return "redis-sentinel://\(credentials)\(hosts)/\(Self.name)"
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

    /// Ends all sentinels and starts them without memory on the same addresses: new identities, epochs from the
    /// beginning.
    /// - Parameter master: The port of the server that they are told is the master.
    public func setUpSentinelsAnew(master: UInt16) throws(ClientError) {
        for sentinel in sentinels { sentinel.kill() }
        for sentinel in sentinels { try sentinel.startAnew(masterPort: master) }
    }

    /// Waits until `isSettled`.
    public func awaitSettled() throws(ClientError) {
        guard Pause.wait(atMost: .seconds(90), every: .milliseconds(100), for: { isSettled }) else {
            throw .childFailed("the sentinels do not find each other: \(sentinels[0].child.outputTail)")
        }
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
            return answer["num-slaves"] == String(servers.count - 1)
                && answer["num-other-sentinels"] == String(sentinels.count - 1)
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
