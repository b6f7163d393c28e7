import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

@Suite("Publishes that wait for their turn")
struct PublishQueueTests {
    private func time(microseconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: 1_000_000_000) + .microseconds(microseconds)
    }

    private func publication(_ number: Int = 0, tailBytes: Int = 10) -> Publication {
        let record = ThreatRecord(
            id: "a-\(number)", digest: ContentDigest(prefixOf: Array(0..<16)), receivedAtMilliseconds: 0,
            facets: Facets(severity: .low, threatType: "x", customerName: nil),
            tail: Array(repeating: UInt8(ascii: "x"), count: tailBytes))
        return Publication(record: record) { _ in }
    }

    @Test("while no call is under way a publish goes at once")
    func quiet() {
        var queue = PublishQueue()
        #expect(!queue.isDue(now: time(microseconds: 0)) && queue.nextDeadline == nil)
        queue.append(publication())
        #expect(queue.isDue(now: time(microseconds: 0)))
        #expect(queue.takeAll().count == 1)
        #expect(!queue.isDue(now: time(microseconds: 0)))
    }

    @Test("what comes while a call is under way goes together when it is answered")
    func gathered() {
        var queue = PublishQueue()
        queue.callSent(now: time(microseconds: 0))
        queue.append(publication(1))
        queue.append(publication(2))
        #expect(!queue.isDue(now: time(microseconds: 100)))
        queue.callEnded()
        #expect(queue.isDue(now: time(microseconds: 100)))
        #expect(queue.takeAll().map(\.record.id) == ["a-1", "a-2"])
    }

    @Test("a call that is not answered holds the next one back for no more than the bound")
    func bounded() {
        var queue = PublishQueue()
        queue.callSent(now: time(microseconds: 0))
        queue.append(publication())
        #expect(queue.nextDeadline == time(microseconds: 500))
        #expect(!queue.isDue(now: time(microseconds: 499)))
        #expect(queue.isDue(now: time(microseconds: 500)))
    }

    @Test("a whole call waits for nothing", arguments: [(64, 10), (2, 600_000)])
    func full(count: Int, tailBytes: Int) {
        var queue = PublishQueue()
        queue.callSent(now: time(microseconds: 0))
        for number in 0..<count {
            #expect(!queue.isDue(now: time(microseconds: 1)))
            queue.append(publication(number, tailBytes: tailBytes))
        }
        #expect(queue.isDue(now: time(microseconds: 1)))
    }

    @Test("calls are counted: the next goes when the last of several has ended")
    func several() {
        var queue = PublishQueue()
        queue.callSent(now: time(microseconds: 0))
        queue.callSent(now: time(microseconds: 0))
        queue.append(publication())
        queue.callEnded()
        #expect(!queue.isDue(now: time(microseconds: 1)))
        queue.callEnded()
        #expect(queue.isDue(now: time(microseconds: 1)))
    }
}
