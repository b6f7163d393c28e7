import PosixIO
import Testing

@testable import TocsinServer

@Suite("When the streams of a herd start")
struct StreamStartsTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func token(_ number: Int) -> PollToken { PollToken(slot: UInt32(number), generation: 1) }

    private func starts(perSecond rate: Double, waiting: Int) -> StreamStarts {
        var starts = StreamStarts(perSecond: rate)
        for number in 0..<waiting { starts.append(token(number)) }
        return starts
    }

    @Test("in any stretch of time no more start than the rate allows, with a tenth of a second's more at once at first")
    func rate() {
        var starts = starts(perSecond: 1_000, waiting: 5_000)
        var moments: [Int] = []
        for millisecond in 0..<6_000 {
            let now = start + .milliseconds(millisecond)
            moments += starts.due(now: now) { _ in true }.map { _ in millisecond }
        }
        #expect(moments.count == 5_000)
        #expect(moments.prefix { $0 == 0 }.count == 101)
        for (index, moment) in moments.enumerated() {
            let second = moments[index...].prefix { $0 < moment + 1_000 }
            #expect(second.count <= 1_101, "from \(moment) ms on")
        }
        #expect(moments.last == 4_899, "and none waits longer than it has to")
    }

    @Test("they start in the order they came; who has gone costs no turn")
    func order() {
        var starts = starts(perSecond: 1_000, waiting: 300)
        var started: [PollToken] = []
        for millisecond in 0..<100 {
            started += starts.due(now: start + .milliseconds(millisecond)) { $0.slot % 2 == 0 }
        }
        #expect(started == (0..<150).map { token($0 * 2) })
        #expect(starts.nextTurn == nil)
    }

    @Test("a turn that comes late lets in a bounded number, and does not make up for all it missed")
    func lateTurn() {
        var starts = starts(perSecond: 10_000, waiting: 5_000)
        let late = start + .seconds(60)
        #expect(starts.due(now: late) { _ in true }.count == 128)
        var more = 0
        while case let count = starts.due(now: late, isWaiting: { _ in true }).count, count > 0 { more += count }
        #expect(128 + more == 1_001, "a tenth of a second's")
    }

    @Test("it is full when one more would wait for eight seconds, and makes room by forgetting who has gone")
    func full() {
        var starts = starts(perSecond: 100, waiting: 799)
        #expect(!starts.isFull)
        starts.append(token(799))
        #expect(starts.isFull)
        starts.sweepIfFull(now: start) { $0.slot < 10 }
        #expect(!starts.isFull)
        #expect(starts.due(now: start) { _ in true }.count == 10)
    }
}
