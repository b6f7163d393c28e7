import RedisLog
import ThreatFeed

@testable import RedisLog

/// What `LogClient` does with the replies of the scripts, over a link of the simulation.
final class ModelClient {
    let link: CommandLink
    private(set) var knownHead = Cursor.zero
    private(set) var unseen = UnseenEntries()
    private var isRepairingUnseen = false
    private var nextRepair = 0
    private var lineage: [Cursor] = []
    private(set) var hasSeenLog = false
    var heldEntries: () -> [LogEntry] = { [] }

    private enum RepairOutcome: Equatable {
        /// The log has all of it up to there.
        case done(through: Cursor)
        /// The server asked shows a head that is not the ring's log's.
        case lost(Cursor)
        case failed
    }

    private static let callRecordsMax = 64
    private unowned let world: World
    private let process: ProcessGate
    private var recoveryWaiters: [(LogHead?) -> Void]?

    init(world: World, process: ProcessGate) {
        self.world = world
        self.process = process
        link = CommandLink(world: world, process: process)
    }

    func observe(head: Cursor) {
        hasSeenLog = true
        know(head)
        unseen.delivered(through: head)
        repairUnseen()
    }

    private func know(_ head: Cursor) {
        guard head > knownHead else { return }
        if head.generation == knownHead.generation, !lineage.isEmpty { lineage.removeLast() }
        lineage.append(head)
        if lineage.count > LogClient.generationsMax { lineage.removeFirst() }
        knownHead = head
    }

    /// - Parameter completion: Gets `nil` when it is unknown whether anything was kept, or nothing was.
    func publish(_ records: [ThreatRecord], completion: @escaping ([PublishOutcome]?) -> Void) {
        send(records, repeatsAfterFork: true, isRepair: false, completion)
    }

    func resume(
        after cursor: Cursor, limit: Int, completion: @escaping (ResumeOutcome?) -> Void
    ) {
        link.send(.resume(after: cursor, limit: limit)) { answer in
            if case .reply(.resumed(let outcome)) = answer { completion(outcome) } else { completion(nil) }
        }
    }

    func newest(limit: Int, completion: @escaping (LogPage?) -> Void) {
        link.send(.newest(limit: limit)) { answer in
            if case .reply(.page(let page)) = answer { completion(page) } else { completion(nil) }
        }
    }

    func maintain(completion: @escaping (LogStatus?) -> Void) {
        let command = LogCommand.maintain(entriesMax: world.profile.entriesMax, oldest: process.oldest)
        link.send(command) { answer in
            if case .reply(.status(let status)) = answer { completion(status) } else { completion(nil) }
        }
    }

    private func send(
        _ records: [ThreatRecord], repeatsAfterFork: Bool, isRepair: Bool,
        _ completion: @escaping ([PublishOutcome]?) -> Void
    ) {
        let arguments = ModelLog.PublishArguments(
            known: knownHead, entriesMax: world.profile.entriesMax, oldest: process.oldest,
            incarnation: link.incarnation ?? "", isAgain: isRepair, records: records)
        link.send(.publish(arguments)) { [weak self] answer in
            guard let self, case .reply(.published(let reply)) = answer else { return completion(nil) }
            switch reply {
            case .lost(let head):
                guard repeatsAfterFork else { return completion(nil) }
                recover(observed: head) { [weak self] recovered in
                    guard let self, recovered != nil else { return completion(nil) }
                    send(records, repeatsAfterFork: false, isRepair: isRepair, completion)
                }
            case .repairing: completion(nil)
            case .outcomes(let outcomes):
                hasSeenLog = true
                completion(outcomes)
                for case (.accepted(let cursor), let record) in zip(outcomes, records) {
                    know(cursor)
                    unseen.append(LogEntry(cursor: cursor, record: record))
                }
            }
        }
    }
}

// MARK: - Recovery

extension ModelClient {
    func recover(observed: Cursor, completion: @escaping (LogHead?) -> Void) {
        if recoveryWaiters != nil {
            recoveryWaiters?.append(completion)
            return
        }
        recoveryWaiters = [completion]
        fork(observed: observed, attemptsLeft: 5)
    }

