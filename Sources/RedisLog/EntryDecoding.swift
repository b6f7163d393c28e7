import ThreatFeed

/// Reads the replies of the scripts.
enum EntryDecoding {
    static func entries(_ reply: RedisReply?) throws(LogError) -> [LogEntry] {
        guard let elements = reply?.elements else { throw malformed("an array of entries") }
        var entries: [LogEntry] = []
        entries.reserveCapacity(elements.count)
        for element in elements {
            guard let pair = element.elements, pair.count == 2, let cursor = cursor(pair[0]),
                let fields = pair[1].elements, fields.count == 2, let blob = fields[1].bytes
            else { throw malformed("a stream entry") }
            entries.append(try entry(cursor, blob[...]))
        }
        return entries
    }

    static func entry(_ cursor: Cursor, _ blob: ArraySlice<UInt8>) throws(LogError) -> LogEntry {
        do throws(RecordError) {
            return LogEntry(cursor: cursor, record: try ThreatRecord(decoding: blob))
        } catch {
            throw .unavailable(reason: "entry \(cursor) in Redis cannot be read: \(error)")
        }
    }

    static func cursor(_ reply: RedisReply?) -> Cursor? {
        reply?.bytes.flatMap { Cursor(ascii: $0[...]) }
    }

    static func number(_ reply: RedisReply?) -> UInt64? {
        switch reply {
        case .integer(let value): UInt64(exactly: value)
        case .string(let digits): UInt64(String(decoding: digits, as: UTF8.self))
        case .null: 0
        case .array, .error, .none: nil
        }
    }

    /// The four elements that every reading script answers first.
    static func head(_ reply: RedisReply?) throws(LogError) -> (head: LogHead, rest: ArraySlice<RedisReply>) {
        guard let elements = reply?.elements, elements.count >= 4, let generation = number(elements[0]),
            let sequence = number(elements[1])
        else { throw malformed("a head") }
        let head = LogHead(
            cursor: Cursor(generation: generation, sequence: sequence),
            resumableFrom: cursor(elements[2]) ?? .zero, forkedAt: cursor(elements[3]) ?? .zero)
        return (head, elements[4...])
    }

    static func malformed(_ expected: String) -> LogError {
        .unavailable(reason: "Redis answered something other than \(expected)")
    }
}

/// One message of the feed channel: `<identity> <G> <first S> <len1> … <lenN>\n` and the blobs.
struct FeedMessage {
    /// What a payload is to whoever follows a log.
    enum Meaning: Hashable {
        case entries([LogEntry])
        /// Channels know no databases: it is of another log, whatever its name.
        case elsewhere
        /// Something was published, and what, only the log can tell. `isRenamed`: the log has another name by now.
        case lookIntoLog(isRenamed: Bool)
    }

    let identity: LogIdentity
    let entries: [LogEntry]

    /// What a payload is to whoever follows the log of that identity.
    static func meaning(of payload: [UInt8], for own: LogIdentity) -> Meaning {
        guard let identity = identity(of: payload) else { return .lookIntoLog(isRenamed: false) }
        guard identity.database == own.database else { return .elsewhere }
        guard identity == own else { return .lookIntoLog(isRenamed: true) }
        return FeedMessage(payload).map { .entries($0.entries) } ?? .lookIntoLog(isRenamed: false)
    }

    /// The log that a message says it is of; `nil` for a payload that does not say, as those of a version without
    /// identities.
    static func identity(of payload: [UInt8]) -> LogIdentity? {
        payload.firstIndex(of: UInt8(ascii: " ")).flatMap { LogIdentity(payload[..<$0]) }
    }

    /// - Returns: `nil` when the payload is anything else; the reader then looks into the stream instead.
    init?(_ payload: [UInt8]) {
        guard let identity = Self.identity(of: payload), let space = payload.firstIndex(of: UInt8(ascii: " ")),
            let end = payload.firstIndex(of: UInt8(ascii: "\n"))
        else { return nil }
        self.identity = identity
        guard space < end else { return nil }
        var header = payload[(space + 1)..<end]
        guard let generation = Self.takeNumber(&header), let first = Self.takeNumber(&header) else { return nil }
        var entries: [LogEntry] = []
        var start = end + 1
        repeat {
            guard let length = Self.takeNumber(&header), length <= UInt64(payload.count - start) else { return nil }
            let blob = payload[start..<(start + Int(length))]
            start += Int(length)
            let (sequence, overflow) = first.addingReportingOverflow(UInt64(entries.count))
            let cursor = Cursor(generation: generation, sequence: sequence)
            guard !overflow, let entry = try? EntryDecoding.entry(cursor, blob) else { return nil }
            entries.append(entry)
        } while !header.isEmpty
        guard start == payload.count else { return nil }
        self.entries = entries
    }

    /// Takes decimal digits and the space behind them, if any; a space at the end is one too many.
    private static func takeNumber(_ header: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        var index = header.startIndex
        while index < header.endIndex, header[index] != UInt8(ascii: " ") {
            let digit = header[index] &- UInt8(ascii: "0")
            let (scaled, scaleOverflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, sumOverflow) = scaled.addingReportingOverflow(UInt64(digit))
            guard digit < 10, !scaleOverflow, !sumOverflow else { return nil }
            value = sum
            index += 1
        }
        guard index > header.startIndex, index != header.endIndex - 1 else { return nil }
        header = header[min(index + 1, header.endIndex)...]
        return value
    }
}
