import PosixIO
import Testing
import TocsinClient
import WebSocketProtocol

/// After which ends a client of the feed comes back, and when (docs/protocol.md, "Resuming").
@Suite struct FeedReturnTests {
    private static let start = MonotonicTime(nanoseconds: 1_000_000_000)
    private static let codesOnTheWire =
        (UInt16(1000)...4999).map { CloseCode(rawValue: $0) }.filter(\.isAllowedOnTheWire)
    private static let randomness = [0, 0.5, 0.999]

    private func closed(_ code: UInt16) -> FeedEnding { .closed(CloseCode(rawValue: code), reason: "") }

    private func client() -> FeedReturn { FeedReturn(Backoff(first: .milliseconds(100), longest: .seconds(5))) }

    private func wait(_ decision: FeedReturn.Decision) -> Duration? {
        guard case .comeBack(let pause, _) = decision else { return nil }
        return pause
    }

    @Test("It comes back after every close code but 4500 to 4999")
    func everyCode() {
        for code in Self.codesOnTheWire {
            for randomness in Self.randomness {
                var client = client()
                let decision = client.ended(.closed(code, reason: "x"), at: Self.start, randomness: randomness)
                #expect((decision == .stayAway) == (4500...4999).contains(code.rawValue), "\(code): \(decision)")
            }
        }
    }

    @Test(
        "It comes back when the line breaks, when a close has no code, and when something else than the request is wrong",
        arguments: [
            FeedEnding.lost("the connection broke"), .closed(nil, reason: ""),
            .refused(status: 200, retryAfter: nil), .refused(status: 408, retryAfter: nil),
            .refused(status: 426, retryAfter: nil), .refused(status: 429, retryAfter: .seconds(1)),
            .refused(status: 500, retryAfter: nil), .refused(status: 502, retryAfter: nil),
            .refused(status: 503, retryAfter: .seconds(1)), .refused(status: 504, retryAfter: nil),
        ])
    func comesBack(ending: FeedEnding) {
        var client = client()
        for _ in 0..<100 {
            #expect(client.ended(ending, at: Self.start, randomness: 0.5) != .stayAway)
        }
    }

    @Test("It stays away when the request itself is refused", arguments: [400, 401, 403, 404, 422])
    func refused(status: Int) {
        var client = client()
        let ending = FeedEnding.refused(status: status, retryAfter: nil)
        #expect(client.ended(ending, at: Self.start, randomness: 0) == .stayAway)
    }

    @Test("A first 4001 or 1012 is followed at once; one right after the other backs off", arguments: [4001, 1012])
    func soon(code: UInt16) throws {
        var client = client()
        client.opened(at: Self.start)
        let first = client.ended(closed(code), at: Self.start + .seconds(1), randomness: 0.999)
        #expect(first == .comeBack(after: .milliseconds(400) * 0.999, elsewhere: code == 1012))
        var last = Duration.zero
        for number in 1...6 {
            client.opened(at: Self.start + .seconds(number))
            let decision = client.ended(closed(code), at: Self.start + .seconds(number + 1), randomness: 0.5)
            let pause = try #require(wait(decision))
            #expect(pause > last)
            last = pause
        }
    }

    @Test("Pauses grow over connections that open and break, and begin anew only after a good one")
    func goodConnection() throws {
        var client = client()
        var now = Self.start
        func round(lasting duration: Duration) throws -> Duration {
            client.opened(at: now)
            now = now + duration
            return try #require(wait(client.ended(closed(1006), at: now, randomness: 0)))
        }
        let short = FeedReturn.goodAfter - .milliseconds(1)
        let pauses = try (0..<8).map { _ in try round(lasting: short) }
        #expect(pauses == [50, 100, 200, 400, 800, 1_600, 2_500, 2_500].map { .milliseconds($0) })
        #expect(try round(lasting: FeedReturn.goodAfter) == .milliseconds(50))
    }

    @Test("It waits as long as it is asked to, a minute at most, and long after a flood")
    func asked() throws {
        var client = client()
        let asked = client.ended(.refused(status: 503, retryAfter: .seconds(7)), at: Self.start, randomness: 0)
        #expect(wait(asked) == .seconds(7))
        let tooLong = client.ended(.refused(status: 503, retryAfter: .seconds(86_400)), at: Self.start, randomness: 0)
        #expect(wait(tooLong) == .seconds(60))
        let flood = try #require(wait(client.ended(closed(1008), at: Self.start, randomness: 0)))
        #expect(flood >= .seconds(10))
    }
}
