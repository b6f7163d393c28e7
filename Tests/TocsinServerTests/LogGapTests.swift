import RedisLog
import Testing
import ThreatFeed

@testable import TocsinServer

@Suite("What a list after a cursor would not show")
struct LogGapTests {
    private func cursor(_ text: String) throws -> Cursor { try #require(Cursor(text)) }

    private func head(_ text: String) throws -> LogHead {
        LogHead(cursor: try cursor(text), resumableFrom: .zero, forkedAt: .zero)
    }

    private func entry(_ text: String) throws -> LogEntry {
        let facets = Facets(severity: .low, threatType: "a", customerName: nil)
        return LogEntry(
            cursor: try cursor(text),
            record: ThreatRecord(
                id: "a", digest: ContentDigest(prefixOf: Array(0..<16)), receivedAtMilliseconds: 0, facets: facets,
                tail: Array("\"a\":1}".utf8)))
    }

    @Test(
        "nothing is missing where the next sequence number follows, be it in a later generation, or lower after a loss",
        arguments: [
            ("5-7", "5-8", "5-9"), ("5-7", "6-8", "6-8"), ("5-7", "6-3", "6-9"), ("5-65540", "6-5", "6-9"),
            ("0-0", "5-1", "5-1"), ("5-0", "5-1", "5-1"), ("5-7", nil, "5-7"), ("5-7", nil, "6-7"), ("5-7", nil, "6-2"),
            ("0-0", nil, "0-0"),
        ] as [(String, String?, String)])
    func whole(_ after: String, _ first: String?, _ end: String) throws {
        let entries = try first.map { [try entry($0)] } ?? []
        let outcome = ResumeOutcome.entries(entries, head: try head(end), anchored: false)
        #expect(outcome.gap(after: try cursor(after)) == nil)
    }

    @Test(
        "something is missing where a number is passed over, or a generation ended long before the cursor",
        arguments: [
            ("5-7", "5-9", "5-9", "does not have what follows 5-7"), ("5-7", "6-9", "6-9", "does not have"),
            ("0-0", "5-2", "5-9", "does not have"), ("5-7", nil, "5-9", "does not have"),
            ("5-7", nil, "6-9", "does not have"),
            ("5-65542", "6-5", "6-9", "generation 5 of the log ended before"),
            ("5-18446744073709551615", nil, "6-9", "ended before"),
        ] as [(String, String?, String, String)])
    func holes(_ after: String, _ first: String?, _ end: String, _ reason: String) throws {
        let entries = try first.map { [try entry($0)] } ?? []
        let outcome = ResumeOutcome.entries(entries, head: try head(end), anchored: false)
        let gap = try #require(outcome.gap(after: try cursor(after)))
        #expect(gap.reason.contains(reason), "\(gap.reason)")
        #expect(gap.head.cursor == (try cursor(end)))
    }

    @Test("what the log itself refuses is told as on the streams")
    func refusals() throws {
        let head = LogHead(cursor: try cursor("5-9"), resumableFrom: try cursor("5-4"), forkedAt: .zero)
        let place = try cursor("5-2")
        #expect(
            ResumeOutcome.ahead(head: head).gap(after: place)?.reason.contains("ahead of the log, which ends at 5-9")
                == true)
        #expect(ResumeOutcome.trimmed(head: head).gap(after: place)?.reason.contains("reaches back to 5-4") == true)
        #expect(ResumeOutcome.trimmed(head: head).gap(after: .zero)?.reason.contains("reaches back to 5-4") == true)
        let never = try cursor("0-2")
        for outcome in [ResumeOutcome.trimmed(head: head), .unknownGeneration(head: head)] {
            #expect(outcome.gap(after: never)?.reason.contains("never had the generation of 0-2") == true)
        }
    }

    @Test("a place that retention has passed is still one of the log's, and one it never had is none")
    func strangers() throws {
        let head = LogHead(cursor: try cursor("5-9"), resumableFrom: try cursor("5-4"), forkedAt: .zero)
        let passed = ResumeOutcome.trimmed(head: head)
        #expect(passed.strangeness(of: try cursor("5-2")) == nil)
        #expect(passed.strangeness(of: .zero) == nil)
        #expect(passed.strangeness(of: try cursor("0-2"))?.reason.contains("never had the generation") == true)
        let hole = ResumeOutcome.entries([try entry("5-9")], head: head, anchored: false)
        #expect(hole.strangeness(of: try cursor("5-6")) == nil)
        #expect(hole.gap(after: try cursor("5-6")) != nil)
        #expect(ResumeOutcome.ahead(head: head).strangeness(of: try cursor("5-10")) != nil)
    }
}
