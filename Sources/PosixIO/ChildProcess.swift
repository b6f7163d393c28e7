import CPosix
import Glibc

/// A program that this process started and that does not outlive it.
public struct ChildProcess: Sendable {
    public let pid: Int32

    /// Starts a program. It gets SIGTERM when the calling thread ends, also when the whole process is killed.
    /// - Parameters:
    ///   - path: The executable; see `find`.
    ///   - arguments: Without the program's name.
    ///   - lock: Held until the program has ended too, even if this process ends first.
    public static func start(
        _ path: String, _ arguments: [String], holding lock: borrowing FileLock
    ) throws(SystemError) -> ChildProcess {
        try start(path, arguments, inherited: lock.file.raw)
    }

    /// Starts a program that inherits nothing but standard output and standard error.
    public static func start(_ path: String, _ arguments: [String]) throws(SystemError) -> ChildProcess {
        try start(path, arguments, inherited: -1)
    }

    private static func start(
        _ path: String, _ arguments: [String], inherited: Int32
    ) throws(SystemError) -> ChildProcess {
        var words = ([path] + arguments).map { strdup($0) }
        words.append(nil)
        // SAFETY: the words are ours and freed after the call; the child has its own copy by then.
        defer { for word in words { free(word) } }
        let pid = tocsin_spawn(path, words, environ, SIGTERM, inherited)
        guard pid > 0 else { throw .last("start \(path)") }
        return ChildProcess(pid: pid)
    }

    /// Looks a program up in `PATH` and in the system's folders, which `PATH` may lack for a service.
    public static func find(_ name: String) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin"]
        return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    public enum State: Equatable, Sendable {
        case running
        case exited(status: Int32)
        case killed(signal: Int32)
    }

    /// Asks once, without waiting. After anything but `running` the pid belongs to nobody; when somebody else has asked
    /// already, the status is not known and given as -1.
    public func poll() -> State {
        var status: Int32 = 0
        let result = retryingOnInterrupt { waitpid(pid, &status, WNOHANG) }
        if result == -1 { return .exited(status: -1) }
        guard result == pid else { return .running }
        let signal = status & 0x7F
        return signal == 0 ? .exited(status: (status >> 8) & 0xFF) : .killed(signal: signal)
    }

    public func send(signal: Int32) {
        // Fails only when it has ended, which `poll` reports.
        _ = kill(pid, signal)
    }
}

/// A file that one process at a time may hold.
public struct FileLock: ~Copyable {
    fileprivate let file: FileDescriptor

    /// - Throws: EWOULDBLOCK when another process holds it.
    public init(path: String) throws(SystemError) {
        let raw = tocsin_lock_file(path)
        guard raw >= 0 else { throw .last("lock \(path)") }
        file = FileDescriptor(raw: raw)
    }
}

/// Makes a directory and those above it, readable by the owner only.
public func makeDirectory(_ path: String) throws(SystemError) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
        made += made.isEmpty || made.hasSuffix("/") ? String(part) : "/\(part)"
        guard mkdir(made, 0o700) == 0 || errno == EEXIST else { throw .last("mkdir \(made)") }
    }
}
