import PosixIO
import Synchronization
import ThreatFeed

@testable import Broadcast

func cursor(_ sequence: UInt64) -> Cursor { Cursor(generation: 1, sequence: sequence) }

func logEntry(_ generation: UInt64, _ sequence: UInt64, severity: Severity = .medium) -> LogEntry {
    let facets = Facets(severity: severity, threatType: "malware", customerName: nil)
    let record = ThreatRecord(
        id: "t-\(generation)-\(sequence)", digest: ContentDigest(prefixOf: Array(repeating: 0, count: 16)),
        receivedAtMilliseconds: 0, facets: facets, tail: [])
    return LogEntry(cursor: Cursor(generation: generation, sequence: sequence), record: record)
}

/// An entry whose bytes are its sequence number, or `text`.
func entry(_ sequence: UInt64, severity: Severity = .medium, text: String? = nil) -> FeedEntry {
    FeedEntry(
        logEntry(1, sequence, severity: severity), webSocket: Array((text ?? "\(sequence)").utf8), tail: 0..<0,
        otherForm: { _, _, _, _ in [] })
}

func reset(generation: UInt64, sequence: UInt64) -> FeedEntry {
    FeedEntry(
        cursor: Cursor(generation: generation, sequence: sequence), webSocket: Array("reset".utf8),
        otherForm: { _, _, _, _ in [] })
}

func makeFeed(entries: Int, entriesMax: Int = 1000) -> Feed {
    let feed = Feed(bounds: .init(entriesMax: entriesMax, bytesMax: 1 << 20), startingAfter: cursor(0))
    for sequence in 0..<entries { feed.append(entry(UInt64(sequence + 1))) }
    return feed
}

func texts(_ batch: Broadcast.Batch) -> [String] {
    batch.bytes.pieces.map { String(decoding: $0.bytes, as: UTF8.self) }
}

/// Notes the wire forms an entry was asked to make.
final class MadeForms: Sendable {
    private let forms = Mutex<[WireForm]>([])

    func count(_ form: WireForm) {
        forms.withLock { $0.append(form) }
    }

    var counted: [WireForm] { forms.withLock { $0 } }
}
