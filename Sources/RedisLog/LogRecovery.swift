public import ThreatFeed

extension LogClient {
    private static let idsPerCall = 1_000

    /// Lets the log go on after Redis lost its end, or may have: forks it into a higher generation if need be, then
    /// appends what this replica holds and Redis lost. Calls made meanwhile share the one under way.
    /// - Parameters:
    ///   - observed: The head Redis shows.
    ///   - addsCountsUp: Whether the counts are to be added up, which takes longer the more there are.
    public func recover(
        observed: Cursor, addsCountsUp: Bool = false, completion: @escaping (Result<LogHead, LogError>) -> Void
    ) {
        if recoveryWaiters != nil {
            recoveryWaiters?.append(completion)
            return
        }
        recoveryWaiters = [completion]
        // A link that still has what the server was when it connected would fork for nothing, and again and again.
        link.refreshServer { [weak self] in
            self?.identifyServer { [weak self] in
                self?.noteServer()
                self?.fork(observed: observed, addsCountsUp: addsCountsUp, attemptsLeft: 5)
            }
        }
    }

    private func fork(observed: Cursor, addsCountsUp: Bool, attemptsLeft: Int) {
        scripts.run(.fork) { command in
            for cursor in [observed, knownHead] {
                command.append(String(cursor.generation))
                command.append(String(cursor.sequence))
            }
            command.append(incarnation ?? "")
            command.append(link.server?.keepsAllAnswered == true ? "1" : "0")
            command.append(Self.repairPeriod.milliseconds)
            command.append(keys.feed)
            command.append(link.endpoint.isPrivate ? "*" : hasSeenLog ? incarnations.joined(separator: " ") : "")
            command.append(lookedThrough)
            command.append(addsCountsUp ? "1" : "0")
            appendMembership(to: &command)
        } reply: { [weak self] result in
            guard let self else { return }
            do throws(LogError) {
                let reply = try result.get()
                if let foreign = ForeignLog(reply) { throw refuse(foreign) }
                let (head, rest) = try EntryDecoding.head(reply)
                if let text = rest.first?.bytes, let identity = LogIdentity(text[...]) { learn(identity) }
                if head.cursor.generation > observed.generation { settledDamage = rest.last?.text }
                if head.cursor >= knownHead {
                    guard head.cursor.generation > observed.generation else { return finishRecovery(.success(head)) }
                    repair { [weak self] in self?.finishRecovery($0.map { head }) }
                } else if attemptsLeft > 1 {
                    // Somebody appended to the shortened log in between.
                    fork(observed: head.cursor, addsCountsUp: addsCountsUp, attemptsLeft: attemptsLeft - 1)
                } else {
                    throw .lost(head: head.cursor)
                }
            } catch {
                finishRecovery(.failure(error))
            }
        }
    }

    private func finishRecovery(_ result: Result<LogHead, LogError>) {
        let waiters = recoveryWaiters ?? []
        recoveryWaiters = nil
        for waiter in waiters { waiter(result) }
    }

    /// Appends again what this replica holds and the log lacks, but for what retention has let go of.
    /// - Parameter isFollowed: Whether the ring follows the log that has this head. If not, a server that was replaced
    ///   is asked, or the ring has yet to move: nothing is appended.
    func repair(
        where isFollowed: @escaping (_ head: Cursor) -> Bool = { _ in true },
        completion: @escaping (Result<Void, LogError>) -> Void
    ) {
        repair(heldEntries(.zero) + unseen.entries, where: isFollowed) { completion($0.map { _ in }) }
    }

    /// What this client acknowledged and no ring has got, because the subscription was away or at another server when
    /// the log moved. Tried again each second until it has succeeded.
    func repairUnseen() {
        guard !isRepairingUnseen, isUp, let last = unseen.entries.last?.cursor else { return }
        isRepairingUnseen = true
        let entries = Array(unseen.entries)
        repair(entries) { [weak self] head in
            head.generation == self?.unseen.ringHead.generation
        } completion: { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let head): unseen.repaired(entries, head: head)
            case .failure(.lost(let head)) where head < last:
                // Acknowledged by a server that was replaced, so that no publish and no ring might ever tell.
                return recover(observed: head) { [weak self] _ in self?.isRepairingUnseen = false }
            case .failure: break
            }
            isRepairingUnseen = false
        }
    }

    /// - Parameter completion: Gets up to where the log has all of it.
    private func repair(
        _ held: [LogEntry], where isFollowed: @escaping (Cursor) -> Bool,
        completion: @escaping (Result<Cursor, LogError>) -> Void
    ) {
        findMissing(in: held[...], Found(head: knownHead), where: isFollowed) { [weak self] result in
            switch result {
            case .success(let found): self?.appendAgain(found, completion: completion)
            case .failure(let error): completion(.failure(error))
            }
        }
    }

    /// What the log lacks, as far as it was asked.
    private struct Found {
        var missing: [LogEntry] = []
        /// The log's last entry when it was asked last: up to here it has the others.
        var head: Cursor

        init(head: Cursor) {
            self.head = head
        }
    }

    private func findMissing(
        in held: ArraySlice<LogEntry>, _ found: Found, where isFollowed: @escaping (Cursor) -> Bool,
        completion: @escaping (Result<Found, LogError>) -> Void
    ) {
        let asked = held.prefix(Self.idsPerCall)
        guard !asked.isEmpty else { return completion(.success(found)) }
        runNamingLog(.missing) { command in
            for entry in asked { command.append(entry.record.id) }
        } reply: { [weak self] result in
            guard let self else { return }
            do throws(LogError) {
                let reply = try result.get()
                if let found = PublishCall.lostHead(reply) { throw .lost(head: found) }
                let (head, positions) = try EntryDecoding.head(reply)
                // A server that was replaced would have everything, until it is demoted.
                guard head.cursor >= knownHead, isFollowed(head.cursor) else { throw .lost(head: head.cursor) }
                let missing = positions.compactMap { $0.integer.map { asked[asked.startIndex + Int($0) - 1] } }
                // Where nothing was trimmed, it tells where the log begins, which lost entries lie before.
                let trimmed = head.resumableFrom
                var found = found
                found.missing += missing.filter { trimmed.sequence == 0 || $0.cursor > trimmed }
                found.head = head.cursor
                findMissing(in: held.dropFirst(asked.count), found, where: isFollowed, completion: completion)
            } catch {
                completion(.failure(error))
            }
        }
    }

    private func appendAgain(_ found: Found, completion: @escaping (Result<Cursor, LogError>) -> Void) {
        var head = found.head
        let publications = found.missing.map { entry in
            Publication(record: entry.record) { result in
                // Another replica may have been faster, and its place lies behind the head, too.
                switch result {
                case .success(.accepted(let cursor)), .success(.conflict(let cursor)): head = max(head, cursor)
                case .success(.replayed(let kept)): head = max(head, kept.cursor)
                case .failure: break
                }
            }
        }
        let calls = PublishCall.split(publications)
        guard !calls.isEmpty else { return completion(.success(head)) }
        let gathered = Gathered(count: calls.count) { completion($0.map { head }) }
        for call in calls { send(call.reporting(to: gathered), repeatsAfterFork: false, isRepair: true) }
    }
}
