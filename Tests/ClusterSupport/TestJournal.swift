import Glibc
import PosixIO
import Synchronization

/// What `script/test` wants to know of each test that starts processes: how long it ran once it had its seat, and where
/// the logs of its processes are. Written into `$TOCSIN_TEST_LOGS`; without it nothing is kept.
final class TestJournal: Sendable {
    static let shared = TestJournal()

    private let folder = getenv("TOCSIN_TEST_LOGS").map { String(cString: $0) }
    // Owner: whoever ends a test. Nothing but writing to the file is done while it is held.
    private let file = Mutex(())

    /// Where the logs of a test go.
    func logFolder(of test: String) -> String? { folder.map { "\($0)/\(test)" } }

    /// Adds a line to `times.tsv`: seconds with three decimals, then the test.
    func note(_ test: String, took duration: Duration) {
        guard let folder else { return }
        let milliseconds = duration.nanoseconds / 1_000_000
        let fraction = String(milliseconds % 1000 + 1000).dropFirst()
        let line = Array("\(milliseconds / 1000).\(fraction)\t\(test)\n".utf8)
        file.withLock { _ in
            let raw = open("\(folder)/times.tsv", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard raw >= 0 else { return }
            let file = FileDescriptor(raw: raw)
            _ = line.withUnsafeBytes { write(file.raw, $0.baseAddress, $0.count) }
        }
    }
}
