import ClusterSupport
import HTTPProtocol
import Testing
import ThreatFeed
import TocsinClient

/// `GET /api/threats` by a cursor that the log no longer reaches back to, or never gave out: 410, never a hole.
@Suite(.processes) struct LogGaps {
    private func post(_ client: HTTPClient, _ range: Range<Int>) throws -> [Cursor] {
        let items = range.map { #"{"id":"g\#($0)","threat_type":"malware"}"# }
        let answer = try client.post("/api/threats/batch", Array("[\(items.joined(separator: ","))]".utf8))
        return try #require(answer.json?.elements).map { try #require($0["cursor"]?.cursorValue) }
    }

    private func expectGone(
        _ client: HTTPClient, _ query: String, first: Cursor, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let answer = try client.get("/api/threats?\(query)")
        #expect(answer.status == 410, "\(query): \(answer.text)", sourceLocation: sourceLocation)
        #expect(answer.headers.first("Content-Type") == Problem.contentType, sourceLocation: sourceLocation)
        #expect(answer.json?["status"]?.integerValue == 410, sourceLocation: sourceLocation)
        #expect(answer.json?["first"]?.cursorValue == first, "\(answer.text)", sourceLocation: sourceLocation)
        #expect(answer.json?["reason"]?.stringValue?.isEmpty == false, sourceLocation: sourceLocation)
    }

    private func ids(_ client: HTTPClient, _ query: String) throws -> [String] {
        let answer = try client.get("/api/threats?\(query)")
        #expect(answer.status == 200, "\(query): \(answer.text)")
        return (answer.json?.elements ?? []).compactMap { $0["id"]?.stringValue }
    }

    @Test("a cursor behind retention is gone, whatever else is asked for; first is the oldest that is still there")
    func trimmed() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--retention-count", "50"])
        let client = Harness.client(cluster.urls[0])
        let cursors = try post(client, 0..<200)
        // Posts leave some more; what is over goes within a second, and then nothing moves.
        try #require(
            Harness.wait(every: .milliseconds(50)) {
                try client.get("/api/analytics").json?["retained_threats"]?.integerValue == 50
            })
        var oldest: JSONValue?
        var before = ""
        while let page = try client.get("/api/threats?limit=100\(before)").json?.elements, let last = page.last {
            oldest = last
            before = "&before=\(try #require(last["cursor"]?.cursorValue))"
        }
        let first = try #require(oldest?["cursor"]?.cursorValue)
        let index = try #require(cursors.firstIndex(of: first))
        try #require(index > 2)
        for query in [
            "after=0-0", "after=\(cursors[0])", "after=\(cursors[index - 2])", "after=\(cursors[0])&limit=1",
            "after=\(cursors[0])&before=\(cursors[199])", "after=\(cursors[0])&before=\(cursors[1])",
            "after=\(cursors[0])&before=\(cursors[0])", "after=\(cursors[0])&threat_type=none",
            "after=\(cursors[0])&offset=10000",
        ] {
            try expectGone(client, query, first: first)
        }
        // From the one before the oldest on, nothing is missing.
        #expect(try ids(client, "after=\(cursors[index - 1])&limit=2") == ["g\(index + 1)", "g\(index)"])
        #expect(try ids(client, "after=\(first)&limit=1") == ["g\(index + 1)"])
        #expect(try ids(client, "after=\(cursors[198])") == ["g199"])
        #expect(try ids(client, "after=\(cursors[199])") == [])
        #expect(try ids(client, "after=\(cursors[index + 1])&before=\(cursors[index + 3])") == ["g\(index + 2)"])
        // Towards the past there is an end, and no hole.
        #expect(try ids(client, "before=\(first)") == [])
        #expect(try ids(client, "before=\(cursors[0])") == [])
        let problem = try client.get("/api/threats?after=\(cursors[0])").json
        #expect(problem?["title"]?.stringValue == "Gone")
    }

    @Test("a cursor ahead of the log, or of a generation that never was, is gone too; 0-0 is where every log begins")
    func noneOfThisLog() throws {
        let cluster = try Harness.cluster(replicas: 2)
        let client = Harness.client(cluster.urls[0])
        let start = Cursor.zero
        #expect(try ids(client, "after=0-0") == [])
        #expect(try ids(client, "after=0-0&before=0-0") == [])
        try expectGone(client, "after=5-5", first: start)
        try expectGone(client, "after=0-1", first: start)
        try expectGone(client, "before=5-5", first: start)
        #expect(try ids(client, "before=0-0") == [])
        let cursors = try post(client, 0..<3)
        #expect(try ids(client, "after=0-0") == ["g2", "g1", "g0"])
        let generation = cursors[0].generation
        for cursor in [
            Cursor(generation: generation, sequence: 4), Cursor(generation: generation, sequence: .max),
            Cursor(generation: generation + 1, sequence: 1), Cursor(generation: generation - 1, sequence: 1),
            Cursor(generation: 1, sequence: 0), Cursor(generation: 0, sequence: 1),
            Cursor(generation: 0, sequence: .max),
            Cursor(generation: .max, sequence: .max),
        ] {
            for url in cluster.urls {
                try expectGone(Harness.client(url), "after=\(cursor)", first: cursors[0])
                try expectGone(Harness.client(url), "after=\(cursor)&before=\(cursors[2])", first: cursors[0])
                try expectGone(Harness.client(url), "before=\(cursor)", first: cursors[0])
                try expectGone(Harness.client(url), "after=\(cursors[0])&before=\(cursor)", first: cursors[0])
            }
        }
        // Within the log's generation a place that had no entry of its own is one, too.
        let empty = Cursor(generation: generation, sequence: 0)
        #expect(try ids(client, "after=\(empty)") == ["g2", "g1", "g0"])
        #expect(try ids(client, "before=\(empty)") == [])
    }

    @Test("of a log that was trimmed whole the end is left, from which it goes on")
    func trimmedWhole() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--retention-age", "1s"])
        let client = Harness.client(cluster.urls[0])
        let cursors = try post(client, 0..<5)
        try #require(
            Harness.wait(every: .milliseconds(50)) {
                try client.get("/api/analytics").json?["retained_threats"]?.integerValue == 0
            })
        for place in [Cursor.zero, cursors[0], cursors[3]] {
            try expectGone(client, "after=\(place)", first: cursors[4])
        }
        #expect(try ids(client, "after=\(cursors[4])") == [])
        #expect(try ids(client, "before=\(cursors[4])") == [])
    }
}
