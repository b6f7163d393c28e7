import PosixIO

/// Asks the Sentinels who the master is, one each second, in turn.
///
/// A master that was replaced while it could not be reached goes on calling itself one for many seconds, and takes
/// writes that are lost when it is demoted. Its ROLE does not tell; the Sentinels do.
final class SentinelWatch {
    /// A Sentinel names a master of a higher epoch than the last one known; every link of an older one has to leave.
    /// - `isFirst`: It is the first master named to this watch, and probably that of the links.
    var onMove: ((_ epoch: UInt64, _ isFirst: Bool) -> Void)?

    private let endpoint: RedisEndpoint
    private let sentinels: [RedisEndpoint.Sentinel]
    /// Sentinels most often have no password; once one has asked for it they get that of the URL.
    private var logsIn = false
    private let master: String
    private let poller: Poller
    private let token: PollToken
    private let name: String
    private let limits: LinkLimits
    private let interval: Duration
    private var hasAnswer = false
    private var link: RedisLink?
    private var next = 0
    private var nextQuestion = MonotonicTime(nanoseconds: 0)
    private var clock = MonotonicTime(nanoseconds: 0)
    private var random: SplitMix64

    /// - Returns: `nil` for an endpoint without Sentinels.
    init?(
        _ endpoint: RedisEndpoint, poller: Poller, token: PollToken, name: String, randomSeed: UInt64,
        limits: LinkLimits, interval: Duration
    ) {
        guard case .sentinel(let sentinels, let master) = endpoint.location else { return nil }
        self.endpoint = endpoint
        self.sentinels = sentinels
        self.master = master
        self.poller = poller
        self.token = token
        self.name = name
        self.interval = interval
        self.limits = limits
        random = SplitMix64(state: randomSeed)
    }

    /// The newest epoch seen: a Sentinel that names an older one is behind.
    private(set) var epoch: UInt64 = 0

    func stop() {
        link?.stop()
        link = nil
    }

    func handle(_ events: PollEvents, now: MonotonicTime) {
        clock = now
        link?.handle(events, now: now)
    }

    func flush(now: MonotonicTime) {
        link?.flush(now: now)
    }

    var nextDeadline: MonotonicTime? {
        link?.nextDeadline.map { min($0, nextQuestion) } ?? nextQuestion
    }

    /// Each second it is the next Sentinel's turn, whether the last one has answered or not.
    func tick(now: MonotonicTime) {
        clock = now
        link?.tick(now: now)
        guard now >= nextQuestion else { return }
        nextQuestion = now + interval
        if link?.isRefusedWithoutLogin ?? false { logsIn = true }
        link?.stop()
        let asked = RedisLink(
            endpoint: nextSentinel(), poller: poller, token: token, name: name, randomSeed: random.next(),
            mode: .sentinel, limits: limits)
        link = asked
        asked.onUp = { [weak self, weak asked] in
            guard let self, let asked else { return }
            ask(asked)
        }
        asked.start(now: now)
    }

    private func nextSentinel() -> RedisEndpoint {
        let sentinel = sentinels[next % sentinels.count]
        next += 1
        return RedisEndpoint(
            location: .tcp(host: sentinel.host, port: sentinel.port), user: logsIn ? endpoint.user : nil,
            password: logsIn ? endpoint.password : nil, tls: endpoint.tls)
    }

    private func ask(_ link: RedisLink) {
        var address: RedisReply?
        for question in SentinelMaster.questions(about: master) {
            link.send(question) { [weak self] result in
                guard case .success(let reply) = result else { return }
                guard let first = address else {
                    address = reply
                    return
                }
                if let named = SentinelMaster(address: first, details: reply) { self?.received(named) }
            }
        }
        link.flush(now: clock)
    }

    private func received(_ named: SentinelMaster) {
        defer { hasAnswer = true }
        guard named.epoch > epoch else { return }
        epoch = named.epoch
        // Also when it is the same server again: it was another one in between.
        onMove?(epoch, !hasAnswer)
    }
}
