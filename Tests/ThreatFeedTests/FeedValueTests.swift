import TestSupport
import Testing
import ThreatFeed

@Suite("Cursor, severity, facets and records")
struct FeedValueTests {
    @Test("a cursor is read strictly and written as it was read")
    func readsCursors() {
        for good in ["0-0", "1-2", "1767323045678-18446744073709551615", "18446744073709551615-0"] {
            #expect(Cursor(good)?.description == good)
            var written: [UInt8] = []
            Cursor(good)?.append(to: &written)
            #expect(text(written) == good && Cursor(good)?.textByteCount == good.utf8.count)
        }
        for bad in [
            "", "-", "1", "1-", "-1", "1-2-3", "01-1", "1-01", "+1-1", "1--1", " 1-1", "1-1 ", "1-1\n", "a-1",
            "18446744073709551616-0", "0-18446744073709551616", "99999999999999999999-0", "１-1", "00-0",
        ] {
            #expect(Cursor(bad) == nil, "\(bad)")
        }
    }

    @Test("cursors compare as pairs of integers")
    func comparesCursors() {
        let ordered = ["0-0", "0-1", "0-10", "2-3", "2-20", "10-1"].compactMap(Cursor.init)
        #expect(ordered.count == 6 && ordered.shuffled().sorted() == ordered)
    }

    @Test("severities ascend from INFO to CRITICAL and are read in any case")
    func readsSeverities() {
        #expect(Severity.allCases.map(\.name) == ["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"])
        #expect(Severity.allCases == Severity.allCases.sorted())
        for severity in Severity.allCases {
            #expect(Severity(anyCase: severity.name.lowercased()) == severity)
        }
        for bad in ["", "HIG", "HIGHER", "h\u{0}gh", "LOW ", "criticall", "\u{49}nf\u{4F}\u{301}"] {
            #expect(Severity(anyCase: bad) == nil, "\(bad)")
        }
    }

    private static let record = ThreatRecord(
        id: "a-1", digest: ContentDigest(prefixOf: Array(0..<16)), receivedAtMilliseconds: 1_767_323_045_678,
        facets: Facets(severity: .high, threatType: "malware", customerName: "Café  & Co"),
        tail: Array("\"id\":\"a-1\"}".utf8))
    private static let blob =
        #"a-1 000102030405060708090a0b0c0d0e0f 1767323045678 21 3 malware Café  & Co"id":"a-1"}"#

    @Test("a record's stored form is golden and reads back, whole or as part of a reply")
    func storesRecords() throws {
        #expect(text(Self.record.encode()) == Self.blob)
        for milliseconds in [0, 9, 10, -1, 1_767_323_045_678, .min] as [Int64] {
            let record = ThreatRecord(
                id: "ä", digest: Self.record.digest, receivedAtMilliseconds: milliseconds,
                facets: Facets(severity: .low, threatType: "x", customerName: "Ünïted"), tail: Self.record.tail)
            #expect(record.encode().count == record.encodedByteCount)
        }
        #expect(try ThreatRecord(decoding: Array(Self.blob.utf8)) == Self.record)
        let reply = Array("xx\(Self.blob)yy".utf8)
        #expect(try ThreatRecord(decoding: reply[2..<reply.count - 2]) == Self.record)
    }

    @Test("facets are equal if their stored forms are, whatever Unicode normalisation makes of names")
    func comparesFacets() {
        let names: [String?] = [nil, "Caf\u{E9}", "Cafe\u{301}", "\u{212B}", "\u{C5}", "x"]
        let facets = names.map { Facets(severity: .high, threatType: "a", customerName: $0) }
        #expect(Set(facets).count == names.count && facets == facets)
        #expect(Set(facets.map { $0.encode() }).count == names.count)
        #expect(facets[1] != Facets(severity: .low, threatType: "a", customerName: "Caf\u{E9}"))
        #expect(facets[5] != Facets(severity: .high, threatType: "b", customerName: "x"))
    }

