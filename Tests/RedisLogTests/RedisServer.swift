import Glibc
import PosixIO
import RedisLog
import TocsinClient

/// A redis-server of a test's own, on a Unix socket in a directory that goes away with it.
final class RedisServer {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let socketPath: String
    private let folder: TemporaryDirectory
    private let arguments: [String]
    private var process: ChildProcess?

    init(_ arguments: [String] = []) throws {
        folder = try TemporaryDirectory()
        socketPath = folder.path + "/redis.sock"
        self.arguments = arguments
        try start()
    }

    deinit {
        crash()
    }

    var endpoint: RedisEndpoint { RedisEndpoint(location: .unix(path: socketPath)) }

    func start() throws {
        guard let binary = ChildProcess.find("redis-server") else {
            throw Failure(description: "redis-server is not installed: apt-get install redis-server")
        }
        process = try ChildProcess.start(
            binary,
            [
                "--port", "0", "--unixsocket", socketPath, "--dir", folder.path, "--save", "", "--appendonly", "yes",
                "--appendfsync", "always", "--logfile", logPath,
            ] + arguments)
    }

    private var logPath: String { folder.path + "/log" }

    /// What the server has logged, for a test that fails.
    var log: String {
        FileDescriptor.contents(ofFile: logPath).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    func send(signal: Int32) {
        process?.send(signal: signal)
    }

    /// Ends the server as a crash would.
    func crash() {
        guard let process else { return }
        process.send(signal: SIGKILL)
        while process.poll() == .running { sched_yield() }
        self.process = nil
    }
}
