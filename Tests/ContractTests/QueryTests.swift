import ClusterSupport
import HTTPProtocol
import Testing
import ThreatFeed
import TocsinClient

/// A query that is not understood is refused: what it was to restrict would else come unrestricted.
@Suite(.processes) struct Queries {
    private static let filters = "min_severity, threat_type, customer_name"

    /// Method, path, and what the refusal says is accepted.
    private static let endpoints: [(method: HTTPMethod, path: String, accepted: String)] = [
        (.get, "/metrics", "none"), (.head, "/metrics", "none"),
        (.post, "/api/threats/trigger", "log"), (.post, "/api/threats/batch", "log"),
        (.get, "/api/threats/an-id", "log"), (.get, "/api/threats/_an-id", "log"),
        (.get, "/api/threats/trigger", "log"),
        (.get, "/api/analytics", "log"), (.get, "/api/threats", "limit, offset, before, after, \(filters), log"),
        (.get, "/ws", "after, history, \(filters), log"),
        (.get, "/api/threats/stream", "after, history, \(filters), log, lastEventId"),
    ]

    @Test("an unknown parameter is 400 at every endpoint, and the answer names it and what is accepted")
    func unknownParameters() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        for (method, path, accepted) in Self.endpoints {
            for query in ["min_severty=HIGH", "status=new", "log=proof&x", "%C3%BC=1"] {
                let headers = method == .post ? [("Content-Type", "application/json")] : []
                let body = method == .post ? Array(#"{"threat_type":"a"}"#.utf8) : []
                let answer = try client.request(method, "\(path)?\(query)", headers: headers, body: body)
                #expect(answer.status == 400, "\(method) \(path)?\(query): \(answer.text)")
                guard method != .head else { continue }
                let name = ["min_severty=HIGH": "min_severty", "status=new": "status", "%C3%BC=1": "\u{FC}"][query]
                let detail = answer.json?["detail"]?.stringValue ?? ""
                #expect(detail.hasSuffix("accepted: \(accepted)."), "\(path): \(detail)")
                if let name { #expect(detail.contains("\"\(name)\""), "\(path): \(detail)") }
            }
        }
        #expect(try client.get("/api/analytics").json?["total_threats"]?.integerValue == 0, "nothing was kept")
    }

    @Test("what is accepted somewhere is refused where it would do nothing")
    func misplacedParameters() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        for target in [
            "/api/analytics?min_severity=HIGH", "/api/analytics?customer_name=a", "/api/threats/a?threat_type=a",
            "/api/threats?history=5", "/ws?limit=5", "/ws?lastEventId=1-1", "/api/threats/stream?before=0-0",
            "/metrics?name%5B%5D=up", "/api/threats/trigger?id=a",
        ] {
            #expect(try client.get(target).status == 400, "\(target)")
        }
    }

    @Test(
        "the dashboard's own query is the page's, which reads it in the browser; probes are answered whatever they carry"
    )
    func pages() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        for target in [
            "/?severity=CRITICAL&utm_source=mail", "/dashboard/style.css?v=1", "/favicon.ico?x", "/health?nonce=1",
            "/ready?x",
        ] {
            #expect(try client.get(target, headers: [("Accept", "text/html")]).status == 200, "\(target)")
        }
    }

    @Test("a value that cannot be used is refused in words that name the parameter")
    func badValues() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        for (query, status, name) in [
            ("limit=abc", 400, "limit"), ("limit=", 400, "limit"), ("limit=5&limit=5", 400, "limit"),
            ("offset=-1", 400, "offset"), ("before=", 400, "before"), ("after=x", 400, "after"),
            ("after=0-0&after=0-0", 400, "after"), ("log=", 400, "log"), ("min_severity=", 422, "min_severity"),
            ("min_severity=LOW&min_severity=LOW", 422, "min_severity"), ("threat_type=", 422, "threat_type"),
            ("customer_name=", 422, "customer_name"),
        ] {
            let answer = try client.get("/api/threats?\(query)")
            #expect(answer.status == status, "\(query): \(answer.text)")
            #expect(answer.json?["detail"]?.stringValue?.contains(name) == true, "\(query): \(answer.text)")
            let fields = answer.json?["errors"]?.elements?.map { $0["field"]?.stringValue }
            #expect(fields == (status == 422 ? [name] : nil), "\(query): \(answer.text)")
        }
    }

    @Test("a stream resumes after lastEventId, as libraries say it that cannot set Last-Event-ID")
    func lastEventID() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let first = try cursor(of: try Harness.trigger(url, #"{"id":"q1","threat_type":"a"}"#))
        let second = try cursor(of: try Harness.trigger(url, #"{"id":"q2","threat_type":"a"}"#))
        // Such a library writes it behind the address it was given.
        for (query, headers, expected) in [
            ("after=0-0&lastEventId=\(first)", [], first), ("after=\(first)&lastEventId=", [], first),
            ("lastEventId=\(first)", [("Last-Event-ID", "\(second)")], second),
        ] as [(String, [(String, String)], Cursor)] {
            let events = try EventStream(
                url, path: "/api/threats/stream?\(query)", headers: headers, deadline: Harness.connectionLife)
            let frame = try #require(try events.next())
            #expect(frame.type == "resumed", "\(query)")
            #expect(frame.data.contains("\"\(expected)\""), "\(query): \(frame.data)")
        }
    }
}
