import Glibc
import Synchronization
public import TocsinClient

/// A `redis-server --sentinel`, with quick times.
public final class LocalSentinel: Sendable {
    /// How it is started.
    public struct Options: Sendable {
        /// How the deployment is called.
        public var name: String
        /// Where the first master is: an address, or a name with `resolve-hostnames` among the lines.
        public var masterHost = "127.0.0.1"
        public var masterPort: UInt16
        /// How many Sentinels must agree that a master is down.
        public var quorum = 2
        /// The address it listens on, which may be any of 127.0.0.0/8.
        public var host = "127.0.0.1"
        /// `nil` for a free one.
        public var port: UInt16?
        /// How long a master may be silent until it is taken for down.
        public var downAfterMilliseconds = 1_000
        /// The epoch of its configuration, as if so many failovers had been.
        public var epoch = 0
        /// More lines of its configuration, before the master's.
        public var lines: [String] = []

        public init(name: String, masterPort: UInt16) {
            self.name = name
            self.masterPort = masterPort
        }
    }

    public let host: String
    public let port: UInt16
    private let directory: String
    private let options: Options
    private let process: Mutex<LocalProcess>

    /// - Parameter directory: An existing directory for its files.
    public init(directory: String, options: Options) throws(ClientError) {
        let port = if let given = options.port { given } else { try FreePort.find() }
        self.port = port
        self.options = options
        self.directory = directory
        host = options.host
        try Self.configure(options, port, directory)
        process = Mutex(try Self.launch(directory))
    }

    public var child: LocalProcess { process.withLock { $0 } }

    /// Ends it with SIGKILL, as a crash would.
    public func kill() {
        child.killAndWait()
    }

    /// Starts it again on its files, after it has ended.
    public func start() throws(ClientError) {
        let started = try Self.launch(directory)
        process.withLock { $0 = started }
    }

    /// Starts it without memory, after it has ended: a new identity, epochs from the beginning, and what it is told of
    /// the master.
    /// - Parameter lines: In place of those it had in its configuration.
    public func startAnew(masterPort: UInt16, lines: [String]? = nil) throws(ClientError) {
        var options = options
        options.lines = lines ?? options.lines
        options.masterPort = masterPort
        options.epoch = 0
        try Self.configure(options, port, directory)
        try start()
    }

    /// Stops it from running, as a machine that hangs would; its connections stay.
    public func pause() {
        child.send(signal: SIGSTOP)
    }

    /// Lets it run again.
    public func resume() {
        child.send(signal: SIGCONT)
    }

    /// A connection with all rights, whatever the lines of its configuration leave others.
    public func connect(within deadline: Duration = .seconds(20)) throws(ClientError) -> RedisConnection {
        let connection = try RedisConnection(to: try .literal(host, port), deadline: deadline)
        try connection.command("AUTH", Self.operatorName, Self.operatorName)
        return connection
    }

    /// Asks it something.
    /// - Parameter deadline: Short where another is asked when this one is silent.
    @discardableResult
    public func command(
        _ words: String..., within deadline: Duration = .seconds(20)
    ) throws(ClientError) -> RedisValue {
        try connect(within: deadline).command(words)
    }

    /// The port of the master as it sees it; `nil` when it does not answer.
    public func masterPort(of name: String) -> UInt16? {
        guard let answer = try? command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name, within: .seconds(1)) else {
            return nil
        }
        return answer.elements.last?.text.flatMap { UInt16($0) }
    }

    /// Waits until so many more connections have come to it.
    /// - Returns: Whether they came in time.
    public func awaitConnections(_ count: Int, atMost limit: Duration) -> Bool {
        var connection: RedisConnection?
        var before: Int?
        return Pause.wait(atMost: limit, every: .milliseconds(100)) {
            // One connection for all questions, since each new one counts.
            if connection == nil { connection = try? connect() }
            guard let now = connection.flatMap(Self.connectionCount) else { return false }
            let start = before ?? now
            before = start
            return now >= start + count
        }
    }

    private static func connectionCount(_ connection: RedisConnection) -> Int? {
        let info = (try? connection.command("INFO", "stats"))?.text ?? ""
        let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("total_connections_received:") }
        return line?.split(separator: ":").last.flatMap { Int($0) }
    }

    /// A user with all rights, who is also the password.
    private static let operatorName = "operator"

    /// With these lines Sentinels come to each other as that user.
    static let operatorLogin = ["sentinel sentinel-user \(operatorName)", "sentinel sentinel-pass \(operatorName)"]

    private static func configure(_ options: Options, _ port: UInt16, _ directory: String) throws(ClientError) {
        let name = options.name
        var lines = [
            "port \(port)", "bind \(options.host)", "dir \(directory)", "daemonize no",
            "user \(operatorName) on >\(operatorName) ~* &* +@all",
        ]
        lines += options.lines
        lines += [
            "sentinel monitor \(name) \(options.masterHost) \(options.masterPort) \(options.quorum)",
            "sentinel down-after-milliseconds \(name) \(options.downAfterMilliseconds)",
            "sentinel failover-timeout \(name) 3000", "sentinel parallel-syncs \(name) 1",
        ]
        if options.epoch > 0 {
            lines += ["sentinel current-epoch \(options.epoch)", "sentinel config-epoch \(name) \(options.epoch)"]
        }
        let path = configurationPath(directory)
        guard let file = fopen(path, "w") else { throw .childFailed("\(path): \(String(cString: strerror(errno)))") }
        fputs(lines.joined(separator: "\n") + "\n", file)
        fclose(file)
    }

    private static func launch(_ directory: String) throws(ClientError) -> LocalProcess {
        try LocalProcess(
            "redis-server", [configurationPath(directory), "--sentinel"], outputPath: "\(directory)/sentinel.log")
    }

    private static func configurationPath(_ directory: String) -> String { "\(directory)/sentinel.conf" }
}
