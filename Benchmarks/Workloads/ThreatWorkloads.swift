import Broadcast
import Codecs
import ThreatFeed

@testable import TocsinServer

/// A threat on its way in, and an entry on its way into the ring.
enum ThreatWorkloads {
    static var all: [Workload] {
        [parse, encode, decode, frame, frame(.eventStream), frame(.webSocketDeflated)] + [1, 100, 1_000].map(filters)
    }

    /// One scan of the JSON, the rules, the record.
    private static var parse: Workload {
        var parser = ThreatParser()
        return Workload(name: "threat-parse") {
            blackHole(try? parser.parse(Samples.threat, receipt: Samples.receipt))
        }
    }

    private static var encode: Workload {
        let record = Samples.record
        return Workload(name: "record-encode") { blackHole(record.encode()) }
    }

    private static var decode: Workload {
        let blob = Samples.record.encode()
        return Workload(name: "record-decode") { blackHole(try? ThreatRecord(decoding: blob)) }
    }

    /// What each replica does once for an entry, whoever its clients are.
    private static var frame: Workload {
        let entry = Samples.entry
        return Workload(name: "entry-frame") { blackHole(EntryEncoding.entry(entry)) }
    }

    /// What the first client of another wire form costs.
    private static func frame(_ form: WireForm) -> Workload {
        var entry = EntryEncoding.entry(Samples.entry)
        return Workload(
            name: "entry-form-\(form)", prepare: { entry = EntryEncoding.entry(Samples.entry) },
            body: { blackHole(entry.bytes(form)) })
    }

    /// An entry that meets so many different filters, half of which it matches.
    private static func filters(_ count: Int) -> Workload {
        let entry = EntryEncoding.entry(Samples.entry)
        let feed = Feed(
            bounds: Ring.Bounds(entriesMax: 64, bytesMax: 1 << 20), startingAfter: Samples.entry.cursor)
        for number in 0..<count {
            let types: Set = [number.isMultiple(of: 2) ? "bot_attack" : "crypto_surge", "other.\(number)"]
            _ = feed.join(
                at: 0, after: Samples.entry.cursor,
                filter: Filter(minSeverity: .info, threatTypes: types, customerNames: []), form: .webSocket)
        }
        precondition(feed.filterCount == count, "the filters differ")
        // The ring is full, and so nothing grows any more.
        for _ in 0..<128 { feed.append(entry) }
        return Workload(name: "entry-filters-\(count)") { feed.append(entry) }
    }
}
