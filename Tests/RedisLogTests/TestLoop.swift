import PosixIO
import ThreatFeed

@testable import RedisLog

/// A condition that did not come true in time.
struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

/// Drives links and followers as the server's event loop does.
final class TestLoop {
    /// How long a condition may take on a busy machine before it counts as never coming true.
    static let patience = Duration.seconds(60)

    /// For tests in which no server is to be given up: none is late as long as the test goes on.
    static let patient = LinkLimits(connectTimeout: patience, answerTimeout: patience)

    /// For tests in which a server goes, which ends its connections, and comes back.
    static let returning = LinkLimits(answerTimeout: patience, backoffMax: .milliseconds(100))

    let poller: Poller
    private var clients: [UInt32: LogClient] = [:]
    private var links: [UInt32: RedisLink] = [:]
    private var followers: [LogFollower] = []
    private var lastSlot: UInt32 = 0

    init() throws {
        poller = try Poller()
    }

    deinit {
        for link in links.values { link.stop() }
        for client in clients.values { client.link.stop() }
        for follower in followers { follower.stop() }
    }

    func link(
        _ endpoint: RedisEndpoint, mode: RedisLink.Mode = .commands, limits: LinkLimits = TestLoop.patient,
        directory: LinkDirectory? = nil
    ) -> RedisLink {
        let token = nextToken()
        let link = RedisLink(
            endpoint: endpoint, poller: poller, token: token, name: "test link", randomSeed: 1, mode: mode,
            limits: limits, directory: directory)
        links[token.slot] = link
        link.start(now: .now)
        return link
    }

    func client(
        _ endpoint: RedisEndpoint, keys: LogKeys = LogKeys(), retention: LogRetention = LogRetention(),
        limits: LinkLimits = TestLoop.patient, replicasMin: Int = 0, membership: LogMembership = LogMembership(),
        clock: @escaping () -> Int64 = unixMilliseconds
    ) throws -> LogClient {
        let token = nextToken()
        let link = RedisLink(
            endpoint: endpoint, poller: poller, token: token, name: "test", randomSeed: UInt64(lastSlot), limits: limits
        )
        let client = LogClient(
            link: link, keys: keys, retention: retention, replicasMin: replicasMin, membership: membership,
            unixMilliseconds: clock)
        clients[token.slot] = client
        link.start(now: .now)
        try run("client up") { client.isUp }
        return client
    }

    func follower(
        _ endpoint: RedisEndpoint, keys: LogKeys = LogKeys(), retention: LogRetention = LogRetention(),
        limits: LinkLimits = TestLoop.patient, membership: LogMembership = LogMembership(),
        directory: LinkDirectory? = nil,
        clock: @escaping () -> Int64 = unixMilliseconds
    ) -> FollowerProbe {
        let follower = LogFollower(
            endpoint: endpoint, poller: poller, subscriptionToken: nextToken(), commandToken: nextToken(),
            sentinelToken: nextToken(), keys: keys, retention: retention, name: "test", randomSeed: UInt64(lastSlot),
            membership: membership, unixMilliseconds: clock, limits: limits, directory: directory,
            probeInterval: .milliseconds(50))
        followers.append(follower)
        let probe = FollowerProbe(follower)
        follower.start(now: .now)
        return probe
    }

    /// Turns until the condition holds.
    func run(_ what: String, until condition: () -> Bool) throws {
        let deadline = MonotonicTime.now + Self.patience
        while !condition() {
            guard MonotonicTime.now < deadline else { throw TimedOut(description: "not in time: \(what)") }
            turn()
        }
    }

