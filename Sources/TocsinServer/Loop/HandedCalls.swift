import PosixIO
import RedisLog
import ThreatFeed

/// What is asked of a log, on whichever loop: carried out there and answered once.
typealias LogCall<Answer> = @Sendable (LogClient, _ completion: @escaping (Answer) -> Void) -> Void

/// Calls that this loop has given to others, because it has no link to Redis itself.
struct HandedCalls {
    /// What may be under way at a time.
    static let countMax = 65_536
    /// A loop answers sooner, or has ended: longer than a link waits for Redis.
    static let patience = Duration.seconds(5)

    fileprivate var underWay: [any ExpiringCall] = []

    /// Ends the calls that are never answered.
    fileprivate mutating func takeExpired(_ now: MonotonicTime) -> [any ExpiringCall] {
        guard !underWay.isEmpty else { return [] }
        underWay.removeAll { $0.isAnswered }
        let expired = underWay.filter { now >= $0.deadline }
        underWay.removeAll { now >= $0.deadline }
        return expired
    }
}

private protocol ExpiringCall: AnyObject {
    var deadline: MonotonicTime { get }
    var isAnswered: Bool { get }
    /// Carries it out on the log of the loop that asks, which tells why that is not possible.
    func fallBack()
}

/// Owner: the loop that asks; others pass it on and carry out `call`, which is anybody's.
private final class HandedCall<Answer: Sendable>: ExpiringCall, @unchecked Sendable {
    let served: ServedLog
    let call: LogCall<Answer>
    let deadline: MonotonicTime
    private let own: LogClient
    private var completion: ((Answer) -> Void)?

    init(
        _ lane: Lane, _ call: @escaping LogCall<Answer>, deadline: MonotonicTime,
        completion: @escaping (Answer) -> Void
    ) {
        served = lane.served
        own = lane.log
        self.call = call
        self.deadline = deadline
        self.completion = completion
    }

    var isAnswered: Bool { completion == nil }

    func finish(_ answer: Answer) {
        completion?(answer)
        completion = nil
    }

    func fallBack() {
        guard let completion else { return }
        self.completion = nil
        call(own, completion)
    }
}

extension EventLoop {
    /// Asks something of a lane's log: through this loop's link, or while that is down through another loop's.
    func ask<Answer: Sendable>(
        _ lane: Lane, _ call: @escaping LogCall<Answer>, completion: @escaping (Answer) -> Void
    ) {
        if lane.log.isUp || handedCalls.underWay.count >= HandedCalls.countMax { return call(lane.log, completion) }
        let handed = HandedCall(lane, call, deadline: now + HandedCalls.patience, completion: completion)
        handedCalls.underWay.append(handed)
        handOn(handed, tried: [])
    }

    /// Publishes without a closure more where this loop has a link, which is nearly always.
    func publish(_ record: ThreatRecord, _ lane: Lane, completion: @escaping (PublishResult) -> Void) {
        if lane.log.isUp { return lane.log.publish(record, completion: completion) }
        ask(lane, { log, completion in log.publish(record, completion: completion) }, completion: completion)
    }

    func publish(batch: [ThreatRecord], _ lane: Lane, completion: @escaping ([PublishResult]) -> Void) {
        ask(lane, { log, completion in log.publish(batch: batch, completion: completion) }, completion: completion)
    }

    func endExpiredCalls() {
        for call in handedCalls.takeExpired(now) { call.fallBack() }
    }

    private func handOn<Answer>(_ handed: HandedCall<Answer>, tried: Set<Int>) {
        let candidates = shared.loops.indices.filter {
            !tried.contains($0) && shared.loops[$0].mailbox !== mailbox && shared.loops[$0].links.isUp(handed.served)
        }
        guard let index = candidates.randomElement() else { return handed.fallBack() }
        let origin = mailbox
        shared.loops[index].mailbox.post(
            .perform { deputy in
                guard let lane = deputy.lane(of: handed.served), lane.log.isUp else {
                    return origin.post(.perform { $0.handOn(handed, tried: tried.union([index])) })
                }
                handed.call(lane.log) { answer in origin.post(.perform { _ in handed.finish(answer) }) }
            })
    }
}
