import Broadcast
import Codecs
import PosixIO
import Testing
import ThreatFeed
import WebSocketProtocol

@testable import TocsinServer

@Suite("What clients inflate that let the server keep context")
struct DeflateContextTests {
    @Test("is what others get plain, however they join, filter, resume, fall behind or are cut", arguments: 1...8)
    func anyCourse(seed: Int) {
        var world = ContextWorld(seed: UInt64(seed), clientCount: 6)
        for _ in 0..<700 { world.step() }
        world.finish()
        #expect(world.failures == [], "seed \(seed)")
        #expect(world.deliveredCount > 300, "seed \(seed)")
    }

    @Test("takes a fraction of the bytes, and no more than the frames by themselves")
    func bytes() throws {
        var world = ContextWorld(seed: 5, clientCount: 0)
        let entries = (0..<100).map { _ in world.makeThreat(byteCount: 600) }
        let byItself = entries.reduce(0) { $0 + $1.bytes(.webSocketDeflated).count }
        let inContext = zip(entries, entries.dropFirst()).reduce(entries[0].bytes(.webSocketDeflated).count) {
            $0 + $1.1.bytes(.webSocketDeflatedInContext, after: $1.0).count
        }
        #expect(inContext * 2 < byItself)
    }

    @Test("RFC 7692 §6.1: every entry bears RSV1, also a short one, so that it is in the window")
    func alwaysDeflated() {
        var world = ContextWorld(seed: 6, clientCount: 0)
        let entries = [
            world.makeThreat(byteCount: 0), world.makeThreat(byteCount: 20_000, isRandom: true),
            EntryEncoding.reset(from: .zero, to: Cursor(generation: 9, sequence: 9), reason: ""),
        ]
        for entry in entries {
            for form in [WireForm.webSocketDeflated, .webSocketDeflatedInContext] {
                #expect(entry.bytes(form, after: entries[0]).bytes[0] == 0xC1)
            }
            #expect(entry.bytes(.webSocket).bytes[0] == 0x81)
        }
    }
}

/// A feed, and clients that inflate what it gives them as a browser would.
private struct ContextWorld {
    private struct Client {
        var position: ClientPosition
        var filter: Filter
        var decoder = ContextWorld.makeDecoder()
        /// Texts that are still to come.
        var expected: [[UInt8]]
    }

    private let feed = Feed(bounds: Ring.Bounds(entriesMax: 12, bytesMax: 1 << 20), startingAfter: start)
    private static let start = Cursor(generation: 1, sequence: 0)
    /// Everything that was ever appended.
    private var log: [FeedEntry] = []
    private var clients: [Client] = []
    private var random: SplitMix64
    private var cursor = start
    private(set) var failures: [String] = []
    private(set) var deliveredCount = 0

    init(seed: UInt64, clientCount: Int) {
        random = SplitMix64(state: seed)
        for _ in 0..<clientCount {
            clients.append(joined(after: cursor, filter: makeFilter(), makeDecoder: Self.makeDecoder))
        }
    }

