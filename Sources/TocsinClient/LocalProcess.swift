import Glibc
import PosixIO
import Synchronization

/// How a child process ended.
public enum ChildExit: Sendable, Equatable, CustomStringConvertible {
    case exited(code: Int32)
    case killed(signal: Int32)

    public var description: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .killed(let signal): "signal \(signal)"
        }
    }
}

/// A program started by this one, with its output in a file, which ends with this process whatever happens.
public final class LocalProcess: Sendable {
    public let pid: Int32
    public let outputPath: String
    private let child: ChildProcess
    private let exit = Mutex<ChildExit?>(nil)

    /// - Parameters:
    ///   - program: A path, or a name to look up in `PATH`.
    ///   - environment: `NAME=value`, in place of this process's environment; `PATH` is kept.
    ///   - outputPath: A file to which standard output and standard error are appended.
    /// - Throws: `ClientError.childFailed`.
    public init(
        _ program: String, _ arguments: [String], environment: [String] = [], outputPath: String
    ) throws(ClientError) {
        // The shell and env(1) become the program: one process, whose pid is the child's.
        let script = #"output=$1; shift; exec env -i PATH="$PATH" "$@" >>"$output" 2>&1"#
        let words = ["-c", script, "sh", outputPath] + environment + [program] + arguments
        switch Spawner.shared.spawn(words) {
        case .success(let child): self.child = child
        case .failure(let error): throw .childFailed("\(program): \(error)")
        }
        pid = child.pid
        self.outputPath = outputPath
    }

    /// How it ended; `nil` while it runs.
    public var ending: ChildExit? {
        exit.withLock { exit in
            if let exit { return exit }
            switch child.poll() {
            case .running: return nil
            case .exited(let status): exit = .exited(code: status)
            case .killed(let signal): exit = .killed(signal: signal)
            }
            return exit
        }
    }

    public func send(signal: Int32) {
        // The lock keeps the pid from being reaped, and thus reused, in between.
        exit.withLock { exit in
            if exit == nil { child.send(signal: signal) }
        }
    }

    /// Waits until it has ended.
    /// - Returns: `nil` when it has not ended in time.
    public func waitForEnd(atMost limit: Duration) -> ChildExit? {
        _ = Pause.wait(atMost: limit) { ending != nil }
        return ending
    }

    /// Ends it at once and waits for that.
    public func killAndWait() {
        send(signal: SIGKILL)
        _ = waitForEnd(atMost: .seconds(60))
    }

    /// What it has written so far, at most the last 4 KiB.
    public var outputTail: String {
        let bytes = FileDescriptor.contents(ofFile: outputPath) ?? []
        return String(decoding: bytes.suffix(4096), as: UTF8.self)
    }

    public var output: String {
        String(decoding: FileDescriptor.contents(ofFile: outputPath, bytesMax: 16 << 20) ?? [], as: UTF8.self)
    }

    deinit {
        killAndWait()
    }
}

/// The thread that starts all children. A child is ended when the thread that started it ends, so that thread must live
/// as long as the process.
private final class Spawner: Sendable {
    static let shared = Spawner()

    private struct Pending {
        var requests: [(ticket: UInt64, words: [String])] = []
        var results: [UInt64: Result<ChildProcess, SystemError>] = [:]
        var nextTicket: UInt64 = 0
        var isRunning = false
    }

    // Owner: whoever asks, and the spawning thread. Nothing is called while it is held but starting that thread.
    private let pending = Mutex(Pending())

    func spawn(_ words: [String]) -> Result<ChildProcess, SystemError> {
        let ticket = pending.withLock { pending in
            let ticket = pending.nextTicket
            pending.nextTicket += 1
            pending.requests.append((ticket, words))
            return ticket
        }
        do throws(SystemError) {
            try startThread()
        } catch {
            return .failure(error)
        }
        while true {
            if let result = pending.withLock({ $0.results.removeValue(forKey: ticket) }) { return result }
            Pause.sleep(.milliseconds(1))
        }
    }

    private func startThread() throws(SystemError) {
        let mustStart = pending.withLock { pending in
            defer { pending.isRunning = true }
            return !pending.isRunning
        }
        guard mustStart else { return }
        _ = try Thread.start(name: "spawner") { [self] in
            while true {
                let next = pending.withLock { $0.requests.isEmpty ? nil : $0.requests.removeFirst() }
                if let next {
                    let result = Self.start(next.words)
                    pending.withLock { $0.results[next.ticket] = result }
                } else {
                    Pause.sleep(.milliseconds(2))
                }
            }
        }
    }

    private static func start(_ words: [String]) -> Result<ChildProcess, SystemError> {
        do throws(SystemError) {
            return .success(try ChildProcess.start("/bin/sh", words))
        } catch {
            return .failure(error)
        }
    }
}
