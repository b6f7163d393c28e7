import Testing
import ThreatFeed

@Suite("Frames, problems and analytics")
struct FeedFrameTests {
    private static let cursor = Cursor(generation: 17, sequence: 5)
    private static let entry = LogEntry(
        cursor: cursor,
        record: ThreatRecord(
            id: "a", digest: ContentDigest(prefixOf: Array(0..<16)), receivedAtMilliseconds: 0,
            facets: Facets(severity: .low, threatType: "x", customerName: nil), tail: Array(#""id":"a"}"#.utf8)))

    @Test("contract, WebSocket: new_threat is golden and holds the document at `data`")
    func newThreat() {
        let frame = FeedFrame.newThreat(Self.entry)
        #expect(
            text(frame.text) == #"{"type":"new_threat","cursor":"17-5","data":{"seq":5,"cursor":"17-5","id":"a"}}"#)
        #expect(Array(frame.document) == Self.entry.document())
        var appended = Array("header".utf8)
        let data = FeedFrame.appendNewThreat(Self.entry, to: &appended)
        #expect(appended == Array("header".utf8) + frame.text)
        #expect(Array(appended[data]) == Self.entry.document())
        #expect(FeedFrame.newThreatByteCount(Self.entry) == frame.text.count)
        #expect(frame.text.capacity <= frame.text.count + 64)
    }

    @Test("contract, WebSocket: every other frame is golden")
    func otherFrames() {
        let batch = FeedFrame.initialBatch(cursor: Self.cursor, entries: [Self.entry, Self.entry], bytesMax: .max)
        let threat = #"{"seq":5,"cursor":"17-5","id":"a"}"#
        #expect(text(batch) == #"{"type":"initial_batch","cursor":"17-5","data":["# + threat + "," + threat + "]}")
        #expect(
            text(
                FeedFrame.initialBatch(
                    cursor: Self.cursor, entries: [], notResumedBecause: "too old", bytesMax: .max))
                == #"{"type":"initial_batch","cursor":"17-5","recovered":false,"reason":"too old","data":[]}"#)
        #expect(text(FeedFrame.resumed(cursor: Self.cursor)) == #"{"type":"resumed","cursor":"17-5"}"#)
        #expect(text(FeedFrame.heartbeat(cursor: Self.cursor)) == #"{"type":"heartbeat","cursor":"17-5"}"#)
        #expect(
            text(FeedFrame.heartbeat(cursor: Self.cursor, unreachableSince: "2026-01-02T03:04:05.678Z"))
                == #"{"type":"heartbeat","cursor":"17-5","log":"unreachable","since":"2026-01-02T03:04:05.678Z"}"#)
        #expect(
            text(FeedFrame.unavailable(detail: "a drain")) == #"{"type":"unavailable","detail":"a drain"}"#)
        #expect(text(FeedFrame.filtered(cursor: Self.cursor)) == #"{"type":"filtered","cursor":"17-5"}"#)
        #expect(text(FeedFrame.pong) == #"{"type":"pong"}"#)
        #expect(
            text(FeedFrame.reset(from: Self.cursor, to: .zero, reason: "lost"))
                == #"{"type":"reset","from":"17-5","to":"0-0","reason":"lost"}"#)
        #expect(
            text(FeedFrame.error(code: "c", detail: "a\"b\\\n\u{1}é"))
                == #"{"type":"error","code":"c","detail":"a\"b\\\n\u0001é"}"#)
    }

    @Test("contract, WebSocket: initial_batch has the newest threats that fit, to the byte")
    func boundedBatch() {
        let entries = Array(repeating: Self.entry, count: 3)
        func batch(_ bytesMax: Int) -> [UInt8] {
            FeedFrame.initialBatch(cursor: Self.cursor, entries: entries, bytesMax: bytesMax)
        }
        let whole = batch(.max).count
        #expect(batch(whole).count == whole)
        let oneLess = whole - 1 - Self.entry.documentByteCount
        #expect(batch(whole - 1).count == oneLess)
        #expect(batch(oneLess).count == oneLess)
        #expect(text(batch(0)) == #"{"type":"initial_batch","cursor":"17-5","data":[]}"#)
    }

    @Test("RFC 9457: problem details")
    func problems() {
        #expect(
            text(Problem(status: 404, detail: "no").encode())
                == #"{"type":"about:blank","title":"Not Found","status":404,"detail":"no"}"#)
        let invalid = Problem(.invalid([FieldError(field: "a", message: "b"), FieldError(field: "c", message: "d")]))
        #expect(invalid.status == 422)
        #expect(
            text(invalid.encode()).hasSuffix(#","errors":[{"field":"a","message":"b"},{"field":"c","message":"d"}]}"#))
        let notJSON = Problem(.notJSON(JSONError(offset: 7, reason: .duplicateMember)))
        #expect(notJSON.status == 400 && notJSON.detail.contains("byte 7"))
        #expect(text(notJSON.encode()).hasSuffix(#","offset":7}"#))
        #expect(!text(invalid.encode()).contains("offset"))
        #expect(scanError(notJSON.encode()) == nil && scanError(invalid.encode()) == nil)
    }

    @Test("integers are written in decimal over their whole range")
    func integers() {
        for value: Int64 in [0, 1, 9, 10, 99, 100, -1, -10, .max, .min] {
            var bytes: [UInt8] = []
            JSONText.appendInteger(value, to: &bytes)
            #expect(text(bytes) == String(value))
        }
        for value: UInt64 in [0, 10, .max, 10_000_000_000_000_000_000] {
            var bytes: [UInt8] = []
            JSONText.appendInteger(value, to: &bytes)
            #expect(text(bytes) == String(value))
        }
    }

    @Test("contract, HTTP: analytics counts by type and by all five severities")
    func analytics() {
        let counts: [(facets: Facets, count: UInt64)] = [
            (Facets(severity: .high, threatType: "b", customerName: "X"), 2),
            (Facets(severity: .low, threatType: "b", customerName: "X"), 1),
            (Facets(severity: .low, threatType: "a", customerName: "Y"), 4),
            (Facets(severity: .low, threatType: "a", customerName: nil), 1),
            (Facets(severity: .info, threatType: "gone", customerName: "Z"), 0),
        ]
        #expect(
            text(Analytics(cursor: Cursor(generation: 7, sequence: 9), totalAccepted: 100, counts: counts).encode())
                == #"{"total_threats":100,"retained_threats":8,"customers_affected":2,"#
                + #""threats_by_type":{"a":5,"b":3},"#
                + #""threats_by_severity":{"INFO":0,"LOW":6,"MEDIUM":0,"HIGH":2,"CRITICAL":0},"cursor":"7-9"}"#)
        let named = text(Analytics(log: "proof", cursor: .zero, totalAccepted: 0, counts: []).encode())
        #expect(named.hasSuffix(#""cursor":"0-0","log":"proof"}"#))
    }
}