    @Test("a broken record names the broken part")
    func refusesRecords() {
        let digest = "000102030405060708090a0b0c0d0e0f"
        for (blob, error): (String, RecordError) in [
            ("", .id), (" x", .id), ("-a \(digest) 1 5 3 abc\"}", .id), ("a xx 1 5 3 abc\"}", .digest),
            ("a \(digest)0 1 5 3 abc\"}", .digest), ("a \(digest) 01 5 3 abc\"}", .receivedAt),
            ("a \(digest) x 5 3 abc\"}", .receivedAt), ("a \(digest) 1 99 3 abc\"}", .facets),
            ("a \(digest) 1 5 9 abc\"}", .facets), ("a \(digest) 1 5 3 ABC\"}", .facets),
            ("a \(digest) 1 6 3 abc \"}", .facets), ("a \(digest) 1 5 3 abc", .facets),
            ("a \(digest) 1 5 3 abcx}", .tail), ("a \(digest) 1 5 3 abc\"", .tail),
        ] {
            #expect(throws: error, "\(blob)") { try ThreatRecord(decoding: Array(blob.utf8)) }
        }
    }

    @Test("negative times are stored too")
    func storesNegativeTimes() throws {
        let record = ThreatRecord(
            id: "a", digest: Self.record.digest, receivedAtMilliseconds: -5, facets: Self.record.facets,
            tail: Self.record.tail)
        #expect(try ThreatRecord(decoding: record.encode()) == record)
    }

    @Test("a document begins with seq and cursor, and its length is known ahead")
    func writesDocuments() {
        for sequence: UInt64 in [0, 9, 10, 12_345, .max] {
            let entry = LogEntry(cursor: Cursor(generation: 17, sequence: sequence), record: Self.record)
            #expect(text(entry.document()) == "{\"seq\":\(sequence),\"cursor\":\"17-\(sequence)\",\"id\":\"a-1\"}")
            #expect(entry.document().count == entry.documentByteCount)
        }
    }

    @Test("digests take 16 bytes and 32 lower-case digits")
    func readsDigests() {
        let digest = ContentDigest(prefixOf: Array(240...255) + [1])
        #expect(digest.description == "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
        #expect(ContentDigest(hex: Array(digest.description.utf8)[...]) == digest)
        #expect(ContentDigest(hex: Array(digest.description.uppercased().utf8)[...]) == nil)
        #expect(ContentDigest(hex: Array("00".utf8)[...]) == nil)
    }

    @Test("RFC 9562 §5.7: a UUID of version 7 carries the time, version and variant")
    func makesUUIDs() {
        #expect(
            UUIDv7.make(
                milliseconds: 0x017F_22E2_79B0, random: [0x0C, 0xC3, 0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F])
                == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
        #expect(
            UUIDv7.make(milliseconds: 0, random: Array(repeating: 255, count: 10))
                == "00000000-0000-7fff-bfff-ffffffffffff")
    }
}

@Suite("RFC 3339")
struct TimestampTests {
    @Test(
        "RFC 3339 §5.8: timestamps stand for their instant",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1985-04-12T23:20:50.52Z", 482_196_050_520),
            ("1996-12-19T16:39:57-08:00", 851_042_397_000), ("1937-01-01T12:00:27.87+00:20", -1_041_337_172_130),
            ("1990-12-31T23:59:60Z", 662_688_000_000), ("1990-12-31T15:59:60-08:00", 662_688_000_000),
            ("2000-02-29T00:00:00.9999Z", 951_782_400_999), ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] as [(String, Int64)])
    func parses(_ text: String, _ milliseconds: Int64) {
        #expect(RFC3339.milliseconds(of: text) == milliseconds)
    }

    @Test("formatting and parsing are inverse")
    func roundTrips() {
        let seed = TestSeed.value
        print("timestamp seed \(seed)")
        var random = SeededGenerator(state: seed)
        for _ in 0..<5_000 {
            let time = Int64.random(in: -62_167_219_200_000...253_402_300_799_999, using: &random)
            let formatted = RFC3339.format(milliseconds: time)
            #expect(
                RFC3339.milliseconds(of: formatted) == time && formatted.utf8.count == 24, "seed \(seed) \(formatted)")
        }
        #expect(RFC3339.format(milliseconds: 1_767_323_045_678) == "2026-01-02T03:04:05.678Z")
        #expect(RFC3339.format(milliseconds: -1) == "1969-12-31T23:59:59.999Z")
        #expect(RFC3339.format(milliseconds: .max) == "9999-12-31T23:59:59.999Z")
        #expect(RFC3339.format(milliseconds: .min) == "0000-01-01T00:00:00.000Z")
    }
}
