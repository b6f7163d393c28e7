import PosixIO
import ThreatFeed
import TocsinClient

/// What came of a run, and whether the promises were kept.
struct Outcome {
    let run: Run
    let incidents: [Incident]
    let published: PublisherReport
    let verdict: FeedVerdict
    let lives: [MemoryWatch.Life]
    /// The longest time without an acknowledgement while Redis could have kept one.
    let longestSilence: Duration
    private(set) var findings: [String]

    /// How long after a fault a silence is counted as its outage.
    private static let aftermath = Duration.seconds(5)
    static let growthKibibytesMax = 5 * 1_024

    init(
        run: Run, incidents: [Incident], earlyFindings: [String], published: PublisherReport, records: [FeedRecord],
        usable: [RedisWatch.Usable], lives: [MemoryWatch.Life]
    ) {
        self.run = run
        self.incidents = incidents
        self.published = published
        self.lives = lives
        let times = published.acknowledgedAt.sorted()
        longestSilence = usable.map { Self.longestSilence(in: $0, times) }.max() ?? .zero
        verdict = FeedVerdict(
            records: records, acknowledged: published.acknowledgements.map { ($0.threatID, $0.cursor) },
            toleratesLoss: run.minReplicas == 0)
        findings = earlyFindings
        judge()
    }

    var isKept: Bool { findings.isEmpty }

    private mutating func judge() {
        if !verdict.isKept { findings += verdict.findings }
        if !verdict.isKept && verdict.findings.isEmpty { findings.append("the verdict is: broken") }
        findings += unexplainedLosses()
        if published.rejections > 0 {
            findings.append("answers that are neither 2xx nor 503: \(published.failures.prefix(3))")
        }
        if published.refusalsWithoutRetryAfter > 0 {
            findings.append("\(published.refusalsWithoutRetryAfter) answers of 503 without Retry-After")
        }
        for life in lives {
            if life.isLong, let growth = life.growthKibibytes, growth > Self.growthKibibytesMax {
                findings.append("\(life.name) grew by \(growth) KiB")
            }
        }
        if published.acknowledgements.isEmpty { findings.append("nothing was acknowledged") }
    }

    /// Threats that nobody received although no fault can have made Redis forget them.
    private func unexplainedLosses() -> [String] {
        published.acknowledgements.compactMap { entry in
            guard verdict.lost.contains(entry.threatID), !incidents.contains(where: { $0.mayLose(entry.cursor) })
            else { return nil }
            return "\(entry.threatID), acknowledged at \(entry.cursor), reached nobody"
        }.prefix(10).map { $0 }
    }

    /// The longest time without an acknowledgement that overlaps the faults of a kind or the five seconds after them.
    func worstOutage(of kind: FaultKind) -> Duration {
        let times = published.acknowledgedAt.sorted()
        return incidents.filter { $0.kind == kind }.map { incident in
            Self.longestGap(from: incident.start, to: incident.end + Self.aftermath, times)
        }.max() ?? .zero
    }

    private static func longestGap(
        from start: MonotonicTime, to end: MonotonicTime, _ times: [MonotonicTime]
    ) -> Duration {
        var longest = Duration.zero
        for (earlier, later) in zip(times, times.dropFirst()) where later > start && earlier < end {
            longest = max(longest, later - earlier)
        }
        return longest
    }

    private static func longestSilence(in span: RedisWatch.Usable, _ times: [MonotonicTime]) -> Duration {
        // After the last acknowledgement nobody publishes any more.
        let end = min(span.end, times.last ?? span.end)
        guard span.start < end else { return .zero }
        let inside = [span.start] + times.filter { $0 > span.start && $0 < end } + [end]
        return zip(inside, inside.dropFirst()).map { $1 - $0 }.max() ?? .zero
    }
}
