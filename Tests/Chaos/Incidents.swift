import Glibc
import PosixIO
import Synchronization

/// One fault as it was injected.
struct Incident: Sendable {
    let kind: FaultKind
    let start: MonotonicTime
    /// When it was taken away.
    var end: MonotonicTime
}

/// What the lanes have done and what they found, for all threads.
final class Incidents: Sendable {
    private struct State {
        var incidents: [Incident] = []
        var findings: [String] = []
    }

    static let findingsMax = 50

    private let begin = MonotonicTime.now
    // Owner: all lanes. Nothing is called while it is held.
    private let state = Mutex(State())
    // Owner: `trace` alone.
    private let path: String

    /// - Parameter path: A file for one line per event.
    init(path: String) {
        self.path = path
    }

    func note(_ kind: FaultKind, from start: MonotonicTime) {
        state.withLock { $0.incidents.append(Incident(kind: kind, start: start, end: .now)) }
    }

    func find(_ finding: String) {
        trace("FOUND \(finding)")
        state.withLock { state in
            if state.findings.count < Self.findingsMax { state.findings.append(finding) }
        }
    }

    /// One line, with the seconds since the beginning in front.
    func trace(_ text: String) {
        let milliseconds = (MonotonicTime.now - begin).nanoseconds / 1_000_000
        guard let file = fopen(path, "a") else { return }
        fputs("\(milliseconds / 1_000).\(milliseconds / 100 % 10) \(text)\n", file)
        fclose(file)
    }

    var all: [Incident] { state.withLock { $0.incidents } }
    var findings: [String] { state.withLock { $0.findings } }
}
