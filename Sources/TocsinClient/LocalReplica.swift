import Glibc
import PosixIO
import Synchronization

/// A `tocsin serve` process of our own on a free loopback port.
public final class LocalReplica: Sendable {
    public let name: String
    public let url: ServerURL
    /// For those that have to come up, however busy the machine is.
    package static let patientArguments = ["--start-seconds", "120"]

    private let launcher: String
    private let arguments: [String]
    private let environment: [String]
    /// Where its log is.
    public let outputPath: String
    private let process: Mutex<LocalProcess>

    /// Starts it; `waitUntilReady` says when it serves.
    /// - Parameters:
    ///   - redisURL: `nil` lets it start its private Redis under `directory`.
    ///   - arguments: More of `tocsin serve`'s flags.
    ///   - environment: `NAME=value`; nothing else of this process's own reaches it but `PATH`.
    ///   - tls: How to trust it, for one whose flags make it speak TLS.
    public init(
        launcher: String, name: String, redisURL: String?, directory: String, arguments: [String] = [],
        environment: [String] = [], tls: ClientTLS? = nil
    ) throws(ClientError) {
        let port = try FreePort.find()
        self.name = name
        self.launcher = launcher
        url = ServerURL(host: "127.0.0.1", port: port, tls: tls)
        outputPath = "\(directory)/\(name).log"
        var command = [
            "serve", "--port", String(port), "--replica-name", name, "--event-loops", "1", "--data-dir",
            "\(directory)/\(name)",
        ]
        if let redisURL { command += ["--redis-url", redisURL] }
        self.arguments = command + arguments
        // A crash that is wanted must not wait for a backtrace.
        self.environment = ["SWIFT_BACKTRACE=enable=no"] + environment
        process = Mutex(
            try LocalProcess(launcher, self.arguments, environment: self.environment, outputPath: outputPath))
    }

    public var child: LocalProcess { process.withLock { $0 } }

    /// Ends it with SIGKILL, as a crash would.
    public func kill() {
        child.killAndWait()
    }

    /// Starts it again on the same port, after it has ended.
    public func start() throws(ClientError) {
        let started = try LocalProcess(launcher, arguments, environment: environment, outputPath: outputPath)
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

    /// Waits until `/ready` answers 200.
    /// - Throws: `ClientError.childFailed` with the end of its log.
    public func waitUntilReady(atMost limit: Duration = .seconds(60)) throws(ClientError) {
        let client = HTTPClient(url, deadline: .seconds(2))
        let child = child
        let decided = Pause.wait(atMost: limit) {
            if child.ending != nil { return true }
            return (try? client.get("/ready").status) == 200
        }
        if let ending = child.ending {
            throw .childFailed("replica \(name) ended with \(ending): \(child.outputTail)")
        }
        guard decided else { throw .childFailed("replica \(name) is not ready: \(child.outputTail)") }
    }
}

/// Finds ports nobody listens on.
public enum FreePort {
    /// A port of 127.0.0.1 that is given to this caller only, until this process ends (`ReservedPort`).
    public static func find() throws(ClientError) -> UInt16 {
        do throws(SystemError) {
            return try ReservedPort.take()
        } catch {
            throw .childFailed("no free port was found on 127.0.0.1: \(error)")
        }
    }
}
