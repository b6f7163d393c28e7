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
    /// Finds out whether the log has everything that followed `after`, and whether `before` is a place in it.
    /// - Parameter completion: Gets `nil` if so. A cursor which this replica has seen beyond the log's end fails: the
    ///   loss is about to be settled.
    func findGap(
        after: Cursor?, before: Cursor?, completion: @escaping (Result<LogGap?, LogError>) -> Void
    ) {
        guard let after else {
            guard let before else { return completion(.success(nil)) }
            return judge(before, completion) { $0.strangeness(of: before) }
        }
        let afterwards = { [self] (result: Result<LogGap?, LogError>) in
            guard case .success(.none) = result, let before else { return completion(result) }
            findGap(after: nil, before: before, completion: completion)
        }
        judge(after, afterwards) { $0.gap(after: after) }
    }

    private func judge(
        _ cursor: Cursor, _ completion: @escaping (Result<LogGap?, LogError>) -> Void,
        by objection: @escaping (ResumeOutcome) -> ResumeOutcome.Objection?
    ) {
        resume(after: cursor, limit: 1) { [self] result in
            switch result {
            case .failure(let error): completion(.failure(error))
            case .success(let outcome):
                if case .ahead = outcome, cursor <= knownHead { return completion(.failure(.repairing)) }
                guard let (reason, head) = objection(outcome) else { return completion(.success(nil)) }
                range(after: .zero, limit: 1) { oldest in
                    completion(oldest.map { LogGap(reason: reason, first: $0.first?.cursor ?? head.cursor) })
                }
            }
        }
    }
}

extension ResumeOutcome {
    /// Why a cursor is of no use, and where the log stands.
    typealias Objection = (reason: String, head: LogHead)

    /// What a client would not be told that reads on after the cursor; `nil` when nothing is missing.
    func gap(after cursor: Cursor) -> Objection? {
        if let objection = strangeness(of: cursor) { return objection }
        switch self {
        case .ahead, .unknownGeneration: return nil
        case .trimmed(let head):
            return ("\(ResumeJoin.Refusal.trimmed(cursor, resumableFrom: head.resumableFrom))", head)
        case .entries(let entries, let head, _):
            let isWhole = last(before: entries.first, head) <= cursor.sequence
            return isWhole ? nil : ("the log does not have what follows \(cursor)", head)
        }
    }

    /// Why the cursor is none of this log's; `nil` for one that is, or was until retention passed it.
    func strangeness(of cursor: Cursor) -> Objection? {
        switch self {
        case .ahead(let head): return ("\(ResumeJoin.Refusal.ahead(cursor, head: head.cursor))", head)
        case .unknownGeneration(let head): return ("\(ResumeJoin.Refusal.unknownGeneration(cursor))", head)
        case .trimmed(let head):
            let isOfNoLog = cursor.generation == 0 && cursor != .zero
            return isOfNoLog ? ("\(ResumeJoin.Refusal.unknownGeneration(cursor))", head) : nil
        case .entries(let entries, let head, _):
            let last = last(before: entries.first, head)
            guard cursor.sequence > last, cursor.sequence - last > ResumeJoin.leeway else { return nil }
            return ("\(ResumeJoin.Refusal.beyondGeneration(cursor))", head)
        }
    }

    /// The sequence number that what follows begins behind, be it in another generation, which begins where the log was
    /// cut: then perhaps a lower one than the cursor's, but not by more than a replica can have been ahead.
    private func last(before first: LogEntry?, _ head: LogHead) -> UInt64 {
        first.map { max($0.cursor.sequence, 1) - 1 } ?? head.cursor.sequence
    }
}

extension Problem {
    init(_ gap: LogGap) {
        self.init(
            status: 410, detail: "The log cannot be listed from this cursor: \(gap.reason).", first: gap.first,
            reason: gap.reason)
    }
}
