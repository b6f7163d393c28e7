import Glibc
import PosixIO
import Synchronization
import ThreatFeed

/// One fault as it was injected.
struct Incident: Sendable {
    let kind: FaultKind
    let start: MonotonicTime
    /// When it was taken away.
    var end: MonotonicTime
    /// The last entry that the replicas of Redis had all when it began: it cannot make Redis forget that one. `nil`
    /// when that was not to be learned.
    var kept: Cursor?
    /// The last entry when everything was in step again afterwards; `nil` when the run ended before.
    var settled: Cursor?

    /// Whether Redis may have forgotten by it an entry that was acknowledged at a cursor.
    func mayLose(_ cursor: Cursor) -> Bool {
        guard kind.losesLog else { return false }
        return (kept.map { cursor > $0 } ?? true) && (settled.map { cursor <= $0 } ?? true)
    }
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

    /// - Parameter kept: The last entry that no fault of Redis can make it forget.
    func note(_ kind: FaultKind, from start: MonotonicTime, kept: Cursor?) {
        state.withLock { $0.incidents.append(Incident(kind: kind, start: start, end: .now, kept: kept)) }
    }

    /// Notes where the log stood when everything was in step again after the last fault of a kind.
    func noteSettled(_ kind: FaultKind, at cursor: Cursor?) {
        state.withLock { state in
            guard let index = state.incidents.lastIndex(where: { $0.kind == kind }) else { return }
            state.incidents[index].settled = cursor
        }
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