    func turn() {
        var now = MonotonicTime.now
        let deadlines =
            links.values.compactMap(\.nextDeadline) + clients.values.compactMap(\.nextDeadline)
            + followers.compactMap(\.nextDeadline)
        let wait = deadlines.min().map { min(max(($0 - now).millisecondsRoundedUp, 0), 20) } ?? 20
        for client in clients.values { client.flush(now: now) }
        for link in links.values { link.flush(now: now) }
        for follower in followers { follower.flush(now: now) }
        let count = poller.wait(timeoutMilliseconds: Int32(wait))
        now = .now
        for index in 0..<count {
            let (token, events) = poller.event(at: index)
            if followers.contains(where: { $0.handle(token, events, now: now) }) { continue }
            clients[token.slot]?.link.handle(events, now: now)
            links[token.slot]?.handle(events, now: now)
        }
        for client in clients.values { client.link.tick(now: now) }
        for link in links.values { link.tick(now: now) }
        for follower in followers { follower.tick(now: now) }
    }

    /// Makes a call and turns until it is answered.
    func value<Value>(_ what: String, _ call: (@escaping (Value) -> Void) -> Void) throws -> Value {
        var answer: Value?
        call { answer = $0 }
        try run(what) { answer != nil }
        guard let answer else { throw TimedOut(description: what) }
        return answer
    }

    func command(_ link: RedisLink, _ words: String...) throws -> RedisReply {
        let command = RedisCommand(arguments: words.map { Array($0.utf8) })
        return try value(words.joined(separator: " ")) { done in
            link.send(command) { done($0) }
        }.get()
    }

    func publish(_ client: LogClient, _ record: ThreatRecord) throws -> PublishResult {
        try value("publish \(record.id)") { client.publish(record, completion: $0) }
    }

    /// Publishes a record again and again until it is kept.
    /// - Returns: The last answer, which is a failure only when it was never kept.
    func publishEventually(_ client: LogClient, _ record: ThreatRecord) throws -> PublishResult {
        let deadline = MonotonicTime.now + Self.patience
        while true {
            let result = try publish(client, record)
            if case .success = result { return result }
            guard MonotonicTime.now < deadline else { return result }
        }
    }

    private func nextToken() -> PollToken {
        lastSlot += 1
        return PollToken(slot: lastSlot, generation: 7)
    }
}

/// What a follower told, and the ring a server would keep.
final class FollowerProbe {
    let follower: LogFollower
    private(set) var entries: [LogEntry] = []
    private(set) var resets: [(from: Cursor, to: Cursor, reason: String)] = []
    private(set) var healths: [LogHealth] = []
    private(set) var damages: [String] = []
    private(set) var evictions: [Eviction?] = []

    init(_ follower: LogFollower) {
        self.follower = follower
        follower.onEntries = { [weak self] in self?.entries += $0 }
        follower.onReset = { [weak self] in self?.resets.append(($0, $1, $2)) }
        follower.onHealth = { [weak self] in self?.healths.append($0) }
        follower.onDamage = { [weak self] in self?.damages.append($0) }
        follower.client.link.onEviction = { [weak self] in self?.evictions.append($0) }
        follower.heldEntries = { [weak self] after in self?.entries.filter { $0.cursor > after } ?? [] }
    }

    var ids: [String] { entries.map(\.record.id) }
    var isReady: Bool { follower.health.redisUp && follower.health.subscriptionUp }
}

func record(
    _ id: String, content: String = "", type: String = "malware", customer: String? = nil,
    receivedAt: Int64 = unixMilliseconds()
) -> ThreatRecord {
    ThreatRecord(
        id: id, digest: digest(id + content), receivedAtMilliseconds: receivedAt,
        facets: Facets(severity: .high, threatType: type, customerName: customer),
        tail: Array(#""id":"\#(id)","threat_type":"\#(type)","x":"\#(content)"}"#.utf8))
}

/// Any function of the text will do: what counts is that other texts have other digests.
private func digest(_ text: String) -> ContentDigest {
    var random = SplitMix64(state: text.utf8.reduce(14_695_981_039) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 })
    return ContentDigest(prefixOf: (0..<16).map { _ in UInt8(truncatingIfNeeded: random.next()) })
}
