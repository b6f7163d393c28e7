import Glibc
import Testing

@testable import PosixIO

@Suite("Child processes and file locks")
struct ProcessTests {
    @Test("a program that cannot be executed is an error at the start, not a child that fails")
    func cannotExecute() {
        #expect(throws: SystemError.self) { try ChildProcess.start("/does/not/exist", []) }
    }

    @Test("how a child ended is told: its status, or the signal")
    func states() throws {
        let shell = try #require(ChildProcess.find("sh"))
        let exiting = try ChildProcess.start(shell, ["-c", "exit 7"])
        #expect(ended(exiting) == .exited(status: 7))
        let killed = try ChildProcess.start(shell, ["-c", "while :; do :; done"])
        #expect(killed.poll() == .running)
        killed.send(signal: SIGKILL)
        #expect(ended(killed) == .killed(signal: SIGKILL))
    }

    @Test("a child starts with no signal blocked, whatever its parent blocks")
    func signalMask() throws {
        let shell = try #require(ChildProcess.find("sh"))
        let child = try ChildProcess.start(shell, ["-c", "while :; do :; done"])
        child.send(signal: SIGTERM)
        #expect(ended(child) == .killed(signal: SIGTERM))
    }

    @Test("a file is locked once at a time, and free again when its holder lets go")
    func locks() throws {
        let directory = try newDirectory()
        let path = "\(directory)/lock"
        defer {
            unlink(path)
            rmdir(directory)
        }
        do {
            let held = try FileLock(path: path)
            #expect(throws: SystemError.self) { _ = try FileLock(path: path) }
            _ = consume held
        }
        try lockOnceFree(path)
    }

    /// A child that a test beside this one forks has the descriptor too until it runs its program, and the lock with it.
    private func lockOnceFree(_ path: String) throws {
        let deadline = MonotonicTime.now + .seconds(60)
        while true {
            do {
                _ = try FileLock(path: path)
                return
            } catch {
                guard error.code == EWOULDBLOCK, MonotonicTime.now < deadline else { throw error }
                sched_yield()
            }
        }
    }

    private func newDirectory() throws -> String {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/tocsin-process-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(code: errno, operation: "mkdtemp in \(base)") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func ended(_ child: ChildProcess) -> ChildProcess.State {
        while true {
            let state = child.poll()
            if state != .running { return state }
            sched_yield()
        }
    }
}
