import RedisLog
import ThreatFeed

/// The answer to a batch: one object for each item, in the order sent.
enum BatchAnswer {
    /// What parsing gave for one item.
    enum Item {
        case parsed(ThreatRecord)
        case refused(ThreatRejection)

        var record: ThreatRecord? {
            switch self {
            case .parsed(let record): record
            case .refused: nil
            }
        }
    }

    /// - Parameter results: What the log said to each item that parsed, in order.
    static func encode(_ items: [Item], _ results: [PublishResult]) -> [UInt8] {
        var bytes = [UInt8(ascii: "[")]
        var nextResult = results.makeIterator()
        for (index, item) in items.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            switch item {
            case .refused(let rejection): appendRefused(Problem(rejection), &bytes)
            case .parsed(let record):
                guard let result = nextResult.next() else {
                    preconditionFailure("every published item has a result")
                }
                append(result, record, &bytes)
            }
        }
        bytes.append(UInt8(ascii: "]"))
        return bytes
    }

    private static func append(_ result: PublishResult, _ record: ThreatRecord, _ bytes: inout [UInt8]) {
        switch result {
        case .success(.accepted(let cursor)): appendStored(201, record.id, cursor, &bytes)
        case .success(.replayed(let entry)): appendStored(200, record.id, entry.cursor, &bytes)
        case .success(.conflict(let cursor)): appendRefused(Problem(conflictOf: record.id, cursor), &bytes)
        case .failure(let error): appendRefused(Problem(error), &bytes)
        }
    }

    private static func appendStored(_ status: Int64, _ id: String, _ cursor: Cursor, _ bytes: inout [UInt8]) {
        JSONText.appendRaw(#"{"status":"#, to: &bytes)
        JSONText.appendInteger(status, to: &bytes)
        JSONText.appendMember("id", id, to: &bytes)
        JSONText.appendRaw(#","seq":"#, to: &bytes)
        JSONText.appendInteger(cursor.sequence, to: &bytes)
        JSONText.appendMember("cursor", cursor.description, to: &bytes)
        bytes.append(UInt8(ascii: "}"))
    }

    private static func appendRefused(_ problem: Problem, _ bytes: inout [UInt8]) {
        JSONText.appendRaw(#"{"status":"#, to: &bytes)
        JSONText.appendInteger(Int64(problem.status), to: &bytes)
        JSONText.appendRaw(#","error":"#, to: &bytes)
        bytes += problem.encode()
        bytes.append(UInt8(ascii: "}"))
    }
}

extension PublishResult {
    /// Whether the log took a new entry.
    var isAccepted: Bool {
        if case .success(.accepted) = self { true } else { false }
    }
}
