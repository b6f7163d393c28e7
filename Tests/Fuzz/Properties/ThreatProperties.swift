import Corpora

@testable import ThreatFeed

/// Any bytes as what a publisher sends.
enum ThreatProperties {
    nonisolated(unsafe) private static var parser = ThreatParser()
    private static let added: Set<String> = ["seq", "cursor", "received_at", "received_by", "triage"]

    static func check(_ input: [UInt8]) {
        do throws(ThreatRejection) {
            checkAccepted(try parser.parse(input, receipt: receipt), input)
        } catch {
            checkRejected(error, input)
        }
    }

    private static var receipt: Receipt {
        Receipt(
            receivedAtMilliseconds: 1_767_323_045_678, replicaName: "replica \"1\"",
            digest: ContentDigest(prefixOf: Array(0..<16)), makeID: { _ in "018f2f6e-0000-7000-8000-000000000000" },
            makeRandom: { 0x0123_4567_89AB_CDEF })
    }

    private static func checkRejected(_ rejection: ThreatRejection, _ input: [UInt8]) {
        switch rejection {
        case .notJSON(let error):
            expect(!ReferenceJSON.accepts(input, depthMax: 32), "what is JSON is not refused as if it were not")
            expect((0...input.count).contains(error.offset), "an error lies in the text")
        case .tooLarge: fatalError("property broken: only items of a batch are too large by themselves")
        case .invalid(let errors):
            expect(ReferenceJSON.accepts(input, depthMax: 32), "rules are for JSON")
            expect((1...400).contains(errors.count), "broken rules are named, and bounded")
            expect(errors.allSatisfy { !$0.message.isEmpty }, "a broken rule says what is accepted")
        }
        let problem = Problem(rejection).encode()
        expect(ReferenceJSON.accepts(problem, depthMax: 3), "a problem is JSON")
    }

    private static func checkAccepted(_ record: ThreatRecord, _ input: [UInt8]) {
        expect(ReferenceJSON.accepts(input, depthMax: 32), "what is accepted is JSON")
        expectEqual(try? ThreatRecord(decoding: record.encode()), record, "a record reads as it was written")
        expectEqual(
            try? Facets(decoding: record.facets.encode()[...]), record.facets, "facets read as they were written")

        let entry = LogEntry(cursor: Cursor(generation: 1_767_323_045_000, sequence: 42), record: record)
        let document = entry.document()
        expectEqual(document.count, entry.documentByteCount, "a document is as long as announced")
        expect(ReferenceJSON.accepts(document, depthMax: 32), "a document is JSON, no name twice")
        expect(!document.contains(0x0A) && !document.contains(0x0D), "a document is one line")
        let frame = FeedFrame.newThreat(entry)
        expect(ReferenceJSON.accepts(frame.text, depthMax: 33), "a frame is JSON")
        expectEqual(Array(frame.document), document, "a frame carries the document")
        let batch = FeedFrame.initialBatch(cursor: entry.cursor, entries: [entry, entry], bytesMax: .max)
        expect(ReferenceJSON.accepts(batch, depthMax: 34), "a batch is JSON")
        checkSentAgain(record, document)
    }

    /// A document without what the replica added is a threat that leads to the same document.
    private static func checkSentAgain(_ record: ThreatRecord, _ document: [UInt8]) {
        var scanner = JSONScanner()
        do throws(JSONError) {
            try scanner.scan(document.span)
        } catch {
            fatalError("property broken: a document is JSON: \(error)")
        }
        var members: [[UInt8]] = []
        for index in scanner.children(of: 0) {
            let node = scanner.nodes[index]
            guard let name = node.name else { continue }
            let text = String(decoding: JSONTokens.decode(document.span, name), as: UTF8.self)
            if added.contains(text) { continue }
            members.append(Array(document[(name.lowerBound - 1)..<node.range.upperBound]))
        }
        let again = octets("{") + Array(members.joined(separator: octets(","))) + octets("}")
        do throws(ThreatRejection) {
            expectEqual(try parser.parse(again, receipt: receipt), record, "a document leads to itself")
        } catch {
            fatalError("property broken: a document is a threat: \(error)")
        }
    }
}
