import ThreatFeed

/// A record on its way to Redis.
struct Publication {
    let record: ThreatRecord
    /// Of the stored form.
    let byteCount: Int
    let completion: (PublishResult) -> Void

    init(record: ThreatRecord, completion: @escaping (PublishResult) -> Void) {
        self.record = record
        byteCount = record.encodedByteCount
        self.completion = completion
    }
}

/// The records of one call of the publish script.
struct PublishCall {
    private(set) var publications: ArraySlice<Publication>
    private(set) var byteCount = 0
    /// How often it was sent while the log took only what replicas held.
    private(set) var attempts = 0
    /// Told once how the call as a whole went.
    private var gathered: Gathered?

    /// Cuts publishes into calls, in order.
    static func split(_ publications: [Publication]) -> [PublishCall] {
        var calls: [PublishCall] = []
        var start = 0
        var bytes = 0
        for index in publications.indices {
            let size = publications[index].byteCount
            if index > start, index - start == LogClient.callRecordsMax || bytes + size > LogClient.callBytesMax {
                calls.append(PublishCall(publications: publications[start..<index], byteCount: bytes))
                start = index
                bytes = 0
            }
            bytes += size
        }
        if start < publications.count {
            calls.append(PublishCall(publications: publications[start...], byteCount: bytes))
        }
        return calls
    }

    var afterAttempt: PublishCall {
        var call = self
        call.attempts += 1
        return call
    }

    func reporting(to gathered: Gathered) -> PublishCall {
        var call = self
        call.gathered = gathered
        return call
    }

    func fail(_ error: LogError) {
        for publication in publications { publication.completion(.failure(error)) }
        gathered?.finishOne(.failure(error))
    }

    /// The head Redis showed when it refused a call because entries already seen are gone.
    static func lostHead(_ reply: RedisReply) -> Cursor? {
        guard let elements = reply.elements, elements.count == 2, elements[0].text == "LOST" else { return nil }
        return EntryDecoding.cursor(elements[1])
    }

    static func isRefusedForRepair(_ reply: RedisReply) -> Bool {
        reply.elements?.count == 1 && reply.elements?.first?.text == "REPAIR"
    }

    /// Tells each publisher its outcome.
    /// - Returns: What was accepted, in log order.
    func complete(_ reply: RedisReply) -> [LogEntry] {
        guard let elements = reply.elements, elements.count == publications.count + 1,
            let generation = EntryDecoding.number(elements[0])
        else {
            fail(EntryDecoding.malformed("the outcome of a publish"))
            return []
        }
        var accepted: [LogEntry] = []
        accepted.reserveCapacity(publications.count)
        for (index, element) in zip(publications.indices, elements.dropFirst()) {
            let result = Self.outcome(element, generation: generation)
            if case .success(.accepted(let cursor)) = result {
                accepted.append(LogEntry(cursor: cursor, record: publications[index].record))
            }
            publications[index].completion(result)
        }
        gathered?.finishOne(.success(()))
        return accepted
    }

    private static func outcome(_ element: RedisReply, generation: UInt64) -> PublishResult {
        do throws(LogError) {
            switch element {
            case .integer(let sequence):
                guard let sequence = UInt64(exactly: sequence) else { break }
                return .success(.accepted(Cursor(generation: generation, sequence: sequence)))
            case .array(let parts):
                guard let cursor = EntryDecoding.cursor(parts.first) else { break }
                guard parts.count == 2, let blob = parts[1].bytes else { return .success(.conflict(cursor)) }
                return .success(.replayed(try EntryDecoding.entry(cursor, blob[...])))
            case .string, .null, .error: break
            }
            throw EntryDecoding.malformed("the outcome of a publish")
        } catch {
            return .failure(error)
        }
    }
}

/// Collects the results of a batch that went out in several calls.
final class BatchResults {
    private var results: [PublishResult?]
    private var missing: Int
    private let completion: ([PublishResult]) -> Void

    init(count: Int, completion: @escaping ([PublishResult]) -> Void) {
        results = Array(repeating: nil, count: count)
        missing = count
        self.completion = completion
    }

    func set(_ result: PublishResult, at index: Int) {
        if results[index] == nil { missing -= 1 }
        results[index] = result
        if missing == 0 { completion(results.compactMap { $0 }) }
    }
}

/// Reports once when several calls have ended: the first failure, or success.
final class Gathered {
    private var remaining: Int
    private var failure: LogError?
    private let completion: (Result<Void, LogError>) -> Void

    init(count: Int, completion: @escaping (Result<Void, LogError>) -> Void) {
        remaining = count
        self.completion = completion
    }

    func finishOne(_ result: Result<Void, LogError>) {
        if case .failure(let error) = result { failure = failure ?? error }
        remaining -= 1
        guard remaining == 0 else { return }
        completion(failure.map { .failure($0) } ?? .success(()))
    }
}
