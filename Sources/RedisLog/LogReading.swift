public import ThreatFeed

extension LogClient {
    /// What follows a cursor, or that it cannot be had without a gap.
    public func resume(
        after cursor: Cursor, limit: Int, completion: @escaping (Result<ResumeOutcome, LogError>) -> Void
    ) {
        read(.resume) { command in
            command.append(String(cursor.generation))
            command.append(String(cursor.sequence))
            command.append(Int64(limit))
        } reply: { result in
            completion(
                result.decoded { reply throws(LogError) in
                    let (head, rest) = try EntryDecoding.head(reply)
                    switch rest.first?.text {
                    case "A": return .ahead(head: head)
                    case "T": return .trimmed(head: head)
                    case "U": return .unknownGeneration(head: head)
                    case .some, .none:
                        return .entries(
                            try EntryDecoding.entries(rest.first), head: head, anchored: rest.last?.integer == 1)
                    }
                })
        }
    }

    /// Retained entries after a cursor, oldest first, whatever may be missing before them.
    public func range(after cursor: Cursor, limit: Int, completion: @escaping (Result<[LogEntry], LogError>) -> Void) {
        // Redis takes no open interval that nothing can follow.
        guard cursor < Cursor(generation: .max, sequence: .max) else { return completion(.success([])) }
        read(.range) { command in
            command.append("(\(cursor)")
            command.append(Int64(limit))
        } reply: { result in
            completion(result.decoded { reply throws(LogError) in try EntryDecoding.entries(reply) })
        }
    }

    /// Retained entries, newest first.
    /// - Parameter before: Only older ones than this; `nil` from the head on.
    public func newest(
        before: Cursor? = nil, limit: Int, completion: @escaping (Result<LogPage, LogError>) -> Void
    ) {
        read(.newest) { command in
            // Redis takes no open interval that nothing can precede; there is no entry 0-0, so a closed one will do.
            command.append(before.map { $0 == .zero ? "0-0" : "(\($0)" } ?? "+")
            command.append(Int64(limit))
        } reply: { result in
            completion(
                result.decoded { reply throws(LogError) in
                    let (head, rest) = try EntryDecoding.head(reply)
                    return LogPage(entries: try EntryDecoding.entries(rest.first), head: head)
                })
        }
    }

    /// The entry of an id, `nil` when it is not retained.
    public func find(id: String, completion: @escaping (Result<LogEntry?, LogError>) -> Void) {
        read(.find) { command in
            command.append(id)
        } reply: { result in
            completion(result.decoded { reply throws(LogError) in try EntryDecoding.entries(reply).first })
        }
    }

    /// What is retained, counted. Counts that do not add up to what stands in the log are made again first, once.
    public func analytics(completion: @escaping (Result<LogAnalytics, LogError>) -> Void) {
        count { [weak self] result in
            guard let self, case .success(let analytics) = result, !analytics.addsUp else { return completion(result) }
            recover(observed: analytics.head, addsCountsUp: true) { [weak self] recovered in
                switch recovered {
                case .success: self?.count(completion)
                case .failure(let error): completion(.failure(error))
                }
            }
        }
    }

    private func count(_ completion: @escaping (Result<LogAnalytics, LogError>) -> Void) {
        read(.counts) { _ in
        } reply: { result in
            completion(result.decoded { reply throws(LogError) in try LogAnalytics(decoding: reply) })
        }
    }

    /// Runs a script that reads. Where it is another log, or its keys do not fit together, that is settled and the script
    /// run again, once.
    private func read(
        _ script: LogScript, arguments: @escaping (inout RedisCommand) -> Void,
        reply: @escaping (Result<RedisReply, LogError>) -> Void
    ) {
        runNamingLog(script, arguments) { [weak self] result in
            guard let self, let found = Self.lostHead(result) else { return reply(result) }
            recover(observed: found) { [weak self] recovered in
                guard let self else { return }
                if case .failure(let error) = recovered { return reply(.failure(error)) }
                runNamingLog(script, arguments) { result in
                    if let found = Self.lostHead(result) { reply(.failure(.lost(head: found))) } else { reply(result) }
                }
            }
        }
    }

