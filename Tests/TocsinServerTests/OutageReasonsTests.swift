import PosixIO
import RedisLog
import Testing

@testable import TocsinServer

@Suite("Reasons of an outage")
struct OutageReasonsTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    @Test("the reason that was told is told no more; another one is, once, when it is seen again")
    func changed() {
        var reasons = OutageReasons()
        reasons.told("certificate")
        for second in 1..<100 {
            #expect(reasons.isNews("certificate", now: start + .seconds(second)) == false)
        }
        #expect(reasons.isNews("password", now: start + .seconds(100)) == false)
        #expect(reasons.isNews("password", now: start + .seconds(101)) == true)
        for second in 102..<200 {
            #expect(
                reasons.isNews(second.isMultiple(of: 2) ? "password" : "certificate", now: start + .seconds(second))
                    == false)
        }
    }

    @Test("several that take turns are told one after the other, five seconds apart")
    func alternating() {
        var reasons = OutageReasons()
        reasons.told("a")
        var told: [Int] = []
        for second in 0..<60 where reasons.isNews(["b", "c", "d"][second % 3], now: start + .seconds(second)) {
            told.append(second)
        }
        #expect(told.count == 3)
        for (one, next) in zip(told, told.dropFirst()) {
            #expect(.seconds(next - one) >= OutageReasons.pause)
        }
    }

    @Test("reasons that are always new are not kept without bound, nor told")
    func endless() {
        var reasons = OutageReasons()
        reasons.told("a")
        for number in 0..<10_000 {
            #expect(reasons.isNews("\(number)", now: start + .seconds(number)) == false)
        }
    }

    private func readiness(_ reason: String?) -> Readiness {
        Readiness(
            isRedisUp: reason == nil, isSubscriptionUp: reason == nil, isDraining: false, downReason: reason ?? "",
            writesRefused: nil)
    }

    @Test("the verdict is told with every turn, and during an outage with another reason; not before the first success")
    func verdict() {
        let status = ReplicaStatus()
        var told: [VerdictNews] = []
        func tell(_ reason: String?, _ second: Int) {
            status.tell(readiness(reason), now: start + .seconds(second)) { news, _ in told.append(news) }
        }
        for second in 0..<20 { tell(second < 10 ? "no master" : "password", second) }
        #expect(told == [])
        tell(nil, 20)
        for second in 30..<50 { tell("certificate", second) }
        #expect(told == [.up, .down])
        for second in 50..<70 { tell("password", second) }
        #expect(told == [.up, .down, .otherReason])
        tell(nil, 70)
        tell("password", 71)
        #expect(told == [.up, .down, .otherReason, .up, .down])
    }

    @Test("a loop without a link tells another reason, too")
    func link() {
        var outage = LinkOutage()
        func review(_ reason: String, _ second: Int) -> LinkOutage.Event {
            outage.review(isUp: false, reason: reason, isOthersUp: true, now: start + .seconds(second))
        }
        #expect(review("a", 0) == .none)
        #expect(review("a", 2) == .began)
        #expect(review("b", 10) == .none)
        #expect(review("b", 11) == .otherReason)
        #expect(review("a", 30) == .none)
        #expect(outage.review(isUp: true, isOthersUp: true, now: start + .seconds(31)) == .ended)
    }
}
