import RedisLog
import ThreatFeed

/// A command to the log.
enum LogCommand {
    case publish(ModelLog.PublishArguments)
    case maintain(entriesMax: Int, oldest: Int64)
    case fork(ModelLog.ForkArguments)
    case missing([String])
    case resume(after: Cursor, limit: Int)
    case newest(limit: Int)
    /// A probe of a subscription, on the feed channel.
    case probe(subscriber: Int, number: UInt64)

    var isWrite: Bool {
        switch self {
        case .publish, .maintain, .fork: true
        case .missing, .resume, .newest, .probe: false
        }
    }
}

enum LogReply {
    case published(ModelLog.PublishReply)
    case status(LogStatus)
    case head(LogHead)
    case missing(Missing)
    case resumed(ResumeOutcome)
    case page(LogPage)
    case sent
    case readOnly
}

/// A message of the feed channel.
enum ChannelMessage {
    case entries([LogEntry])
    /// The log has forked: look into it.
    case announcement
    case probe(subscriber: Int, number: UInt64)
}

/// One redis-server: its data, what a restart would find of it, its replicas and its subscribers.
final class ModelServer {
    /// What a server finds when it starts again.
    enum Remains {
        /// All, or all but the newest writes.
        case whatItKept
        /// A copy of its data from some time before.
        case backup
        case nothing
    }

    let index: Int
    private(set) var log = ModelLog()
    /// Another one after each start and each promotion.
    private(set) var incarnation = ""
    private(set) var isRunning = true
    private(set) var isPaused = false
    /// The server this one replicates; `nil` for a master.
    private(set) var master: ModelServer?
    /// Called for every entry appended here, before anybody can know of it.
    var onAppend: ((LogEntry, _ predecessor: LogEntry?) -> Void)?
    var onTrim: (([String]) -> Void)?

    /// Whether a restart finds everything; otherwise what was written last may be gone.
    let isDurable: Bool
    private unowned let world: World
    private var saved = ModelLog()
    private var unsaved: [(command: LogCommand, clock: Int64)] = []
    private var backups: [ModelLog] = []
    private var writesSinceBackup = 0
    private var replicas: [ModelServer] = []
    private var replicationDue = 0
    /// Tells what was sent before a resynchronisation from what came after it.
    private var replicationEpoch = 0
    private var waiting: [() -> Void] = []
    private var subscribers: [SubscriptionLink] = []

    init(index: Int, isDurable: Bool, world: World) {
        self.index = index
        self.isDurable = isDurable
        self.world = world
        incarnation = "run\(world.nextNumber())"
    }

    var isMaster: Bool { master == nil }
    /// Whether a connection can be made.
    var isReachable: Bool { isRunning && !isPaused }

    /// Serves what has arrived, once the process runs.
    func whenRunning(_ action: @escaping () -> Void) {
        guard isRunning else { return }
        if isPaused { waiting.append(action) } else { action() }
    }

    func execute(_ command: LogCommand) -> LogReply {
        if command.isWrite, !isMaster { return .readOnly }
        let clock = world.unixMilliseconds
        let (reply, message) = apply(command, clock: clock)
        if command.isWrite { keep(command, clock) }
        if command.isWrite || message != nil {
            for replica in replicas { replicate(command, clock, to: replica) }
        }
        if let message { send(message) }
        return reply
    }

    func subscribe(_ link: SubscriptionLink) {
        subscribers.append(link)
    }

    func unsubscribe(_ link: SubscriptionLink) {
        subscribers.removeAll { $0 === link }
    }

    private func apply(_ command: LogCommand, clock: Int64) -> (LogReply, message: ChannelMessage?) {
        switch command {
        case .publish(let arguments):
            let last = log.entries.last
            let (reply, message) = log.publish(arguments, clock: clock)
            if isMaster { tell(message, after: last) }
            return (.published(reply), message.isEmpty ? nil : .entries(message))
        case .maintain(let entriesMax, let oldest):
            let status = log.maintain(entriesMax: entriesMax, oldest: oldest)
            if isMaster { tell([], after: nil) }
            return (.status(status), nil)
        case .fork(let arguments):
            let (head, hasForked, moved) = log.fork(arguments, clock: clock)
            if isMaster { tell(moved, after: log.entries.dropLast(moved.count).last) }
            return (.head(head), hasForked ? .announcement : nil)
        case .missing(let ids): return (.missing(log.missing(ids)), nil)
        case .resume(let cursor, let limit): return (.resumed(log.resume(after: cursor, limit: limit)), nil)
        case .newest(let limit): return (.page(log.newest(before: nil, limit: limit)), nil)
        case .probe(let subscriber, let number): return (.sent, .probe(subscriber: subscriber, number: number))
        }
    }

