import Glibc
import PosixIO
import ThreatFeed
import TocsinClient

@testable import RedisLog

/// A redis-server of a test's own, and a client that runs the log's scripts in it with arguments of the test's choice.
final class RealLog {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let identity = LogIdentity(name: 7, database: 0)
    private let folder: TemporaryDirectory
    private let process: ChildProcess
    private let poller: Poller
    private let client: LogClient
    private let subscription: RedisLink
    /// What came by the channel; the announcement of a fork has no entries.
    private(set) var messages: [[LogEntry]] = []

    init() throws {
        folder = try TemporaryDirectory()
        guard let binary = ChildProcess.find("redis-server") else {
            throw Failure(description: "redis-server is not installed: apt-get install redis-server")
        }
        let socket = folder.path + "/redis.sock"
        process = try ChildProcess.start(
            binary,
            [
                "--port", "0", "--unixsocket", socket, "--dir", folder.path, "--save", "", "--logfile",
                folder.path + "/log",
            ])
        poller = try Poller()
        let endpoint = RedisEndpoint(location: .unix(path: socket))
        let link = RedisLink(
            endpoint: endpoint, poller: poller, token: PollToken(slot: 1, generation: 1), name: "model", randomSeed: 1)
        subscription = RedisLink(
            endpoint: endpoint, poller: poller, token: PollToken(slot: 2, generation: 1), name: "model-sub",
            randomSeed: 2, mode: .subscriber)
        let membership = LogMembership()
        membership.confirm(Self.identity, in: [])
        client = LogClient(
            link: link, keys: LogKeys(), retention: LogRetention(), membership: membership,
            unixMilliseconds: unixMilliseconds)
        try connect()
    }

    deinit {
        client.link.stop()
        subscription.stop()
        process.send(signal: SIGKILL)
        while process.poll() == .running { sched_yield() }
    }

    private func connect() throws {
        var isSubscribed = false
        subscription.onPush = { [unowned self] push in
            if push[0].text == "subscribe" { isSubscribed = true }
            guard push[0].text == "message", let payload = push[2].bytes else { return }
            messages.append(FeedMessage(payload)?.entries ?? [])
        }
        subscription.onUp = { [unowned self] in
            subscription.sendUnanswered(RedisCommand("SUBSCRIBE", LogKeys().feed))
        }
        client.link.start(now: .now)
        subscription.start(now: .now)
        try turn { client.isUp && isSubscribed }
    }

    private func turn(until condition: () -> Bool) throws {
        let deadline = MonotonicTime.now + .seconds(60)
        while !condition() {
            guard MonotonicTime.now < deadline else { throw Failure(description: "redis-server does not answer") }
            client.flush(now: .now)
            subscription.flush(now: .now)
            let count = poller.wait(timeoutMilliseconds: 5)
            for index in 0..<count {
                let (token, events) = poller.event(at: index)
                (token.slot == 1 ? client.link : subscription).handle(events, now: .now)
            }
            client.link.tick(now: .now)
            subscription.tick(now: .now)
        }
    }
}

// MARK: - Scripts

extension RealLog {
    func publish(_ arguments: ModelLog.PublishArguments) throws -> ModelLog.PublishReply {
        let reply = try run(.publish) { command in
            command.append(LogKeys().feed)
            command.append(String(arguments.known.generation))
            command.append(String(arguments.known.sequence))
            command.append(Int64(arguments.entriesMax))
            command.append(arguments.oldest)
            command.append(arguments.incarnation)
            command.append(arguments.isAgain ? "again" : "")
            command.append(Self.identity.description)
            command.append("")
            for record in arguments.records { command.append(record.encode()) }
        }
        if let head = PublishCall.lostHead(reply) { return .lost(head) }
        if PublishCall.isRefusedForRepair(reply) { return .repairing }
        var results: [PublishResult] = []
        let publications = arguments.records.map { Publication(record: $0) { results.append($0) } }
        for call in PublishCall.split(publications) { _ = call.complete(reply) }
        return .outcomes(try results.map { try $0.get() })
    }

