import PosixIO
import ThreatFeed
import TocsinClient

/// What was looked at besides the deliveries.
struct ProofChecks {
    private(set) var results: [(name: String, holds: Bool)] = []

    mutating func add(_ name: String, _ holds: Bool) {
        results.append((name, holds))
    }
}

/// Times from sending a post to its receipt by each client, in milliseconds.
struct LatencySummary {
    private(set) var p50 = 0.0
    private(set) var p99 = 0.0
    private(set) var longest = 0.0

    init(records: [FeedRecord], acknowledgements: [Acknowledgement]) {
        var sentAt: [String: MonotonicTime] = [:]
        for entry in acknowledgements { sentAt[entry.threatID] = entry.sentAt }
        var times: [Int64] = []
        for record in records {
            for delivery in record.deliveries {
                // An earlier attempt may have been the one that was kept: then the receipt can precede this one.
                if let sent = sentAt[delivery.threatID] {
                    times.append(max(0, (delivery.receivedAt - sent).nanoseconds))
                }
            }
        }
        times.sort()
        guard let last = times.last else { return }
        p50 = Double(times[(times.count - 1) / 2]) / 1e6
        p99 = Double(times[(times.count - 1) * 99 / 100]) / 1e6
        longest = Double(last) / 1e6
    }
}

/// The verdict, for people and for programs.
struct ProofReport {
    let replicas: Int
    let log: DeploymentLog
    let verdict: FeedVerdict
    let published: PublisherReport
    let latency: LatencySummary
    let postingTime: Duration
    let checks: ProofChecks
    /// Connections of clients that ended without their wish.
    let reconnects: Int
    let wasInterrupted: Bool

    var isKept: Bool {
        verdict.isKept && verdict.acknowledged > 0 && published.failures.isEmpty
            && published.refusalsWithoutRetryAfter == 0 && checks.results.allSatisfy(\.holds)
    }

    private var rate: Int {
        Int(Double(verdict.acknowledged) / max(0.001, Double(postingTime.nanoseconds) / 1e9))
    }

    var text: String {
        var lines = [
            "replicas \(replicas), clients \(verdict.clients), threats acknowledged \(verdict.acknowledged)"
                + (log == .proof ? ", in the log for proofs" : ""),
            "",
        ]
        let received = verdict.expected - verdict.undelivered
        lines += [
            row("delivered", "\(received) of \(verdict.expected)", verdict.undelivered == 0),
            row("acknowledged, not delivered", "\(verdict.undelivered)", verdict.undelivered == 0),
            row("gaps", "\(verdict.gaps)", verdict.gaps == 0),
            row("duplicates", "\(verdict.duplicates)", verdict.duplicates == 0),
            row("one order", "\(verdict.disorder) out of order", verdict.disorder == 0),
            row("same id and cursor as answered", "\(verdict.mismatches) differ", verdict.mismatches == 0),
            row("resumed when asked", "\(verdict.failedResumes) refused", verdict.failedResumes == 0),
            row("posts given up", "\(published.failures.count)", published.failures.isEmpty),
            row(
                "503 with Retry-After", "\(published.refusals) (without: \(published.refusalsWithoutRetryAfter))",
                published.refusalsWithoutRetryAfter == 0),
        ]
        for check in checks.results { lines.append(row(check.name, "", check.holds)) }
        lines += [
            "",
            "post to receipt: p50 \(Self.rounded(latency.p50)) ms, p99 \(Self.rounded(latency.p99)) ms, "
                + "max \(Self.rounded(latency.longest)) ms",
            "accepted: \(rate)/s over \(Self.rounded(Double(postingTime.nanoseconds) / 1e9)) s",
        ]
        if reconnects > 0 { lines.append("clients had to connect again: \(reconnects) times in all") }
        if verdict.resets > 0 {
            lines.append("moves of the log to a new generation, told to clients: \(verdict.resets)")
        }
        let findings = verdict.findings + published.failures.prefix(FeedVerdict.findingsMax)
        for finding in findings { lines.append("  - \(Terminal.harmless(finding))") }
        if wasInterrupted { lines.append("interrupted: the verdict covers what was done until then") }
        lines += ["", conclusion]
        return lines.joined(separator: "\n")
    }

    private var conclusion: String {
        if isKept { return "VERDICT: every promise was kept" }
        if verdict.isKept, verdict.acknowledged == 0 { return "VERDICT: nothing is proved, no threat was acknowledged" }
        return "VERDICT: A PROMISE WAS BROKEN"
    }

    var json: JSONValue {
        .object([
            ("kept", .bool(isKept)), ("log", .string(log.queryItem?.value ?? "threats")),
            ("replicas", Self.number(replicas)), ("clients", Self.number(verdict.clients)),
            ("acknowledged", Self.number(verdict.acknowledged)), ("expected", Self.number(verdict.expected)),
            ("delivered", Self.number(verdict.expected - verdict.undelivered)),
            ("undelivered", Self.number(verdict.undelivered)), ("gaps", Self.number(verdict.gaps)),
            ("duplicates", Self.number(verdict.duplicates)), ("disorder", Self.number(verdict.disorder)),
            ("mismatches", Self.number(verdict.mismatches)), ("failed_resumes", Self.number(verdict.failedResumes)),
            ("posts_given_up", Self.number(published.failures.count)), ("refusals", Self.number(published.refusals)),
            ("refusals_without_retry_after", Self.number(published.refusalsWithoutRetryAfter)),
            ("reconnects", Self.number(reconnects)), ("resets", Self.number(verdict.resets)),
            ("p50_ms", .number(Self.rounded(latency.p50))), ("p99_ms", .number(Self.rounded(latency.p99))),
            ("max_ms", .number(Self.rounded(latency.longest))), ("accepted_per_second", Self.number(rate)),
            ("checks", .object(checks.results.map { ($0.name, .bool($0.holds)) })),
            ("findings", .array((verdict.findings + published.failures.prefix(20)).map { .string($0) })),
            ("interrupted", .bool(wasInterrupted)),
        ])
    }

    private func row(_ name: String, _ value: String, _ holds: Bool) -> String {
        let dots = String(repeating: ".", count: max(2, 44 - name.count))
        return "  \(name) \(dots) \(holds ? "ok" : "BROKEN")\(value.isEmpty ? "" : "  (\(value))")"
    }

    private static func number(_ value: Int) -> JSONValue { .number(String(value)) }

    /// Two decimals.
    private static func rounded(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
