import Glibc
import PosixIO
import RedisLog

/// A redis-server of a test's own, on a Unix socket in a directory that goes away with it.
final class RedisServer {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let socketPath: String
    private let directory: String
    private let arguments: [String]
    private var process: ChildProcess?

    init(_ arguments: [String] = []) throws {
        var template = Array("/tmp/redislog-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(description: "no directory for redis-server") }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        socketPath = directory + "/redis.sock"
        self.arguments = arguments
        try start()
    }

    deinit {
        crash()
        for file in ["appendonlydir/appendonly.aof.1.base.rdb", "appendonlydir/appendonly.aof.1.incr.aof"] {
            unlink("\(directory)/\(file)")
        }
        unlink(directory + "/appendonlydir/appendonly.aof.manifest")
        rmdir(directory + "/appendonlydir")
        for file in ["redis.sock", "log", "dump.rdb", "nodes.conf"] { unlink("\(directory)/\(file)") }
        rmdir(directory)
    }

    var endpoint: RedisEndpoint { RedisEndpoint(location: .unix(path: socketPath)) }

    func start() throws {
        guard let binary = ChildProcess.find("redis-server") else {
            throw Failure(description: "redis-server is not installed: apt-get install redis-server")
        }
        process = try ChildProcess.start(
            binary,
            [
                "--port", "0", "--unixsocket", socketPath, "--dir", directory, "--save", "", "--appendonly", "yes",
                "--appendfsync", "always", "--logfile", directory + "/log",
            ] + arguments)
    }

    /// What the server has logged, for a test that fails.
    var log: String {
        FileDescriptor.contents(ofFile: directory + "/log").map { String(decoding: $0, as: UTF8.self) } ?? ""
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
