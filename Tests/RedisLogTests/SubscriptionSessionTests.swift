import PosixIO
import Testing

@testable import RedisLog

@Suite("Subscription session")
struct SubscriptionSessionTests {
    private func time(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: milliseconds * 1_000_000)
    }

    private func opened(at now: MonotonicTime) -> SubscriptionSession {
        var session = SubscriptionSession(interval: .seconds(1), timeout: .seconds(3))
        session.linkCameUp()
        session.subscribed(now: now)
        return session
    }

    @Test("it is proven by the first probe heard, not by the answer to SUBSCRIBE")
    func proven() {
        var session = opened(at: time(0))
        #expect(session.isSubscribed && !session.isProven)
        #expect(session.tick(now: time(0), canPublish: true) == .publish(number: 1))
        session.heard(number: 7)
        #expect(!session.isProven)
        session.heard(number: 1)
        #expect(session.isProven)
        #expect(session.tick(now: time(999), canPublish: true) == .none)
        #expect(session.tick(now: time(1_000), canPublish: true) == .publish(number: 2))
    }

    @Test("when commands come up after the subscription, it is proven at once")
    func commandsLate() {
        var session = opened(at: time(0))
        #expect(session.tick(now: time(0), canPublish: false) == .none)
        #expect(session.nextDeadline == time(1_000))
        session.commandsCameUp(now: time(30))
        #expect(session.nextDeadline == time(30))
        #expect(session.tick(now: time(30), canPublish: true) == .publish(number: 1))
        // One that is awaited stays so.
        session.commandsCameUp(now: time(40))
        #expect(session.nextDeadline == time(3_030))
    }

    @Test("a probe that is not heard in time ends the subscription")
    func deaf() {
        var session = opened(at: time(0))
        _ = session.tick(now: time(0), canPublish: true)
        session.heard(number: 1)
        #expect(session.tick(now: time(1_000), canPublish: true) == .publish(number: 2))
        #expect(session.nextDeadline == time(4_000))
        #expect(session.tick(now: time(3_999), canPublish: true) == .none)
        #expect(session.tick(now: time(4_000), canPublish: true) == .reconnect)
        session.linkWentDown()
        #expect(!session.isSubscribed && !session.isProven)
        #expect(session.nextDeadline == nil)
    }

    @Test("while messages come a probe may stand behind them, but not for ever")
    func loaded() {
        var session = opened(at: time(0))
        _ = session.tick(now: time(0), canPublish: true)
        for second in 1...8 {
            session.received(now: time(Int64(second) * 1_000))
            #expect(session.tick(now: time(Int64(second) * 1_000), canPublish: true) == .none)
        }
        session.received(now: time(8_999))
        #expect(session.tick(now: time(9_000), canPublish: true) == .reconnect)
    }

    @Test("without a way to publish nothing is concluded")
    func noWayToPublish() {
        var session = opened(at: time(0))
        #expect(session.tick(now: time(0), canPublish: false) == .none)
        #expect(session.tick(now: time(1_000), canPublish: true) == .publish(number: 1))
        session.publishFailed(number: 1)
        #expect(session.tick(now: time(9_000), canPublish: false) == .none)
        #expect(session.tick(now: time(10_000), canPublish: true) == .publish(number: 2))
        #expect(session.isSubscribed && !session.isProven)
    }

    @Test("a probe of another subscriber and an entry are told apart")
    func probeText() throws {
        let probe = ProbeMessage(subscriber: .max, number: 12)
        #expect(ProbeMessage(Array(probe.text.utf8)) == probe)
        for text in ["", "?", "? 1", "? 1 x", "? 1 2 3", "1 2 3\nabc"] {
            #expect(ProbeMessage(Array(text.utf8)) == nil, "\(text)")
        }
        #expect(FeedMessage(Array(probe.text.utf8)) == nil)
    }
}
