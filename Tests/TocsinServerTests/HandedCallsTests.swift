import PosixIO
import Testing

@testable import TocsinServer

private final class Call: HandableCall {
    func fallBack() {}
}

@Suite("Calls that a loop has given to others")
struct HandedCallsTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    @Test("what was answered holds nothing any more, at once")
    func answered() throws {
        var calls = HandedCalls()
        weak var held: Call?
        var number: UInt64?
        do {
            let call = Call()
            held = call
            number = calls.admit(call, byteCount: 700, now: start)
        }
        #expect(held != nil && calls.byteCount == 700)
        let first = try #require(number)
        let ends = [calls.end(first), calls.end(first)]
        #expect(ends == [true, false], "an answer may come twice")
        #expect(held == nil && calls.byteCount == 0 && calls.count == 0)
    }

    @Test("they are bounded by what they hold")
    func bytes() throws {
        var calls = HandedCalls()
        let half = HandedCalls.bytesMax / 2
        let admitted = [half, half, 1, 0].map { calls.admit(Call(), byteCount: $0, now: start) }
        #expect(admitted.map { $0 != nil } == [true, true, false, true])
        let isEnded = calls.end(try #require(admitted[0]))
        let next = calls.admit(Call(), byteCount: half, now: start)
        #expect(isEnded && next != nil)
    }

    @Test("they are bounded by their number")
    func number() {
        var calls = HandedCalls()
        let call = Call()
        let admitted = (0...HandedCalls.countMax).count { _ in calls.admit(call, byteCount: 0, now: start) != nil }
        #expect(admitted == HandedCalls.countMax)
    }

    @Test("those that are never answered end in the order they came, and give back their room")
    func expired() {
        var calls = HandedCalls()
        let all = (0..<20).map { _ in Call() }
        for (index, call) in all.enumerated() {
            _ = calls.admit(call, byteCount: 10, now: start + .milliseconds(index * 10))
        }
        let early = calls.takeExpired(start + (HandedCalls.patience - .milliseconds(1)))
        #expect(early.isEmpty)
        let first = calls.takeExpired(start + HandedCalls.patience + .milliseconds(95))
        #expect(first.map { ObjectIdentifier($0) } == all[..<10].map { ObjectIdentifier($0) })
        #expect(calls.count == 10 && calls.byteCount == 100)
        let rest = calls.takeExpired(start + .seconds(60))
        #expect(rest.count == 10 && calls.count == 0 && calls.byteCount == 0)
    }
}

@Suite("The time for which a log is not followed")
struct FeedGapTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    @Test("it lasts from the first that is heard of it until the log is followed, for each log apart")
    func length() {
        let gaps = FeedGaps(now: start)
        #expect(gaps[.threats].length(start + .seconds(2)) == .seconds(2), "before the start is over")
        gaps[.threats].set(isFollowed: true, now: start + .seconds(3))
        #expect(gaps[.threats].length(start + .seconds(4)) == nil)
        #expect(gaps[.proof].length(start + .seconds(4)) == .seconds(4))
        gaps[.threats].set(isFollowed: false, now: start + .seconds(5))
        gaps[.threats].set(isFollowed: false, now: start + .seconds(7))
        #expect(gaps[.threats].length(start + .seconds(9)) == .seconds(4))
    }
}
