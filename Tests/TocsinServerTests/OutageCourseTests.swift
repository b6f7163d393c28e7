import Testing

@testable import TocsinServer

@Suite("The course of an outage")
struct OutageCourseTests {
    private func course(
        clients: Int = 1, perSecondMax: Int = 100, patience: Duration = .seconds(10), hasOthers: Bool = true
    ) -> OutageCourse {
        OutageCourse(
            LogOutage(since: "2026-01-01T00:00:00.000Z", hasOthers: hasOthers), began: Tick(count: 1_000),
            patience: patience, clients: clients, perSecondMax: perSecondMax)
    }

    /// How long the first and the last of very many clients stay, in seconds.
    private func stays(_ course: OutageCourse, told: UInt32 = 1_000) throws -> ClosedRange<Double> {
        var random = SystemRandomNumberGenerator()
        let stays = try (0..<2_000).map { _ in
            try #require(course.stay(told: Tick(count: told), using: &random)) / .seconds(1)
        }
        return (stays.min() ?? 0)...(stays.max() ?? 0)
    }

    @Test("clients are handed on one after the other over ten seconds, or as fast as streams may start")
    func spread() throws {
        #expect(try (10...20).contains(stays(course())))
        #expect(try stays(course()).upperBound > 19)
        #expect(try (10...20).contains(stays(course(clients: 900))))
        #expect(try (10...160).contains(stays(course(clients: 15_000))))
        #expect(try stays(course(clients: 15_000)).upperBound > 150)
    }

    @Test("who came during the outage stays as long as it had lasted, if that is more")
    func patience() throws {
        #expect(try (10...20).contains(stays(course(), told: 1_050)))
        #expect(try (30...40).contains(stays(course(), told: 1_300)))
        #expect(try (300...310).contains(stays(course(), told: 4_000)))
        // Told in the turn in which the loop heard of it, by a clock that has not moved on.
        #expect(try (10...20).contains(stays(course(), told: 999)))
    }

    @Test("nobody is handed on where no replica is known that does better, nor where that is not wanted")
    func forEver() {
        var random = SystemRandomNumberGenerator()
        #expect(course(hasOthers: false).stay(told: Tick(count: 1_000), using: &random) == nil)
        #expect(course(patience: .zero).stay(told: Tick(count: 1_000), using: &random) == nil)
    }
}

extension ClosedRange {
    fileprivate func contains(_ other: Self) -> Bool {
        contains(other.lowerBound) && contains(other.upperBound)
    }
}
