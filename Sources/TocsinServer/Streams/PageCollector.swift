import RedisLog
import ThreatFeed

/// One page of the log.
struct ThreatQuery: Sendable {
    var filter: Filter
    /// Matching entries to pass over first.
    var offset: Int
    var limit: Int
    /// Only entries before this cursor: the page next to it on the older side.
    var before: Cursor?
    /// Only entries after this cursor: without `before`, the page next to it on the newer side.
    var after: Cursor?
    /// Entries looked at before the search is given up; the page then holds what was found.
    var scannedMax = Int.max
}

/// Collects one page from the log, read by read, until it is full or the log ends.
///
/// Retained by the read under way.
private final class PageCollector {
    /// Entries read from Redis at once; with a filter, most may not match.
    private static let entriesPerRead = 200

    private let log: LogClient
    private let query: ThreatQuery
    private let completion: (Result<[LogEntry], LogError>) -> Void
    private let readsForward: Bool
    private var position: Cursor?
    private var passedOver = 0
    private var scanned = 0
    private var found: [LogEntry] = []

    init(_ query: ThreatQuery, _ log: LogClient, _ completion: @escaping (Result<[LogEntry], LogError>) -> Void) {
        self.query = query
        self.log = log
        self.completion = completion
        readsForward = query.after != nil && query.before == nil
        position = readsForward ? query.after : query.before
    }

    func collect() {
        guard query.limit > 0 else {
            completion(.success([]))
            return
        }
        let wanted = query.offset - passedOver + query.limit - found.count
        let count = query.filter.isUnrestricted ? min(wanted, Self.entriesPerRead) : Self.entriesPerRead
        if readsForward, let position {
            log.range(after: position, limit: count) { [self] in received($0, asked: count) }
        } else {
            log.newest(before: position, limit: count) { [self] in received($0.map(\.entries), asked: count) }
        }
    }

    private func received(_ result: Result<[LogEntry], LogError>, asked: Int) {
        switch result {
        case .failure(let error): completion(.failure(error))
        case .success(let entries):
            scanned += entries.count
            if take(entries) || entries.count < asked || scanned >= query.scannedMax {
                completion(.success(readsForward ? found.reversed() : found))
            } else {
                position = entries.last?.cursor
                collect()
            }
        }
    }

    /// - Returns: Whether nothing more is wanted.
    private func take(_ entries: [LogEntry]) -> Bool {
        for entry in entries {
            if !readsForward, let after = query.after, entry.cursor <= after { return true }
            guard query.filter.matches(entry.record.facets) else { continue }
            if passedOver < query.offset { passedOver += 1 } else { found.append(entry) }
            if found.count == query.limit { return true }
        }
        return false
    }
}

extension EventLoop {
    /// Reads a page of a log.
    /// - Parameter completion: Gets the entries newest first.
    func run(_ query: ThreatQuery, of lane: Lane, completion: @escaping (Result<[LogEntry], LogError>) -> Void) {
        ask(lane, { log, completion in PageCollector(query, log, completion).collect() }, completion: completion)
    }
}
