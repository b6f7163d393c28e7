package import Histogram
import PosixIO

/// Times in milliseconds, as an HdrHistogram has them.
public struct LoadLatency: Sendable, Equatable {
    public let p50: Double
    public let p90: Double
    public let p99: Double
    public let p999: Double
    public let max: Double

    /// - Parameter histogram: Of microseconds.
    /// - Returns: `nil` when nothing was recorded.
    package init?(_ histogram: Histogram<UInt64>) {
        guard histogram.totalCount > 0 else { return nil }
        func milliseconds(_ percentile: Double) -> Double {
            Double(histogram.valueAtPercentile(percentile)) / 1_000
        }
        p50 = milliseconds(50)
        p90 = milliseconds(90)
        p99 = milliseconds(99)
        p999 = milliseconds(99.9)
        max = Double(histogram.maxRecorded) / 1_000
    }
}

/// What a load came to: what was posted against what was received.
public struct LoadSummary: Sendable {
    /// Threats that were acknowledged.
    public let posted: Int
    /// Receipts that are owed: each acknowledged threat to each client.
    public let owed: Int
    /// Receipts that were owed and did not come.
    public let lost: Int
    /// Receipts that were owed and had not come when the wait was cut short.
    public let notAwaited: Int
    /// Receipts that were owed and had not come at the longest time, while others still did.
    public let stillComing: Int
    /// Receipts of a threat beyond one for each client.
    public let duplicates: Int
    /// Entries out of order, or with another threat than another client received.
    public let disorder: Int
    /// Entries of anybody that clients missed between two that they received.
    public let gaps: Int
    /// From when the first post was due to the last answer or receipt.
    public let elapsed: Duration
    /// Threats that were acknowledged, by the time from when the first post was due to the last answer.
    public let postsPerSecond: Double
    /// From when a post was due (without a rate: sent) to its answer.
    public let postLatency: LoadLatency?
    /// To each receipt.
    public let deliveryLatency: LoadLatency?
    /// To the last receipt of each threat.
    public let lastReceiptLatency: LoadLatency?

    /// Whether a receipt is lost, doubled or out of order.
    public var isWrong: Bool { lost > 0 || duplicates > 0 || disorder > 0 || gaps > 0 }

    /// Whether every acknowledged threat came to every client, once and in order.
    public var isKept: Bool { !isWrong && stillComing == 0 && notAwaited == 0 }

    /// - Parameter ending: How the wait for the receipts ended.
    public init(posts: LoadPosts, receipts: LoadReceipts, ending: LoadWait.Ending) {
        posted = posts.acknowledgedCount
        owed = posted * receipts.clients
        disorder = receipts.disorder
        gaps = receipts.gaps
        let end = [posts.lastAnswer, receipts.lastReceipt].compactMap(\.self).max()
        elapsed = max(.zero, (end ?? posts.start) - posts.start)
        let answering = Double(((posts.lastAnswer ?? posts.start) - posts.start).nanoseconds) / 1e9
        postsPerSecond = answering > 0 ? Double(posted) / answering : 0
        var missing = 0
        var twice = 0
        var last = LoadLedger.newHistogram()
        for number in 0..<posts.acknowledged.end where posts.acknowledged.contains(number) {
            var latencyMax: UInt32?
            for (clients, tallies) in receipts.tallies {
                let tally = tallies[number]
                missing += max(0, clients - Int(tally.receipts))
                twice += max(0, Int(tally.receipts) - clients)
                if tally.receipts > 0 { latencyMax = max(latencyMax ?? 0, tally.latencyMaxMicroseconds) }
            }
            if let latencyMax { last.record(UInt64(latencyMax)) }
        }
        switch ending {
        case .complete, .silence: (lost, notAwaited, stillComing) = (missing, 0, 0)
        case .interrupted: (lost, notAwaited, stillComing) = (0, missing, 0)
        case .timeUp: (lost, notAwaited, stillComing) = (0, 0, missing)
        }
        // Entries after a move of the log may repeat an id already seen (contract, "reset").
        duplicates = receipts.duplicates + (receipts.resets == 0 ? twice : 0)
        postLatency = LoadLatency(posts.latency)
        deliveryLatency = LoadLatency(receipts.latency)
        lastReceiptLatency = LoadLatency(last)
    }
}