    /// Runs a script whose last argument is which log it is meant for.
    func runNamingLog(
        _ script: LogScript, _ arguments: (inout RedisCommand) -> Void,
        reply: @escaping (Result<RedisReply, LogError>) -> Void
    ) {
        scripts.run(
            script,
            arguments: { command in
                arguments(&command)
                command.append(identityText)
            }, reply: reply)
    }

    private static func lostHead(_ result: Result<RedisReply, LogError>) -> Cursor? {
        if case .success(let reply) = result { PublishCall.lostHead(reply) } else { nil }
    }

    /// Asks for the head, looks whether the keys fit together, and trims what retention lets go of, at most 256 entries.
    public func maintain(completion: @escaping (Result<LogStatus, LogError>) -> Void) {
        let now = unixMilliseconds()
        scripts.run(.maintain) { command in
            command.append(Int64(retention.entriesMax))
            command.append(now - retention.ageMax.milliseconds)
            command.append(lookedThrough)
            command.append(Int64(Vouching.entriesPerProbe))
            command.append(Self.repairPeriod.milliseconds)
            appendMembership(to: &command)
        } reply: { [weak self] result in
            completion(
                result.decoded { reply throws(LogError) in
                    if let self, let foreign = ForeignLog(reply) { throw self.refuse(foreign) }
                    let (status, next) = try LogStatus.decoded(reply)
                    // Where something was found, the fork has to look there, too.
                    if status.damage == nil { self?.lookedThrough = next }
                    if let identity = status.identity { self?.learn(identity) }
                    return status
                })
        }
    }
}

extension Result where Success == RedisReply, Failure == LogError {
    fileprivate func decoded<Value>(
        _ decode: (RedisReply) throws(LogError) -> Value
    ) -> Result<Value, LogError> {
        do throws(LogError) {
            return .success(try decode(try get()))
        } catch {
            return .failure(error)
        }
    }
}

extension LogStatus {
    /// - Returns: The status, and from where on entries are to be looked up next.
    fileprivate static func decoded(_ reply: RedisReply) throws(LogError) -> (LogStatus, next: String) {
        let (head, rest) = try EntryDecoding.head(reply)
        let figures = Array(rest)
        guard figures.count == 10, let retained = EntryDecoding.number(figures[0]),
            let total = EntryDecoding.number(figures[1]), let trimmed = EntryDecoding.number(figures[2]),
            let refusal = figures[3].text, let incarnation = figures[4].text, let identity = figures[5].bytes,
            let damage = figures[6].text, let settled = figures[7].text, let next = figures[9].text
        else { throw EntryDecoding.malformed("a status") }
        var status = LogStatus(
            head: head, retained: Int(retained), acceptedTotal: total, trimmed: Int(trimmed),
            writesRefused: refusal.isEmpty ? nil : ScriptRunner.refusal(text: refusal), incarnation: incarnation,
            identity: LogIdentity(identity[...]))
        status.damage = damage.isEmpty ? nil : damage
        status.settledDamage = settled.isEmpty ? nil : settled
        status.isRebuilding = figures[8].integer == 1
        return (status, next)
    }
}

extension LogAnalytics {
    /// Whether what is counted is what is retained, and was accepted.
    fileprivate var addsUp: Bool { counts.values.reduce(0, +) == retained && acceptedTotal >= UInt64(retained) }

    init(decoding reply: RedisReply) throws(LogError) {
        guard let elements = reply.elements, elements.count == 5, let total = EntryDecoding.number(elements[0]),
            let retained = EntryDecoding.number(elements[1]), let pairs = elements[2].elements,
            let generation = EntryDecoding.number(elements[3]), let sequence = EntryDecoding.number(elements[4])
        else { throw EntryDecoding.malformed("counts") }
        var counts: [Facets: Int] = [:]
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            guard let bytes = pairs[index].bytes, let facets = try? Facets(decoding: bytes[...]),
                let count = EntryDecoding.number(pairs[index + 1])
            else { throw EntryDecoding.malformed("counts") }
            counts[facets] = Int(count)
        }
        self.init(
            acceptedTotal: total, retained: Int(retained), counts: counts,
            head: Cursor(generation: generation, sequence: sequence))
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}
