import PosixIO
import TocsinClient

/// The figures of a load, for people and for programs.
struct BenchReport {
    let bench: Bench
    let connected: Int
    let connectTime: Duration
    let posts: LoadPosts
    let receipts: LoadReceipts
    let wasInterrupted: Bool
    let summary: LoadSummary

    init(
        bench: Bench, connected: Int, connectTime: Duration, posts: LoadPosts, receipts: LoadReceipts,
        ending: LoadWait.Ending, wasInterrupted: Bool
    ) {
        self.bench = bench
        self.connected = connected
        self.connectTime = connectTime
        self.posts = posts
        self.receipts = receipts
        self.wasInterrupted = wasInterrupted
        summary = LoadSummary(posts: posts, receipts: receipts, ending: ending)
    }

    private var seconds: Double { Double(summary.elapsed.nanoseconds) / 1e9 }
    private var deliveriesPerSecond: Double { seconds > 0 ? Double(receipts.deliveries) / seconds : 0 }

    // MARK: - For people

    var text: String {
        var lines = [
            head, "",
            Self.row(
                "posted", "\(Self.grouped(summary.posted)) threats", "\(Self.decimal(summary.postsPerSecond, 1))/s",
                "\(Self.grouped(posts.refused)) refused for the moment, \(Self.grouped(posts.failed)) failed"),
        ]
        if receipts.clients > 0 {
            var verdict = "\(Self.grouped(summary.lost)) lost, "
            if summary.stillComing > 0 { verdict += "\(Self.grouped(summary.stillComing)) still coming, " }
            if summary.notAwaited > 0 { verdict += "\(Self.grouped(summary.notAwaited)) not awaited, " }
            verdict += "\(Self.grouped(summary.duplicates)) doubled, "
            lines += [
                Self.row(
                    "delivered", Self.grouped(receipts.deliveries), "\(Self.decimal(deliveriesPerSecond, 1))/s",
                    verdict + "\(Self.grouped(summary.disorder)) out of order"),
                Self.row(
                    "clients", Self.grouped(receipts.clients),
                    "in \(Self.decimal(Double(connectTime.nanoseconds) / 1e9, 2)) s",
                    "\(Self.grouped(receipts.disconnects)) disconnects, \(Self.grouped(receipts.resets)) resets"),
            ]
        }
        lines += ["", Self.columns("milliseconds", ["p50", "p90", "p99", "p99.9", "max"])]
        lines.append(Self.latencyRow("post to answer", summary.postLatency))
        if receipts.clients > 0 {
            lines.append(Self.latencyRow("post to receipt", summary.deliveryLatency))
            lines.append(Self.latencyRow("post to last receipt", summary.lastReceiptLatency))
        }
        return (lines + [""] + remarks).joined(separator: "\n")
    }

    private var head: String {
        let wire =
            switch bench.clients.wire {
            case .webSocket: "WebSocket"
            case .deflated: "WebSocket with deflate"
            case .eventStream: "Server-Sent Events"
            }
        let replicas = bench.clients.urls.count
        var text = "\(replicas) replica\(replicas == 1 ? "" : "s"), \(Self.grouped(receipts.clients)) clients (\(wire)"
        if bench.clients.filters > 1 { text += ", \(Self.grouped(bench.clients.filters)) filters" }
        text += "), \(bench.posts.publishers) publishers"
        if bench.posts.batch > 1 { text += " with batches of \(bench.posts.batch)" }
        text += ", \(Self.grouped(bench.posts.threatBytes)) bytes a threat, "
        text += bench.posts.rate.map { "\(Self.decimal($0, 1)) threats/s" } ?? "as fast as answered"
        return text + ", \(Self.decimal(seconds, 2)) s" + (bench.clients.log == .proof ? ", log for proofs" : "")
    }

    private var remarks: [String] {
        var lines: [String] = []
        if posts.unsent > 0 {
            lines.append("\(Self.grouped(posts.unsent)) threats were due and not posted: every publisher was busy")
        }
        if posts.isFull {
            lines.append("ended early: the clients can tell \(Self.grouped(bench.posts.threatsMax)) threats apart")
        }
        if posts.unanswered > 0 {
            lines.append("\(Self.grouped(posts.unanswered)) threats were posted and their answers not awaited")
        }
        if posts.lostAttempts > 0 {
            lines.append("\(Self.grouped(posts.lostAttempts)) posts were sent again after no answer came")
        }
        if let refusal = posts.firstRefusal { lines.append("first refused: \(Terminal.harmless(refusal))") }
        if let failure = posts.firstFailure { lines.append("first failure: \(Terminal.harmless(failure))") }
        if let ending = receipts.firstEnding {
            lines.append("first disconnect: \(Terminal.harmless("\(ending)"))")
        }
        if receipts.refusedResumes > 0 {
            lines.append(
                "\(Self.grouped(receipts.refusedResumes)) times a client was told that it cannot resume; what it missed "
                    + "counts as lost")
        }
        if summary.gaps > 0 { lines.append("\(Self.grouped(summary.gaps)) entries were missing between two received") }
        if wasInterrupted { lines.append("interrupted: the figures cover what was done until then") }
        if receipts.clients > 0, summary.posted > 0 { lines.append(verdict) }
        return lines
    }

