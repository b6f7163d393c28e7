import Testing

@testable import TocsinServer

@Suite("Moments at which a drain closes streams")
struct ClosingMomentsTests {
    private var random = SystemRandomNumberGenerator()

    @Test("none lies in the first tenth, in which balancers hear of it, nor in the last two", arguments: [1, 7, 300])
    mutating func bounds(count: Int) throws {
        let period = Duration.seconds(20)
        let moments = ClosingMoments.spread(count, within: period, using: &random)
        #expect(moments.count == count)
        let first = try #require(moments.first)
        let last = try #require(moments.last)
        #expect(first >= .seconds(2))
        #expect(last <= .seconds(16))
        #expect(moments == moments.sorted())
    }

    @Test("each of the seven tenths between has an even share of 700, and each share of a tenth one")
    mutating func evenness() {
        let period = Duration.seconds(70)
        var tenths = [Int](repeating: 0, count: 10)
        for (index, moment) in ClosingMoments.spread(700, within: period, using: &random).enumerated() {
            // A rounding of the share may lie on either side of a boundary.
            let share = (moment / period - 0.1) / 0.7 * 700
            #expect(share >= Double(index) - 0.001 && share <= Double(index) + 1.001)
            tenths[Int(moment / (period / 10))] += 1
        }
        #expect(tenths[0] <= 1 && tenths[8] <= 1 && tenths[9] == 0)
        for count in tenths[1...7] { #expect((98...102).contains(count), "\(tenths)") }
    }

    @Test("without streams there is nothing to close")
    mutating func nobody() {
        #expect(ClosingMoments.spread(0, within: .seconds(20), using: &random) == [])
    }
}
