import PosixIO
import Testing

@testable import TocsinServer

@Suite("Event loops without a link to Redis")
struct LinkOutageTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    @Test("one that lasts is told once, and its end")
    func lasting() {
        var outage = LinkOutage()
        #expect(outage.review(isUp: false, isOthersUp: true, now: start) == .none)
        #expect(outage.review(isUp: false, isOthersUp: true, now: start + LinkOutage.patience) == .began)
        #expect(outage.review(isUp: false, isOthersUp: true, now: start + .seconds(60)) == .none)
        #expect(outage.review(isUp: true, isOthersUp: true, now: start + .seconds(61)) == .ended)
        #expect(outage.review(isUp: true, isOthersUp: true, now: start + .seconds(62)) == .none)
    }

    @Test("a mere reconnect is not told")
    func brief() {
        var outage = LinkOutage()
        for second in stride(from: 0, to: 60, by: 3) {
            #expect(outage.review(isUp: false, isOthersUp: true, now: start + .seconds(second)) == .none)
            #expect(outage.review(isUp: true, isOthersUp: true, now: start + .seconds(second + 1)) == .none)
        }
    }

    @Test("while nothing else serves either it is not told, and then from when others do")
    func everything() {
        var outage = LinkOutage()
        for second in 0..<60 {
            #expect(outage.review(isUp: false, isOthersUp: false, now: start + .seconds(second)) == .none)
        }
        #expect(outage.review(isUp: false, isOthersUp: true, now: start + .seconds(60)) == .began)
    }

    @Test("the reason is that of each log, until its link is up")
    func links() {
        let links = LoopLinks()
        #expect(ServedLog.allCases.allSatisfy { !links.isUp($0) })
        links.set(.threats, downReason: nil)
        links.set(.proof, downReason: "no permission")
        #expect(links.isUp(.threats))
        #expect(links.downReason(of: .proof) == "no permission")
    }
}