    private var verdict: String {
        if summary.isKept { return "every acknowledged threat came to every client, once and in order" }
        if summary.isWrong { return "THREATS WERE LOST, DOUBLED OR OUT OF ORDER" }
        if summary.stillComing > 0 {
            let longest = LoadWait.longest.nanoseconds / 1_000_000_000
            return "\(Self.grouped(summary.stillComing)) DELIVERIES WERE STILL COMING AFTER \(longest) SECONDS"
        }
        return "what was awaited came once and in order"
    }

    private static func row(_ name: String, _ count: String, _ rate: String, _ remark: String) -> String {
        "  " + padded(name, 10) + leftPadded(count, 20) + leftPadded(rate, 16) + "   " + remark
    }

    private static func columns(_ name: String, _ values: [String]) -> String {
        "  " + padded(name, 21) + values.map { leftPadded($0, 10) }.joined()
    }

    private static func latencyRow(_ name: String, _ latency: LoadLatency?) -> String {
        guard let latency else { return columns(name, [String](repeating: "–", count: 5)) }
        return columns(
            name, [latency.p50, latency.p90, latency.p99, latency.p999, latency.max].map { decimal($0, 2) })
    }

    // MARK: - For programs

    var json: JSONValue {
        .object([
            ("urls", .array(bench.clients.urls.map { .string($0.description) })),
            ("clients", Self.number(receipts.clients)), ("connected", Self.number(connected)),
            ("connect_seconds", Self.number(Double(connectTime.nanoseconds) / 1e9)),
            ("distinct_filters", Self.number(bench.clients.filters)),
            ("publishers", Self.number(bench.posts.publishers)), ("batch", Self.number(bench.posts.batch)),
            ("rate", bench.posts.rate.map { Self.number($0) } ?? .null),
            ("size", Self.number(bench.posts.threatBytes)), ("seconds", Self.number(seconds)),
            ("posted", Self.number(summary.posted)), ("refused", Self.number(posts.refused)),
            ("first_refusal", posts.firstRefusal.map { .string($0) } ?? .null),
            ("failed", Self.number(posts.failed)), ("unanswered", Self.number(posts.unanswered)),
            ("unsent", Self.number(posts.unsent)),
            ("posts_per_second", Self.number(summary.postsPerSecond)), ("owed", Self.number(summary.owed)),
            ("deliveries", Self.number(receipts.deliveries)),
            ("deliveries_per_second", Self.number(deliveriesPerSecond)), ("lost", Self.number(summary.lost)),
            ("still_coming", Self.number(summary.stillComing)), ("not_awaited", Self.number(summary.notAwaited)),
            ("duplicates", Self.number(summary.duplicates)), ("disorder", Self.number(summary.disorder)),
            ("gaps", Self.number(summary.gaps)), ("disconnects", Self.number(receipts.disconnects)),
            ("resets", Self.number(receipts.resets)), ("refused_resumes", Self.number(receipts.refusedResumes)),
            ("post_ms", Self.object(summary.postLatency)), ("delivery_ms", Self.object(summary.deliveryLatency)),
            ("last_receipt_ms", Self.object(summary.lastReceiptLatency)),
            ("log", .string(bench.clients.log.queryItem?.value ?? "threats")), ("kept", .bool(summary.isKept)),
            ("interrupted", .bool(wasInterrupted)),
        ])
    }

    private static func object(_ latency: LoadLatency?) -> JSONValue {
        func value(_ part: KeyPath<LoadLatency, Double>) -> JSONValue {
            latency.map { number($0[keyPath: part]) } ?? .null
        }
        return .object([
            ("p50", value(\.p50)), ("p90", value(\.p90)), ("p99", value(\.p99)), ("p99_9", value(\.p999)),
            ("max", value(\.max)),
        ])
    }

    private static func number(_ value: Int) -> JSONValue { .number(String(value)) }
    private static func number(_ value: Double) -> JSONValue { .number(decimal(value, 3, isGrouped: false)) }

    // MARK: - Numbers as text

    /// `1,234,567`.
    static func grouped(_ value: Int) -> String {
        var text = String(value.magnitude)
        var groups: [String] = []
        while text.count > 3 {
            groups.insert(String(text.suffix(3)), at: 0)
            text.removeLast(3)
        }
        return (value < 0 ? "-" : "") + ([text] + groups).joined(separator: ",")
    }

    /// - Parameters:
    ///   - value: Not negative.
    ///   - digits: After the point.
    private static func decimal(_ value: Double, _ digits: Int, isGrouped: Bool = true) -> String {
        let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
        let scaled = Int((max(0, value) * Double(scale)).rounded())
        let fraction = String(scaled % scale)
        let whole = isGrouped ? grouped(scaled / scale) : String(scaled / scale)
        return "\(whole).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func leftPadded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
