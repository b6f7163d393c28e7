import Broadcast
import RedisLog
import ThreatFeed

/// Why what follows a cursor cannot be listed without a hole.
struct LogGap {
    /// A sentence's part.
    let reason: String
    /// The oldest cursor that is still there; where nothing is kept, that of the log's end.
    let first: Cursor
}

extension LogClient {
    /// Finds out whether the log has everything that followed a cursor.
    /// - Parameter completion: Gets `nil` if it has. A cursor which this replica has seen beyond the log's end fails: the
    ///   loss is about to be settled.
    func findGap(after cursor: Cursor, completion: @escaping (Result<LogGap?, LogError>) -> Void) {
        resume(after: cursor, limit: 1) { [self] result in
            switch result {
            case .failure(let error): completion(.failure(error))
            case .success(let outcome):
                if case .ahead = outcome, cursor <= knownHead { return completion(.failure(.repairing)) }
                guard let (reason, head) = outcome.gap(after: cursor) else { return completion(.success(nil)) }
                range(after: .zero, limit: 1) { oldest in
                    completion(oldest.map { LogGap(reason: reason, first: $0.first?.cursor ?? head.cursor) })
                }
            }
        }
    }
}

extension ResumeOutcome {
    /// What a client would not be told that reads on after the cursor; `nil` when nothing is missing.
    func gap(after cursor: Cursor) -> (reason: String, head: LogHead)? {
        switch self {
        case .ahead(let head): return ("\(ResumeJoin.Refusal.ahead(cursor, head: head.cursor))", head)
        case .unknownGeneration(let head): return ("\(ResumeJoin.Refusal.unknownGeneration(cursor))", head)
        case .trimmed(let head):
            let isOfNoLog = cursor.generation == 0 && cursor != .zero
            let refusal: ResumeJoin.Refusal =
                isOfNoLog ? .unknownGeneration(cursor) : .trimmed(cursor, resumableFrom: head.resumableFrom)
            return ("\(refusal)", head)
        case .entries(let entries, let head, _):
            // What follows has the next sequence number, be it in another generation, which begins where the log was
            // cut: then perhaps a lower one, but not by more than a replica can have been ahead.
            let last = entries.first.map { max($0.cursor.sequence, 1) - 1 } ?? head.cursor.sequence
            if last > cursor.sequence { return ("the log does not have what follows \(cursor)", head) }
            let lead = cursor.sequence - last
            return lead > ResumeJoin.leeway ? ("\(ResumeJoin.Refusal.beyondGeneration(cursor))", head) : nil
        }
    }
}

extension Problem {
    init(_ gap: LogGap) {
        self.init(
            status: 410, detail: "What follows this cursor cannot be listed: \(gap.reason).", first: gap.first,
            reason: gap.reason)
    }
}
