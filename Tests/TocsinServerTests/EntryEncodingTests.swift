import Broadcast
import PosixIO
import Testing
import ThreatFeed

@testable import TocsinServer

@Suite("Entries as clients get them")
struct EntryEncodingTests {
    private func entry(_ sequence: UInt64, summaryBytes: Int) -> LogEntry {
        let id = "t-\(sequence)-\(String(repeating: "i", count: Int(sequence) * 7))"
        let facets = Facets(severity: .high, threatType: "malware", customerName: sequence % 2 == 0 ? "Ünïted" : nil)
        let summary = String(repeating: "ä", count: summaryBytes / 2)
        let record = ThreatRecord(
            id: id, digest: ContentDigest(prefixOf: (0..<16).map { UInt8(truncatingIfNeeded: sequence) &+ $0 }),
            receivedAtMilliseconds: 1_700_000_000_000 + Int64(sequence), facets: facets,
            tail: Array(#""id":"\#(id)","summary":"\#(summary)"}"#.utf8))
        return LogEntry(cursor: Cursor(generation: 1_700_000_000_000, sequence: sequence), record: record)
    }

    /// Lengths on both sides of where a frame's header grows (RFC 6455 §5.2).
    private var logEntries: [LogEntry] {
        [0, 4, 10, 600, 65_300, 65_480, 70_000].enumerated().map { entry(UInt64($0 + 1), summaryBytes: $1) }
    }

    @Test("are the records of the log again, though only the frame is held")
    func recordsComeBack() {
        let framed = EntryEncoding.entries(logEntries)
        #expect(framed.map(\.logEntry) == logEntries)
        #expect(framed.map(\.isInLog) == logEntries.map { _ in true })
        #expect(framed.map(\.facets) == logEntries.map(\.record.facets))
        #expect(framed.map(\.byteCount) == framed.map { $0.bytes(.webSocket).count })
    }

    @Test("are the same one by one and together")
    func together() {
        let framed = EntryEncoding.entries(logEntries)
        let single = logEntries.map(EntryEncoding.entry)
        #expect(framed.map { Array($0.bytes(.webSocket).bytes) } == single.map { Array($0.bytes(.webSocket).bytes) })
    }

    @Test("HTML, server-sent events: the id is the last line, so that who sees it has the whole event")
    func eventStream() throws {
        let entry = try #require(EntryEncoding.entries(logEntries).first)
        let lines = String(decoding: entry.bytes(.eventStream).bytes, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.map { $0.prefix { $0 != ":" } } == ["event", "data", "id", "", ""])
        #expect(lines[2] == "id: \(entry.cursor)")
        let bare = EntryEncoding.event(Array("{}".utf8).span, .unavailable, cursor: nil)
        #expect(String(decoding: bare, as: UTF8.self) == "event: unavailable\ndata: {}\n\n")
    }

    @Test("a reset is no record of the log")
    func resets() {
        let reset = EntryEncoding.reset(from: .zero, to: Cursor(generation: 9, sequence: 9), reason: "lost")
        #expect(reset.logEntry == nil && !reset.isInLog && reset.facets == nil)
    }
}
