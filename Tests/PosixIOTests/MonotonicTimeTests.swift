import PosixIO
import Testing

@Suite("Times and durations")
struct MonotonicTimeTests {
    @Test(
        "a duration in nanoseconds is whole, towards zero, as far as 292 years",
        arguments: [
            (Duration.zero, 0), (.nanoseconds(1), 1), (.nanoseconds(-1), -1), (.milliseconds(30), 30_000_000),
            (.seconds(10), 10_000_000_000), (.seconds(-86_400), -86_400_000_000_000), (.nanoseconds(Int64.max), .max),
            (.nanoseconds(Int64.min), .min), (Duration(secondsComponent: 1, attosecondsComponent: 999), 1_000_000_000),
            (Duration(secondsComponent: 0, attosecondsComponent: -1_999_999_999), -1),
        ] as [(Duration, Int64)])
    func nanoseconds(duration: Duration, expected: Int64) {
        #expect(duration.nanoseconds == expected)
    }

    @Test(
        "times and what lies between them agree",
        arguments: [0, 1, -1, 999, 123_456_789_012, -5_000_000_000] as [Int64])
    func differences(nanoseconds: Int64) {
        let start = MonotonicTime(nanoseconds: 7_000_000_000)
        let end = MonotonicTime(nanoseconds: 7_000_000_000 + nanoseconds)
        #expect(end - start == .nanoseconds(nanoseconds))
        #expect(start + (end - start) == end)
    }

    @Test(
        "milliseconds are rounded up, so that no wait ends early",
        arguments: [(Duration.nanoseconds(1), 1), (.milliseconds(1), 1), (.microseconds(1_001), 2), (.zero, 0)]
            as [(Duration, Int64)])
    func milliseconds(duration: Duration, expected: Int64) {
        #expect(duration.millisecondsRoundedUp == expected)
    }
}