    func fork(_ arguments: ModelLog.ForkArguments) throws -> LogHead {
        let reply = try run(.fork) { command in
            for cursor in [arguments.observed, arguments.known] {
                command.append(String(cursor.generation))
                command.append(String(cursor.sequence))
            }
            command.append(arguments.incarnation)
            command.append(arguments.keepsAllAnswered ? "1" : "0")
            command.append(arguments.repairMilliseconds)
            command.append(LogKeys().feed)
            command.append(arguments.knownIn.joined(separator: " "))
            command.append("-")
            command.append("1")
            appendMembership(to: &command, lineage: arguments.lineage)
        }
        return try EntryDecoding.head(reply).head
    }

    func maintain(entriesMax: Int, oldest: Int64) throws -> LogStatus {
        let reply = try run(.maintain) { command in
            command.append(Int64(entriesMax))
            command.append(oldest)
            command.append("-")
            command.append(Int64(Vouching.entriesPerProbe))
            command.append("0")
            appendMembership(to: &command, lineage: [])
        }
        let (head, rest) = try EntryDecoding.head(reply)
        let figures = Array(rest)
        // Nothing the model does leaves keys that do not fit together.
        guard figures[6].text == "" else { throw Failure(description: "found damaged: \(figures[6].text ?? "")") }
        return LogStatus(
            head: head, retained: Int(EntryDecoding.number(figures[0]) ?? 0),
            acceptedTotal: EntryDecoding.number(figures[1]) ?? 0, trimmed: Int(EntryDecoding.number(figures[2]) ?? 0),
            writesRefused: figures[3].text == "" ? nil : figures[3].text, incarnation: figures[4].text ?? "")
    }

    func missing(_ ids: [String]) throws -> Missing {
        let reply = try run(.missing) { command in
            for id in ids { command.append(id) }
            command.append(Self.identity.description)
        }
        let (head, positions) = try EntryDecoding.head(reply)
        return Missing(
            head: head.cursor, trimmedThrough: head.resumableFrom,
            positions: positions.compactMap(\.integer).map { Int($0) - 1 })
    }

    func resume(after cursor: Cursor, limit: Int) throws -> ResumeOutcome {
        try value { client.resume(after: cursor, limit: limit, completion: $0) }.get()
    }

    func newest(before: Cursor?, limit: Int) throws -> LogPage {
        try value { client.newest(before: before, limit: limit, completion: $0) }.get()
    }

    func find(id: String) throws -> LogEntry? {
        try value { client.find(id: id, completion: $0) }.get()
    }

    func counts() throws -> [Facets: Int] {
        try value { client.analytics(completion: $0) }.get().counts
    }

    /// The generation of the log; 0 for none.
    func generation() throws -> UInt64 {
        EntryDecoding.number(try command("HGET", LogKeys().meta, "g")) ?? 0
    }

    func command(_ words: String...) throws -> RedisReply {
        try value { done in
            client.link.send(RedisCommand(arguments: words.map { Array($0.utf8) })) { done($0) }
        }.get()
    }

    /// Waits for the messages sent so far.
    func messages(count: Int) throws -> [[LogEntry]] {
        try turn { messages.count >= count }
        return messages
    }

    /// As in a deployment with a name: the model knows no other's log.
    private func appendMembership(to command: inout RedisCommand, lineage: [Cursor]) {
        for argument in [Self.identity.description, "1", "1", ""] { command.append(argument) }
        command.append(lineage.map(\.description).joined(separator: " "))
    }

    private func run(_ script: LogScript, _ arguments: (inout RedisCommand) -> Void) throws -> RedisReply {
        try value { client.scripts.run(script, arguments: arguments, reply: $0) }.get()
    }

    private func value<Value>(_ call: (@escaping (Value) -> Void) -> Void) throws -> Value {
        var answer: Value?
        call { answer = $0 }
        try turn { answer != nil }
        guard let answer else { throw Failure(description: "no answer") }
        return answer
    }
}