    private func tell(_ entries: [LogEntry], after last: LogEntry?) {
        var last = last
        for entry in entries {
            onAppend?(entry, last)
            last = entry
        }
        if !log.lastTrimmed.isEmpty { onTrim?(log.lastTrimmed) }
    }

    private func send(_ message: ChannelMessage) {
        for subscriber in subscribers { subscriber.carry(message) }
    }
}

// MARK: - What survives

extension ModelServer {
    private func keep(_ command: LogCommand, _ clock: Int64) {
        writesSinceBackup += 1
        if writesSinceBackup > 20 {
            writesSinceBackup = 0
            backups = (backups + [log]).suffix(3)
        }
        guard !isDurable else { return }
        unsaved.append((command, clock))
        // As `appendfsync everysec` would, but after a number of commands instead of a time.
        if unsaved.count > 24 { save(count: unsaved.count) }
    }

    private func save(count: Int) {
        for (command, clock) in unsaved.prefix(count) {
            switch command {
            case .publish(let arguments): _ = saved.publish(arguments, clock: clock)
            case .maintain(let entriesMax, let oldest): _ = saved.maintain(entriesMax: entriesMax, oldest: oldest)
            case .fork(let arguments): _ = saved.fork(arguments, clock: clock)
            case .missing, .resume, .newest, .probe: break
            }
        }
        unsaved.removeFirst(count)
    }

    /// The process is gone, and with it what waited to be served.
    func crash() {
        isRunning = false
        isPaused = false
        waiting = []
        subscribers = []
        replicationEpoch += 1
    }

    func restart(with data: Remains = .whatItKept) {
        switch data {
        case .whatItKept where isDurable: break
        case .whatItKept:
            save(count: world.pick(unsaved.count + 1))
            log = saved
        case .backup: log = backups.isEmpty ? log : backups[world.pick(backups.count)]
        case .nothing: log = ModelLog()
        }
        saved = log
        unsaved = []
        incarnation = "run\(world.nextNumber())"
        isRunning = true
        if let master { synchronise(with: master) }
        for replica in replicas where replica.isRunning { replica.synchronise(with: self) }
    }

    /// Forgets everything while it runs.
    func flushAll() {
        log = ModelLog()
        saved = log
        unsaved = []
        for replica in replicas where replica.isRunning { replica.synchronise(with: self) }
    }

    func pause() {
        isPaused = isRunning
    }

    func unpause() {
        isPaused = false
        let served = waiting
        waiting = []
        for action in served { action() }
    }
}

// MARK: - Replication

extension ModelServer {
    /// Becomes a replica of another server, and takes over all it has.
    func follow(_ other: ModelServer) {
        master?.replicas.removeAll { $0 === self }
        master = other
        other.replicas.append(self)
        synchronise(with: other)
    }

    /// The others hear no more of it.
    func isolate() {
        for replica in replicas { replica.replicationEpoch += 1 }
        replicas = []
    }

    /// Becomes a master with what it has; what was on its way from the old one is lost.
    func promote() {
        master?.replicas.removeAll { $0 === self }
        master = nil
        replicationEpoch += 1
        incarnation = "run\(world.nextNumber())"
    }

    private func synchronise(with other: ModelServer) {
        replicationEpoch += 1
        log = other.log
        saved = log
        unsaved = []
    }

    private func replicate(_ command: LogCommand, _ clock: Int64, to replica: ModelServer) {
        guard replica.isRunning else { return }
        let epoch = replica.replicationEpoch
        let delay = world.delay(milliseconds: 1...world.profile.replicationDelayMax)
        replica.replicationDue = max(replica.replicationDue + 1, world.time.now + delay)
        world.time.after(replica.replicationDue - world.time.now) {
            replica.whenRunning { replica.take(command, clock, epoch) }
        }
    }

    private func take(_ command: LogCommand, _ clock: Int64, _ epoch: Int) {
        guard epoch == replicationEpoch else { return }
        let (_, message) = apply(command, clock: clock)
        if command.isWrite { keep(command, clock) }
        if let message { send(message) }
    }
}
