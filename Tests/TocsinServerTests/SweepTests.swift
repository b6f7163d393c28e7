import PosixIO
import Testing

@testable import TocsinServer

@Suite("Passes over the clients of a feed")
struct SweepTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    /// A pass over no clients that takes so long.
    private func pass(_ sweep: inout Sweep, at time: MonotonicTime, lasting duration: Duration = .zero) {
        sweep.beginIfNeeded(now: time)
        sweep.finishIfComplete(now: time + duration)
    }

    @Test("an entry after a silence is due at once, and nothing is without one")
    func atOnce() {
        var sweep = Sweep()
        #expect(!sweep.isPending && !sweep.isDue(now: start))
        sweep.want(byteCount: 600)
        #expect(sweep.isPending && sweep.isDue(now: start))
        #expect(sweep.unsentEntries == 1 && sweep.unsentBytes == 600)
        pass(&sweep, at: start)
        #expect(!sweep.isPending)
        #expect(sweep.unsentEntries == 0 && sweep.unsentBytes == 0)
        sweep.want(byteCount: 600)
        #expect(sweep.isDue(now: start + .milliseconds(1)))
    }

    @Test(
        "the pause is as long as the pass was, or a tenth of a millisecond an entry if that is more, up to 5 ms",
        arguments: [
            (1, Duration.zero, Duration.microseconds(100)), (16, .microseconds(300), .microseconds(1_600)),
            (1, .milliseconds(3), .milliseconds(3)), (1_000, .zero, .milliseconds(5)),
            (1, .milliseconds(40), .milliseconds(5)),
        ])
    func pauses(entries: Int, lasting: Duration, pause: Duration) {
        var sweep = Sweep()
        for _ in 0..<entries { sweep.want(byteCount: 1) }
        pass(&sweep, at: start, lasting: lasting)
        let end = start + lasting
        #expect(sweep.notBefore == end + pause)
        sweep.want(byteCount: 1)
        #expect(sweep.isPending && !sweep.isDue(now: end + pause - .nanoseconds(1)))
        #expect(sweep.isDue(now: end + pause))
    }

    @Test("a pass under way goes on whatever the pause says; who moves behind it has another one")
    func underWay() {
        var sweep = Sweep()
        sweep.want(byteCount: 1)
        sweep.beginIfNeeded(now: start)
        sweep.advance(to: 3)
        #expect(sweep.isDue(now: start))
        sweep.moved(to: 3)
        #expect(!sweep.isWanted)
        sweep.moved(to: 2)
        #expect(sweep.isWanted)
        sweep.finishIfComplete(now: start)
        #expect(sweep.isPending && !sweep.isDue(now: start))
    }
}

extension MonotonicTime {
    fileprivate static func - (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        MonotonicTime(nanoseconds: time.nanoseconds - duration.nanoseconds)
    }
}
