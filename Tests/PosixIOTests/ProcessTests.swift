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
        let path = "/tmp/tocsin-lock-test-\(getpid())"
        defer { unlink(path) }
        do {
            let held = try FileLock(path: path)
            #expect(throws: SystemError.self) { _ = try FileLock(path: path) }
            _ = consume held
        }
        _ = try FileLock(path: path)
    }

    private func ended(_ child: ChildProcess) -> ChildProcess.State {
        while true {
            let state = child.poll()
            if state != .running { return state }
            sched_yield()
        }
    }
}