    private static func makeDecoder() -> MessageDecoder {
        let inflater = Inflater(keepsContext: true)
        return MessageDecoder(role: .client, limits: WebSocketLimits(messageBytesMax: 1 << 20)) {
            (compressed, bytesMax) throws(InflateFailure) in
            do throws(InflateError) {
                return try inflater.inflate(compressed.span, bytesMax: bytesMax)
            } catch {
                throw .corrupt
            }
        }
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func makeFilter() -> Filter {
        switch Int.random(in: 0..<3, using: &random) {
        case 0: .everything
        case 1: Filter(minSeverity: .high, threatTypes: [], customerNames: [])
        default: Filter(minSeverity: .info, threatTypes: ["phishing"], customerNames: [])
        }
    }

    /// What the texts of all threats share.
    private static let common: [UInt8] = {
        var random = SplitMix64(state: 0)
        return (0..<40_960).map { _ in UInt8(0x61 + random.next() % 26) }
    }()

    /// The next threat of the log: a few letters of its own among those that all share, or all of its own.
    mutating func makeThreat(byteCount: Int, isRandom: Bool = false) -> FeedEntry {
        cursor = cursor.successor
        var tail = Array(#""id":"t-\#(cursor.sequence)","summary":""#.utf8)
        let start = tail.count
        tail += Self.common.prefix(byteCount)
        for index in stride(from: 0, to: byteCount, by: isRandom ? 1 : 50) {
            tail[start + index] = UInt8(0x23 + random.next() % 57)
        }
        tail += #""}"#.utf8
        let facets = Facets(
            severity: chance(50) ? .critical : .low, threatType: chance(30) ? "phishing" : "malware",
            customerName: nil)
        let digest = ContentDigest(prefixOf: Array(repeating: 0, count: 16))
        return EntryEncoding.entry(
            LogEntry(
                cursor: cursor,
                record: ThreatRecord(
                    id: "t", digest: digest, receivedAtMilliseconds: 0, facets: facets, tail: tail)))
    }

    private mutating func makeReset() -> FeedEntry {
        let from = cursor
        cursor = Cursor(generation: cursor.generation + 1, sequence: cursor.sequence)
        return EntryEncoding.reset(from: from, to: cursor, reason: "moved")
    }

    private static func text(_ entry: FeedEntry) -> [UInt8] {
        let frame = entry.bytes(.webSocket)
        return Array(frame.bytes.dropFirst(frame.withSpan { FrameHeader.encodedLength(ofUnmasked: $0) }))
    }

    private static func matches(_ filter: Filter, _ entry: FeedEntry) -> Bool {
        entry.facets.map { filter.matches($0) } ?? true
    }

    /// What a client lacks that stands at a position of the ring.
    private func lacking(from position: FeedPosition, _ filter: Filter) -> [[UInt8]] {
        (max(position, feed.ring.tail)..<feed.ring.head).map { feed.ring[$0] }
            .filter { Self.matches(filter, $0) }.map(Self.text)
    }

    private mutating func joined(
        after cursor: Cursor, filter: Filter, makeDecoder: () -> MessageDecoder
    ) -> Client {
        guard let position = feed.join(after: cursor, filter: filter, form: .webSocketDeflatedInContext) else {
            preconditionFailure("the ring reaches back to \(cursor)")
        }
        return Client(
            position: position, filter: filter, decoder: makeDecoder(),
            expected: lacking(from: position.next, filter))
    }

    mutating func step() {
        let index = Int.random(in: clients.indices, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<35: append()
        case 35..<80: serve(index)
        case 80..<86: changeFilter(index)
        case 86..<92: beat(index)
        case 92..<96: comeBack(index)
        default: comeBackThroughPage(index)
        }
    }

    /// Gives every client the rest.
    mutating func finish() {
        for index in clients.indices {
            while clients[index].position.partial != nil || !feed.isAtHead(clients[index].position) { serve(index) }
            if !clients[index].expected.isEmpty { failures.append("client \(index) lacks entries") }
        }
    }

    private mutating func append() {
        let entry: FeedEntry =
            switch Int.random(in: 0..<20, using: &random) {
            case 0: makeReset()
            case 1: makeThreat(byteCount: 0)
            case 2: makeThreat(byteCount: 40_960)
            case 3: makeThreat(byteCount: Int.random(in: 0..<40_000, using: &random), isRandom: true)
            default: makeThreat(byteCount: Int.random(in: 0..<1_500, using: &random))
            }
        log.append(entry)
        feed.append(entry)
        for index in clients.indices where Self.matches(clients[index].filter, entry) {
            clients[index].expected.append(Self.text(entry))
        }
    }

    private mutating func serve(_ index: Int) {
        if clients[index].position.partial != nil {
            let rest = Array(clients[index].position.partialRest)
            let count = Int.random(in: 1...rest.count, using: &random)
            clients[index].position.advancePartial(byteCount: count)
            receive(rest[..<count], index)
        } else if feed.fellOff(clients[index].position) {
            comeBack(index)
        } else {
            serveBatch(of: feed, index)
        }
    }

    private mutating func serveBatch(of feed: Feed, _ index: Int) {
        let batch = feed.batch(for: clients[index].position)
        var bytes: [UInt8] = []
        for piece in batch.bytes.pieces { bytes += piece.bytes }
        let count = chance(60) ? bytes.count : Int.random(in: 0...bytes.count, using: &random)
        _ = feed.advance(&clients[index].position, past: batch, byteCount: count)
        receive(bytes[..<count], index)
    }

    private mutating func receive(_ bytes: ArraySlice<UInt8>, _ index: Int) {
        clients[index].decoder.append(bytes.span)
        do throws(FrameError) {
            while let event = try clients[index].decoder.next() {
                guard !clients[index].expected.isEmpty, event == .text(clients[index].expected.removeFirst()) else {
                    failures.append("client \(index) inflated something else")
                    return
                }
                deliveredCount += 1
            }
        } catch {
            failures.append("client \(index): \(error)")
        }
    }

    private mutating func changeFilter(_ index: Int) {
        guard !feed.fellOff(clients[index].position) else { return comeBack(index) }
        clients[index].filter = makeFilter()
        feed.setFilter(clients[index].filter, for: &clients[index].position)
        let cut = clients[index].position.partial == nil ? [] : Array(clients[index].expected.prefix(1))
        clients[index].expected = cut + lacking(from: clients[index].position.next, clients[index].filter)
    }

    /// Something for one client alone, deflated by itself.
    private mutating func beat(_ index: Int) {
        guard clients[index].position.partial == nil else { return }
        let text = FeedFrame.heartbeat(cursor: clients[index].position.cursor)
        clients[index].expected.insert(text, at: 0)
        clients[index].position.loseContext()
        receive(EntryEncoding.deflatedFrame(text.span)[...], index)
    }

    /// On a new connection, from a place of the ring.
    private mutating func comeBack(_ index: Int) {
        feed.leave(clients[index].position)
        let place = FeedPosition.random(in: feed.ring.tail...feed.ring.head, using: &random)
        clients[index] = joined(
            after: feed.ring.cursor(before: place), filter: makeFilter(), makeDecoder: Self.makeDecoder)
    }

    /// On a new connection, from a place before the ring: what lies between comes from a page, framed anew.
    private mutating func comeBackThroughPage(_ index: Int) {
        feed.leave(clients[index].position)
        let pageLength = min(log.count, Int.random(in: 0...30, using: &random))
        let page = Feed(
            bounds: Ring.Bounds(entriesMax: .max, bytesMax: .max),
            startingAfter: log.count == pageLength ? Self.start : log[log.count - pageLength - 1].cursor)
        for entry in log.suffix(pageLength) { page.append(entry.logEntry.map(EntryEncoding.entry) ?? entry) }
        let filter = makeFilter()
        var client = Client(
            position: page.join(
                at: 0, after: page.ring.cursorBeforeTail, filter: filter, form: .webSocketDeflatedInContext),
            filter: filter,
            expected: log.suffix(pageLength).filter { Self.matches(filter, $0) }.map(Self.text))
        swap(&client, &clients[index])
        while clients[index].position.partial != nil || !page.isAtHead(clients[index].position) {
            if clients[index].position.partial != nil { serve(index) } else { serveBatch(of: page, index) }
        }
        let decoder = clients[index].decoder
        clients[index] = joined(after: feed.ring.headCursor, filter: filter, makeDecoder: { decoder })
    }
}

/// SplitMix, so that a failure can be run again from its seed.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
