import Glibc
import PosixIO
import Synchronization

/// A redis-server of our own on a Unix socket, for the time of a proof or a test.
public final class LocalRedis: Sendable {
    /// How to get it where it is missing.
    public static let installHint = "redis-server is not installed: apt-get install redis-server"

    /// What it keeps of what it acknowledged when it is killed.
    public enum Durability: Sendable, Equatable {
        /// All of it: each write is on disk before it is answered (`appendfsync always`).
        case always
        /// What the kernel was given; a power cut loses a second or so (`appendfsync everysec`).
        case everySecond
        /// Nothing: no file is written.
        case none
    }

    /// What it is among servers that replicate.
    public enum Role: Sendable, Equatable {
        case master
        /// Of the server on a loopback port.
        case replica(of: UInt16)
    }

    /// How it is started.
    public struct Options: Sendable {
        public var durability = Durability.always
        /// A loopback port to listen on beside the Unix socket.
        public var port: UInt16?
        public var role = Role.master
        /// More of redis-server's arguments.
        public var arguments: [String] = []

        public init() {}
    }

    /// Where its files are.
    public let directory: String
    private let options: Options
    private let process: Mutex<LocalProcess>

    /// Starts it and waits until it answers.
    /// - Parameter directory: An existing directory for its files, with a path of at most 80 bytes.
    /// - Throws: `ClientError.childFailed`.
    public init(directory: String, options: Options = Options()) throws(ClientError) {
        self.directory = directory
        self.options = options
        process = Mutex(try Self.launch(directory, options))
        try waitUntilReachable()
    }

    public var child: LocalProcess { process.withLock { $0 } }

    /// The loopback port it listens on, if it does.
    public var port: UInt16? { options.port }

    public var url: String { "unix://\(socketPath)" }

    public var socketPath: String { "\(directory)/redis.sock" }

    /// Ends it with SIGKILL, as a crash would.
    public func kill() {
        child.killAndWait()
    }

    /// Starts it again on the same files and waits until it answers.
    /// - Parameter role: What it is from now on; `nil` for what it was at first.
    public func start(as role: Role? = nil) throws(ClientError) {
        try launch(as: role)
        try waitUntilReachable()
    }

    /// Starts it again on the same files and does not wait: it may have much to load.
    public func launch(as role: Role? = nil) throws(ClientError) {
        var options = options
        options.role = role ?? options.role
        let started = try Self.launch(directory, options)
        process.withLock { $0 = started }
    }

    /// Stops it from running, as a machine that hangs would; its connections stay.
    public func pause() {
        child.send(signal: SIGSTOP)
    }

    /// Lets it run again.
    public func resume() {
        child.send(signal: SIGCONT)
    }

    private static func launch(_ directory: String, _ options: Options) throws(ClientError) -> LocalProcess {
        var arguments = [
            "--port", String(options.port ?? 0), "--unixsocket", "\(directory)/redis.sock", "--unixsocketperm", "700",
            "--dir", directory, "--save", "", "--daemonize", "no",
        ]
        if options.port != nil { arguments += ["--bind", "127.0.0.1"] }
        switch options.durability {
        case .always: arguments += ["--appendonly", "yes", "--appendfsync", "always"]
        case .everySecond: arguments += ["--appendonly", "yes", "--appendfsync", "everysec"]
        case .none: arguments += ["--appendonly", "no"]
        }
        if case .replica(of: let master) = options.role { arguments += ["--replicaof", "127.0.0.1 \(master)"] }
        // A file that has reached the size allowed is then an error of writing, as a full disk is, not the end.
        let script = #"trap '' XFSZ; exec redis-server "$@""#
        return try LocalProcess(
            "/bin/sh", ["-c", script, "sh"] + arguments + options.arguments, outputPath: "\(directory)/redis.log")
    }

    private func waitUntilReachable() throws(ClientError) {
        let child = child
        let isReachable = Pause.wait(atMost: .seconds(60)) {
            child.ending != nil || answersPing()
        }
        if child.ending == .exited(code: 127) { throw .childFailed(Self.installHint) }
        guard isReachable, child.ending == nil else {
            throw .childFailed("redis-server did not start: \(child.outputTail)")
        }
    }

    private func answersPing() -> Bool {
        do {
            let transport = try Transport(connectingTo: SocketAddress(unixPath: socketPath))
            let deadline = MonotonicTime.now + .seconds(1)
            try transport.sendAll(Array("PING\r\n".utf8), until: deadline)
            var scratch = [UInt8](repeating: 0, count: 64)
            let count = try transport.receiveSome(into: &scratch, until: deadline)
            return scratch[..<count].starts(with: "+PONG".utf8)
        } catch {
            return false
        }
    }
}
