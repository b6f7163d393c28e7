import PosixIO
import Testing

@Suite("Steady clock")
struct SteadyClockTests {
    @Test("it goes on from its start by the monotonic clock, whatever the wall clock says")
    func goesOn() {
        let start = MonotonicTime(nanoseconds: 5_000_000_000)
        let clock = SteadyClock(startingAt: 1_795_000_000_000, now: start)
        #expect(clock.unixMilliseconds(now: start) == 1_795_000_000_000)
        #expect(clock.unixMilliseconds(now: start + .milliseconds(1_500)) == 1_795_000_001_500)
        #expect(clock.unixMilliseconds(now: start + .seconds(86_400)) == 1_795_086_400_000)
    }
}
