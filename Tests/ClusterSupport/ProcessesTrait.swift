import Glibc
import PosixIO
package import Testing
import TocsinClient

/// Says that the tests of a suite start processes. They run side by side, each on a thread of its own, which it may
/// block, and the logs of what each started are kept by its name in `$TOCSIN_TEST_LOGS`.
package struct ProcessesTrait: SuiteTrait, TestTrait, TestScoping {
    package var isRecursive: Bool { true }

    /// `$TOCSIN_TEST_SEATS`, else three for each core.
    private static let seats = Seats(
        count: getenv("TOCSIN_TEST_SEATS").flatMap { Int(String(cString: $0)) } ?? 3
            * sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let wanted = test.traits.contains { $0 is AloneTrait } ? Self.seats.count : 1
        let name = Self.name(of: test)
        // Waits on its thread as well: one of the pool's may be busy with a test that only computes.
        try await TestThread.run {
            try await Self.seats.take(wanted) {
                let started = MonotonicTime.now
                defer { TestJournal.shared.note(name, took: MonotonicTime.now - started) }
                try await TemporaryDirectory.$logsKept.withValue(TestJournal.shared.logFolder(of: name)) {
                    try await function()
                }
            }
        }
    }

    /// `Target.Suite.function`, which is a folder's name and what `script/test --filter` takes.
    private static func name(of test: Test) -> String {
        String("\(test.id)".prefix { $0 != "(" }.map { $0 == "/" ? "." : $0 })
    }
}

extension Trait where Self == ProcessesTrait {
    /// The tests of this suite start processes.
    package static var processes: Self { Self() }
}

/// Says that a test wants the machine for itself: no other that starts processes runs meanwhile.
package struct AloneTrait: SuiteTrait, TestTrait {
    package var isRecursive: Bool { true }
}

extension Trait where Self == AloneTrait {
    /// This test, or each of this suite, wants the machine for itself.
    package static var alone: Self { Self() }
}
