import PosixIO
import Testing

@testable import RedisLog

@Suite("Times that are promised")
struct PromisedTimesTests {
    /// How long what is broken may stay unnoticed (docs/operations.md, "Failures").
    private let promised = Duration.seconds(5)
    private let limits = LinkLimits()

    @Test("a Redis that no longer answers is found within five seconds: a probe is due, and waits for its answer")
    func silentServer() {
        #expect(limits.probeInterval + limits.answerTimeout < promised)
    }

    @Test("a subscription that no longer hears is found within five seconds, whenever it fell silent")
    func deafSubscription() {
        let step = Duration.milliseconds(50)
        for silentAfter in [Duration.zero, .milliseconds(950), .seconds(1), .milliseconds(2_500)] {
            var now = MonotonicTime(nanoseconds: 0)
            let fellSilent = now + silentAfter
            var session = SubscriptionSession(interval: limits.probeInterval, timeout: limits.answerTimeout)
            session.linkCameUp()
            session.subscribed(now: now)
            var action = session.tick(now: now, canPublish: true)
            while action != .reconnect, now < fellSilent + promised {
                if case .publish(let number) = action, now < fellSilent { session.heard(number: number) }
                now = now + step
                action = session.tick(now: now, canPublish: true)
            }
            #expect(action == .reconnect && now < fellSilent + promised, "silent after \(silentAfter)")
        }
    }
}
