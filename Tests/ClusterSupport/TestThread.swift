import Dispatch
import PosixIO
import Synchronization

/// A thread for one test, which may block it: the threads of Swift's own pool are as many as there are cores, and a test
/// that waits on one of them keeps another from running.
final class TestThread: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var hasEnded = false
    }

    // Owner: whoever enqueues, and the thread. Nothing is called while it is held.
    private let state = Mutex(State())
    private let wakeUps = DispatchSemaphore(value: 0)

    init() throws(SystemError) {
        try Thread.start(name: "test") { [self] in
            while true {
                wakeUps.wait()
                let (job, hasEnded) = state.withLock { state in
                    (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.hasEnded)
                }
                if let job {
                    job.runSynchronously(on: asUnownedTaskExecutor())
                } else if hasEnded {
                    return
                }
            }
        }.detach()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
        wakeUps.signal()
    }

    /// Lets the thread end once it has run what it was given.
    func end() {
        state.withLock { $0.hasEnded = true }
        wakeUps.signal()
    }

    /// Runs a test on a thread of its own.
    static func run(_ body: @Sendable () async throws -> Void) async throws {
        let thread = try TestThread()
        defer { thread.end() }
        try await withTaskExecutorPreference(thread) { try await body() }
    }
}