    private func fork(observed: Cursor, attemptsLeft: Int) {
        let arguments = ModelLog.ForkArguments(
            observed: observed, known: knownHead, incarnation: link.incarnation ?? "",
            keepsAllAnswered: world.profile.serversKeepAllAnswered,
            repairMilliseconds: LogClient.repairPeriod.milliseconds, lineage: lineage,
            knownIn: hasSeenLog ? link.incarnations : [])
        link.send(.fork(arguments)) { [weak self] answer in
            guard let self else { return }
            guard case .reply(.head(let head)) = answer else { return finishRecovery(nil) }
            if head.cursor >= knownHead {
                guard head.cursor.generation > observed.generation else { return finishRecovery(head) }
                repair { [weak self] succeeded in self?.finishRecovery(succeeded ? head : nil) }
            } else if attemptsLeft > 1 {
                fork(observed: head.cursor, attemptsLeft: attemptsLeft - 1)
            } else {
                finishRecovery(nil)
            }
        }
    }

    /// Appends again what this replica holds and the log lacks, if the ring follows the log that has the head.
    func repair(where isFollowed: @escaping (Cursor) -> Bool = { _ in true }, completion: @escaping (Bool) -> Void) {
        repair(heldEntries() + unseen.entries, where: isFollowed) { outcome in
            if case .done = outcome { completion(true) } else { completion(false) }
        }
    }

    /// What this client acknowledged and no ring has got, when the log has moved; asked again each second.
    func repairUnseen() {
        guard world.time.now >= nextRepair, unseen.isRepairOwed, !isRepairingUnseen, link.server != nil,
            let last = unseen.entries.last?.cursor
        else { return }
        nextRepair = world.time.now + 1_000_000
        isRepairingUnseen = true
        let entries = Array(unseen.entries)
        repair(entries) { [weak self] head in
            head.generation == self?.unseen.ringHead.generation
        } completion: { [weak self] outcome in
            guard let self else { return }
            switch outcome {
            case .done(let head): unseen.repaired(entries, head: head)
            case .lost(let head) where head < last:
                return recover(observed: head) { [weak self] _ in self?.isRepairingUnseen = false }
            case .lost, .failed: break
            }
            isRepairingUnseen = false
        }
    }

    private func repair(
        _ held: [LogEntry], where isFollowed: @escaping (Cursor) -> Bool, completion: @escaping (RepairOutcome) -> Void
    ) {
        guard !held.isEmpty else { return completion(.done(through: knownHead)) }
        link.send(.missing(held.map(\.record.id))) { [weak self] answer in
            guard let self, case .reply(.missing(let answer)) = answer else { return completion(.failed) }
            guard answer.head >= knownHead, isFollowed(answer.head) else { return completion(.lost(answer.head)) }
            let trimmed = answer.trimmedThrough
            let missing = answer.positions.map { held[$0] }.filter { trimmed.sequence == 0 || $0.cursor > trimmed }
            appendAgain(missing) { head in
                completion(head.map { .done(through: max($0, answer.head)) } ?? .failed)
            }
        }
    }

    /// - Parameter completion: Gets the highest place they have, or `nil` if that is not known of all.
    private func appendAgain(_ entries: [LogEntry], completion: @escaping (Cursor?) -> Void) {
        var calls = entries.isEmpty ? 0 : (entries.count - 1) / Self.callRecordsMax + 1
        var head: Cursor? = .zero
        guard calls > 0 else { return completion(head) }
        for start in stride(from: 0, to: entries.count, by: Self.callRecordsMax) {
            let records = entries[start...].prefix(Self.callRecordsMax).map(\.record)
            send(records, repeatsAfterFork: false, isRepair: true) { outcomes in
                head = outcomes.flatMap { outcomes in head.map { max($0, Self.highest(outcomes)) } }
                calls -= 1
                if calls == 0 { completion(head) }
            }
        }
    }

    private static func highest(_ outcomes: [PublishOutcome]) -> Cursor {
        outcomes.map { outcome in
            switch outcome {
            case .accepted(let cursor), .conflict(let cursor): cursor
            case .replayed(let entry): entry.cursor
            }
        }.max() ?? .zero
    }

    private func finishRecovery(_ head: LogHead?) {
        let waiters = recoveryWaiters ?? []
        recoveryWaiters = nil
        for waiter in waiters { waiter(head) }
    }
}
