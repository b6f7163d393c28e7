import ClusterSupport
import HTTPProtocol
import Testing
import TocsinClient

/// Every id that is accepted can be read where its `Location` says, also one that is the path of something else.
@Suite(.processes) struct IDs {
    private static let ids = [
        "stream", "trigger", "batch", "ingest", "triage", "history", "Stream", "stream.", "a", "0", "a.b", "a..b", "a.",
        "a:b", "a._:-", "health", "ws", "api", "threats", String(repeating: "z", count: 128),
    ]

    private func post(_ client: HTTPClient, _ id: String, _ query: String = "") throws -> String {
        let answer = try client.post("/api/threats/trigger\(query)", Array(#"{"id":"\#(id)","threat_type":"a"}"#.utf8))
        #expect(answer.status == 201, "\(id): \(answer.text)")
        return try #require(answer.headers.first("Location"), "\(id)")
    }

    @Test("what is accepted is read at its Location; a route keeps its meaning", arguments: ["", "?log=proof"])
    func locations(query: String) throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let client = Harness.client(url)
        try #require(Harness.wait { try client.get("/api/analytics\(query)").status == 200 })
        for id in Self.ids {
            let location = try post(client, id, query)
            #expect(location == "/api/threats/\(id == "stream" ? "_" : "")\(id)\(query)")
            let answer = try client.get(location)
            #expect(answer.status == 200, "\(location): \(answer.text)")
            #expect(answer.json?["id"]?.stringValue == id)
            // As clients and proxies write it that encode, or decode, more than they must.
            let encoded = location.replacing("_", with: "%5F").replacing("a", with: "%61")
            if query.isEmpty { #expect(try client.get(encoded).json?["id"]?.stringValue == id, "\(encoded)") }
            #expect(try client.get("/api/threats/_\(id)\(query)").json?["id"]?.stringValue == id)
            #expect(try client.request(.head, location).status == 200, "\(location)")
        }
        let events = try EventStream(url, path: "/api/threats/stream\(query)", deadline: Harness.connectionLife)
        #expect(events.headers.first("Content-Type")?.hasPrefix("text/event-stream") == true)
        #expect(try client.post("/api/threats/batch\(query)", Array("[]".utf8)).status == 200)
    }

    @Test("a path that is only posted to says so until a threat has its name")
    func routesWithoutThreat() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        for name in ["trigger", "batch"] {
            for method in [HTTPMethod.get, .head] {
                let answer = try client.request(method, "/api/threats/\(name)")
                #expect(answer.status == 405)
                #expect(answer.headers.first("Allow") == "POST, OPTIONS")
            }
            #expect(try client.get("/api/threats/_\(name)").status == 404)
            _ = try post(client, name)
            #expect(try client.get("/api/threats/\(name)").json?["id"]?.stringValue == name)
            #expect(try client.request(.delete, "/api/threats/\(name)").status == 405)
        }
        for path in ["/api/threats/_", "/api/threats/__a", "/api/threats/_a/b"] {
            #expect(try client.get(path).status == 404, "\(path)")
        }
    }
}
