import PosixIO
import RedisLog
import ThreatFeed

/// What is asked of a log, on whichever loop: carried out there and answered once.
typealias LogCall<Answer> = @Sendable (LogClient, _ completion: @escaping (Answer) -> Void) -> Void

/// Calls that a loop has given to others, because it has no link to Redis itself. Sans I/O.
struct HandedCalls {
    /// What may be under way at a time.
    static let countMax = 65_536
    /// What it may hold: as much as may wait on a link.
    static let bytesMax = 64 << 20
    /// A loop answers sooner, or has ended: longer than a link waits for Redis.
    static let patience = Duration.seconds(5)

    private struct UnderWay {
        let call: any HandableCall
        let byteCount: Int
        let deadline: MonotonicTime
    }

    private var underWay: [UInt64: UnderWay] = [:]
    private var lastNumber: UInt64 = 0
    private(set) var byteCount = 0

    var count: Int { underWay.count }

    /// Takes a call on.
    /// - Parameter byteCount: What it holds.
    /// - Returns: Its number; `nil` when there is no room for it.
    mutating func admit(_ call: any HandableCall, byteCount: Int, now: MonotonicTime) -> UInt64? {
        guard underWay.count < Self.countMax, self.byteCount + byteCount <= Self.bytesMax else { return nil }
        lastNumber += 1
        self.byteCount += byteCount
        underWay[lastNumber] = UnderWay(call: call, byteCount: byteCount, deadline: now + Self.patience)
        return lastNumber
    }

    /// Lets go of a call that was answered, or cannot be handed on.
    /// - Returns: Whether it was still waited for.
    mutating func end(_ number: UInt64) -> Bool {
        guard let ended = underWay.removeValue(forKey: number) else { return false }
        byteCount -= ended.byteCount
        return true
    }

    /// Lets go of the calls that are never answered, in the order they came.
    mutating func takeExpired(_ now: MonotonicTime) -> [any HandableCall] {
        guard !underWay.isEmpty else { return [] }
        let expired = underWay.filter { now >= $0.value.deadline }.sorted { $0.key < $1.key }
        return expired.compactMap { number, expired in end(number) ? expired.call : nil }
    }
}

/// A call that this loop can carry out itself, if need be.
protocol HandableCall: AnyObject {
    /// Carries it out on the log of the loop that asks, which tells why that is not possible.
    func fallBack()
}

/// Owner: the loop that asks; others pass it on and carry out `call`, which is anybody's.
private final class HandedCall<Answer: Sendable>: HandableCall, @unchecked Sendable {
    let served: ServedLog
    let call: LogCall<Answer>
    let completion: (Answer) -> Void
    private let own: LogClient

    init(_ lane: Lane, _ call: @escaping LogCall<Answer>, completion: @escaping (Answer) -> Void) {
        served = lane.served
        own = lane.log
        self.call = call
        self.completion = completion
    }

    func fallBack() {
        call(own, completion)
    }
}

extension EventLoop {
    /// Asks something of a lane's log: through this loop's link, or while that is down through another loop's.
    /// - Parameter byteCount: What the call holds.
    func ask<Answer: Sendable>(
        _ lane: Lane, holding byteCount: @autoclosure () -> Int = 0, _ call: @escaping LogCall<Answer>,
        completion: @escaping (Answer) -> Void
    ) {
        if lane.log.isUp { return call(lane.log, completion) }
        let handed = HandedCall(lane, call, completion: completion)
        guard let number = handedCalls.admit(handed, byteCount: byteCount(), now: now) else { return handed.fallBack() }
        handOn(handed, number, tried: [])
    }

    /// Publishes without a closure more where this loop has a link, which is nearly always.
    func publish(_ record: ThreatRecord, _ lane: Lane, completion: @escaping (PublishResult) -> Void) {
        if let refusal = publishRefusal(lane) { return completion(.failure(refusal)) }
        if lane.log.isUp { return lane.log.publish(record, completion: completion) }
        ask(
            lane, holding: record.encodedByteCount, { log, completion in log.publish(record, completion: completion) },
            completion: completion)
    }

    func publish(batch: [ThreatRecord], _ lane: Lane, completion: @escaping ([PublishResult]) -> Void) {
        if let refusal = publishRefusal(lane) { return completion(batch.map { _ in .failure(refusal) }) }
        ask(
            lane, holding: batch.reduce(0) { $0 + $1.encodedByteCount },
            { log, completion in log.publish(batch: batch, completion: completion) }, completion: completion)
    }

    func endExpiredCalls() {
        for call in handedCalls.takeExpired(now) { call.fallBack() }
    }

    private func handOn<Answer>(_ handed: HandedCall<Answer>, _ number: UInt64, tried: Set<Int>) {
        let candidates = shared.loops.indices.filter {
            !tried.contains($0) && shared.loops[$0].mailbox !== mailbox && shared.loops[$0].links.isUp(handed.served)
        }
        guard let index = candidates.randomElement() else {
            if handedCalls.end(number) { handed.fallBack() }
            return
        }
        let origin = mailbox
        shared.loops[index].mailbox.post(
            .perform { deputy in
                guard let lane = deputy.lane(of: handed.served), lane.log.isUp else {
                    return origin.post(.perform { $0.handOn(handed, number, tried: tried.union([index])) })
                }
                handed.call(lane.log) { answer in
                    origin.post(.perform { if $0.handedCalls.end(number) { handed.completion(answer) } })
                }
            })
    }
}
