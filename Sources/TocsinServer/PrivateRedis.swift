import Glibc
import PosixIO

/// The replica's own `redis-server`: a durable log without a service to set up.
///
/// Listens on a Unix socket in the data directory only, keeps every accepted threat on disk before it is acknowledged,
/// is started again when it dies, and ends with the replica.
final class PrivateRedis {
    enum Failure: Error, CustomStringConvertible {
        case notInstalled
        case directoryInUse(String)
        case directoryUnusable(String, SystemError)
        case cannotStart(SystemError)

        var description: String {
            switch self {
            case .notInstalled:
                "redis-server is not installed: install it (apt-get install redis-server) or give --redis-url"
            case .directoryInUse(let path):
                "another replica uses the data directory \(path): give each its own --data-dir, or share a Redis with "
                    + "--redis-url"
            case .directoryUnusable(let path, let error): "the data directory \(path) cannot be used: \(error)"
            case .cannotStart(let error): "redis-server does not start: \(error)"
            }
        }
    }

    let socketPath: String
    private let directory: String
    private let executable: String
    private let logger: OperatorLog
    private let lock: FileLock
    private var child: ChildProcess
    private var isRunning = true
    private var startedAt = MonotonicTime.now
    private var backoff = Backoff(first: .milliseconds(100), longest: .seconds(5))
    private(set) var restartDue: MonotonicTime?

    /// Takes the data directory and starts the server.
    init(directory: String, logger: OperatorLog) throws(Failure) {
        guard let executable = ChildProcess.find("redis-server") else { throw .notInstalled }
        let absolute = directory.hasPrefix("/") ? directory : "\(Self.workingDirectory)/\(directory)"
        do throws(SystemError) {
            try makeDirectory(absolute)
            _ = try SocketAddress(unixPath: absolute + "/redis.sock")
            lock = try Self.takeLock(absolute + "/lock")
        } catch {
            throw error.code == EWOULDBLOCK ? .directoryInUse(absolute) : .directoryUnusable(absolute, error)
        }
        self.directory = absolute
        self.executable = executable
        self.logger = logger
        socketPath = absolute + "/redis.sock"
        do throws(SystemError) {
            child = try ChildProcess.start(executable, Self.arguments(absolute), holding: lock)
        } catch {
            throw .cannotStart(error)
        }
    }

    /// Looks whether the server still runs; called on SIGCHLD and when `restartDue` has come.
    func supervise(now: MonotonicTime) {
        if isRunning {
            let state = child.poll()
            guard state != .running else { return }
            isRunning = false
            if now - startedAt > backoff.longest { backoff.reset() }
            let delay = backoff.next(randomness: .random(in: 0..<1))
            restartDue = now + delay
            logger.error(
                "private_redis_ended", "the private redis-server ended and is started again",
                [
                    "state": "\(state)", "delay_ms": "\(delay.millisecondsRoundedUp)",
                    "log": "\(directory)/redis.log",
                ])
        } else if let due = restartDue, now >= due {
            restart(now: now)
        }
    }

    /// Lets the server write what it has and end; kills it when that takes too long.
    func stop() {
        guard isRunning, child.poll() == .running else { return }
        child.send(signal: SIGTERM)
        let deadline = MonotonicTime.now + .seconds(5)
        while child.poll() == .running {
            if MonotonicTime.now > deadline { child.send(signal: SIGKILL) }
            usleep(5_000)
        }
        isRunning = false
    }

    private func restart(now: MonotonicTime) {
        do throws(SystemError) {
            child = try ChildProcess.start(executable, Self.arguments(directory), holding: lock)
            isRunning = true
            startedAt = now
            restartDue = nil
        } catch {
            logger.error("private_redis_failed", "the private redis-server does not start", ["error": "\(error)"])
            restartDue = now + backoff.next(randomness: .random(in: 0..<1))
        }
    }

    /// `appendfsync always`: an acknowledged threat survives the machine, not only the process.
    private static func arguments(_ directory: String) -> [String] {
        [
            "--port", "0", "--unixsocket", "\(directory)/redis.sock", "--unixsocketperm", "700",
            "--dir", directory, "--appendonly", "yes", "--appendfsync", "always", "--save", "",
            "--daemonize", "no", "--loglevel", "notice", "--logfile", "\(directory)/redis.log",
            "--maxmemory-policy", "noeviction",
        ]
    }

    /// A replica that was killed leaves its redis-server a moment to end; two on the same files would destroy them.
    private static func takeLock(_ path: String) throws(SystemError) -> FileLock {
        let deadline = MonotonicTime.now + .seconds(3)
        while true {
            do throws(SystemError) {
                return try FileLock(path: path)
            } catch {
                guard error.code == EWOULDBLOCK, MonotonicTime.now < deadline else { throw error }
                usleep(20_000)
            }
        }
    }

    private static var workingDirectory: String {
        guard let path = getcwd(nil, 0) else { return "" }
        defer { free(path) }
        return String(cString: path)
    }
}
