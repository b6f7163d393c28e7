import PosixIO
import TocsinClient

/// An outcome as text for people.
enum Table {
    static func text(of outcome: Outcome) -> String {
        let report = outcome.published
        let verdict = outcome.verdict
        var lines = [
            "seed \(outcome.run.seed), \(outcome.run.seconds) s, redis-min-replicas \(outcome.run.minReplicas)", "",
            row("fault", "injected", "worst outage"),
        ]
        for kind in FaultKind.allCases {
            let count = outcome.incidents.count { $0.kind == kind }
            lines.append(row(kind.rawValue, "\(count)", count == 0 ? "-" : seconds(outcome.worstOutage(of: kind))))
        }
        let growth = outcome.lives.compactMap(\.growthKibibytes).max()
        let peak = outcome.lives.compactMap { $0.kibibytes.max() }.max() ?? 0
        lines += [
            "",
            row("clients", "\(verdict.clients)"),
            row("threats acknowledged", "\(verdict.acknowledged)"),
            row("deliveries", "\(verdict.delivered)"),
            row("deliveries owed", "\(verdict.expected)"),
            row("resets told to clients", "\(verdict.resets)"),
            row("resumes refused", "\(verdict.failedResumes)"),
            row("attempts without an answer", "\(report.lostAttempts)"),
            row("attempts answered 503", "\(report.refusals)"),
            row("threats given up (unknown)", "\(report.failures.count)"),
            row("acknowledged and lost", "\(verdict.lost.count)"),
            row("gaps, repeats, disorder", "\(verdict.gaps), \(verdict.duplicates), \(verdict.disorder)"),
            row("missing, unannounced", "\(verdict.undelivered), \(verdict.unannounced)"),
            row("silence while Redis usable", seconds(outcome.longestSilence)),
            row("resident memory, most", "\(peak / 1_024) MiB"),
            row("its growth after warm-up", growth.map { "\($0) KiB" } ?? "run too short"),
            "",
        ]
        lines += outcome.findings.isEmpty ? ["every promise was kept"] : ["BROKEN:"] + outcome.findings
        return lines.joined(separator: "\n")
    }

    private static func row(_ name: String, _ values: String...) -> String {
        let padded = name + String(repeating: " ", count: max(1, 30 - name.count))
        return padded + values.map { String(repeating: " ", count: max(1, 14 - $0.count)) + $0 }.joined()
    }

    private static func seconds(_ duration: Duration) -> String {
        let tenths = duration.nanoseconds / 100_000_000
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
