import Glibc
import PosixIO
import Synchronization

/// A redis-server of our own on a Unix socket, for the time of a proof or a test.
public final class LocalRedis: Sendable {
    /// How to get it where it is missing.
    public static let installHint = "redis-server is not installed: apt-get install redis-server"

    private let directory: String
    private let process: Mutex<LocalProcess>

    /// Starts it and waits until it answers.
    /// - Parameter directory: An existing directory for its files, with a path of at most 80 bytes.
    /// - Throws: `ClientError.childFailed`.
    public init(directory: String) throws(ClientError) {
        self.directory = directory
        process = Mutex(try Self.launch(directory))
        try waitUntilReachable()
    }

    public var url: String { "unix://\(socketPath)" }

    public var socketPath: String { "\(directory)/redis.sock" }

    /// Ends it with SIGKILL, as a crash would.
    public func kill() {
        process.withLock { $0 }.killAndWait()
    }

    /// Starts it again on the same files.
    public func start() throws(ClientError) {
        let started = try Self.launch(directory)
        process.withLock { $0 = started }
        try waitUntilReachable()
    }

    private static func launch(_ directory: String) throws(ClientError) -> LocalProcess {
        let arguments = [
            "--port", "0", "--unixsocket", "\(directory)/redis.sock", "--unixsocketperm", "700",
            "--dir", directory, "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--daemonize", "no",
        ]
        return try LocalProcess("redis-server", arguments, outputPath: "\(directory)/redis.log")
    }

    private func waitUntilReachable() throws(ClientError) {
        let child = process.withLock { $0 }
        let isReachable = Pause.wait(atMost: .seconds(15)) {
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
