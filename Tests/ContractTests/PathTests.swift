import ClusterSupport
import HTTPProtocol
import PosixIO
import Testing
import TocsinClient

/// A replica that a proxy serves under a path.
@Suite(.processes) struct Paths {
    private static let threat = Array(#"{"threat_type":"a"}"#.utf8)

    private func post(
        _ client: HTTPClient, _ body: [UInt8] = threat, prefixes: [String] = []
    ) throws -> HTTPAnswer {
        let headers = [("Content-Type", "application/json")] + prefixes.map { ("X-Forwarded-Prefix", $0) }
        return try client.request(.post, "/api/threats/trigger", headers: headers, body: body)
    }

    @Test("a proxy on this machine says under which path it serves; what is wrong counts as nothing")
    func prefixes() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let client = Harness.client(cluster.urls[0])
        for (values, prefix) in [
            ([], ""), (["/soc"], "/soc"), (["/soc/"], "/soc"), (["/a/b"], "/a/b"), (["/"], ""), (["soc"], ""),
            (["//evil.example"], ""), (["https://evil.example"], ""), (["/\\evil.example"], ""), (["/a/../b"], ""),
            (["/a", "/b"], ""), (["/a, /b"], ""), (["/a\tb"], ""), (["/%0d%0aSet-Cookie:x"], ""), ([""], ""),
        ] as [([String], String)] {
            let answer = try post(client, prefixes: values)
            let id = try #require(answer.json?["id"]?.stringValue)
            #expect(answer.headers.first("Location") == "\(prefix)/api/threats/\(id)", "\(values)")
            let root = try client.get("/", headers: values.map { ("X-Forwarded-Prefix", $0) })
            let endpoints = try #require(root.json?["endpoints"])
            #expect(endpoints["health"]?.stringValue == "GET \(prefix)/health", "\(values)")
            #expect(endpoints["trigger"]?.stringValue == "POST \(prefix)/api/threats/trigger", "\(values)")
            #expect(root.headers.contains("Vary", member: "X-Forwarded-Prefix"))
        }
        let stored = try post(client, Array(#"{"id":"again","threat_type":"a"}"#.utf8), prefixes: ["/one"])
        let again = try post(client, Array(#"{"id":"again","threat_type":"a"}"#.utf8), prefixes: ["/two"])
        #expect(stored.headers.first("Location") == "/one/api/threats/again")
        #expect(again.status == 200 && again.headers.first("Location") == "/two/api/threats/again")
    }

    @Test("only proxies that are trusted are believed", arguments: ["none", "192.0.2.0/24,2001:db8::/32"])
    func untrusted(proxies: String) throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--trusted-proxies", proxies])
        let client = Harness.client(cluster.urls[0])
        #expect(try post(client, prefixes: ["/soc"]).headers.first("Location")?.hasPrefix("/api/threats/") == true)
        let root = try client.get("/", headers: [("X-Forwarded-Prefix", "/soc")])
        #expect(root.json?["endpoints"]?["health"]?.stringValue == "GET /health")
    }

    @Test("behind nginx under a path everything is found where it says")
    func nginx() throws {
        try check { try .nginx("/soc/feed", before: $0, in: $1) }
    }

    @Test("behind HAProxy under a path everything is found where it says")
    func haproxy() throws {
        try check { try .haproxy("/soc/feed", before: $0, in: $1) }
    }

    private func check(_ start: (UInt16, String) throws -> PathFront) throws {
        let cluster = try Harness.cluster(replicas: 1)
        let directory = try TemporaryDirectory()
        let front = try start(cluster.urls[0].port, directory.path)
        let prefix = front.url.basePath
        let host = ServerURL(host: front.url.host, port: front.url.port)
        // As a browser follows what it is given: from the host on.
        let outside = Harness.client(host)
        let client = Harness.client(front.url)
        for id in ["a", "a:b", "stream", "trigger", "batch"] {
            let body = Array(#"{"id":"\#(id)","threat_type":"a"}"#.utf8)
            // What a client says of itself is not what the proxy says.
            let answer = try post(client, body, prefixes: ["/evil"])
            let location = try #require(answer.headers.first("Location"), "\(answer.text)")
            #expect(location.hasPrefix("\(prefix)/api/threats/"))
            #expect(try outside.get(location).json?["id"]?.stringValue == id, "\(location)")
        }
        let endpoints = try #require(try client.get("/").json?["endpoints"])
        for name in ["health", "ready", "metrics", "threats", "analytics"] {
            let words = (endpoints[name]?.stringValue ?? "").split(separator: " ")
            #expect(try outside.get(String(words.last ?? "")).status == 200, "\(words)")
        }
        let page = try client.get("/", headers: [("Accept", "text/html")])
        #expect(page.status == 200 && page.headers.first("Content-Type")?.hasPrefix("text/html") == true)
        let files = Self.references(in: page.text)
        #expect(files.count >= 3, "\(files)")
        for file in files {
            // As a browser resolves what is relative to the page, whose address ends in a slash.
            let isRelative = !file.hasPrefix("/") && !file.contains(":")
            #expect(isRelative, "\(file)")
            #expect(try outside.get("\(prefix)/\(file)").status == 200, "\(file)")
        }
        let bare = try outside.get(prefix)
        #expect([301, 308].contains(bare.status))
        #expect(bare.headers.first("Location")?.hasSuffix("\(prefix)/") == true)

        let origin = [(name: "Origin", value: "http://\(host.authority)")]
        let socket = try WebSocketClient(front.url, headers: origin, deadline: Harness.connectionLife)
        #expect(try socket.nextJSON()?["type"]?.stringValue == "initial_batch")
        let events = try EventStream(front.url, deadline: Harness.connectionLife)
        #expect(try events.next()?.type == "initial_batch")
        #expect(try client.get("/api/threats?min_severty=HIGH").status == 400)
    }

    /// What the elements of a page refer to, but for places within it.
    private static func references(in page: String) -> [String] {
        ["href=\"", "src=\""].flatMap { name in
            page.split(separator: name).dropFirst().map { String($0.prefix { $0 != "\"" }) }
        }.filter { !$0.hasPrefix("#") }
    }
}
