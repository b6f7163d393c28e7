/// One request to a replica, and what its answer must say.
public struct HTTPServiceCase: Sendable, CustomStringConvertible {
    public struct Field: Sendable {
        public let name: String
        public let value: String
    }

    public let name: String
    public let method: String
    public let input: [UInt8]
    public let status: Int
    /// Fields that the answer must have; an empty value stands for one that it must not have.
    public let fields: [Field]

    public var description: String { name }

    init(
        _ request: String, with headers: [String] = [], body: String? = nil, is status: Int, fields: [Field] = [],
        name: String? = nil
    ) {
        var lines = ["\(request) HTTP/1.1", "Host: h"] + headers
        if let body { lines.append("Content-Length: \(body.utf8.count)") }
        method = String(request.prefix { $0 != " " })
        input = octets(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
        self.status = status
        self.fields = fields
        self.name = name ?? ([request] + headers).joined(separator: ", ")
    }
}

/// What a replica makes of requests that are sound (RFC 9110 §8.3, §8.4, §9.3, §10.1, §15.5).
public enum HTTPServiceCorpus {
    private typealias Case = HTTPServiceCase
    private typealias Field = HTTPServiceCase.Field

    public static let all: [HTTPServiceCase] = [
        wrongMethods, methodsWithContent, unknownPaths, options, heads, contentTypes, contentCodings, contents,
        upgrades,
    ].flatMap { $0 }

    private static let readable = [
        "/", "/health", "/ready", "/metrics", "/dashboard/app.js", "/api/threats", "/api/threats/an-id",
        "/api/analytics",
        "/api/threats/stream",
    ]
    private static let published = ["/api/threats/trigger", "/api/threats/batch"]
    private static let readAllow = Field(name: "Allow", value: "GET, HEAD, OPTIONS")
    private static let publishAllow = Field(name: "Allow", value: "POST, OPTIONS")
    private static let streamAllow = Field(name: "Allow", value: "GET, OPTIONS")

    public static let wrongMethods: [HTTPServiceCase] = {
        var cases: [Case] = []
        for path in readable {
            for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE"] {
                cases.append(Case("\(method) \(path)", is: 405, fields: [readAllow]))
            }
        }
        for path in published {
            for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"] {
                cases.append(Case("\(method) \(path)", is: 405, fields: [publishAllow]))
            }
        }
        for method in ["POST", "HEAD", "DELETE"] {
            cases.append(Case("\(method) /ws", is: 405, fields: [streamAllow]))
        }
        return cases
    }()

    /// Content does not change what the method and the path say.
    public static let methodsWithContent: [HTTPServiceCase] = [
        Case("POST /health", body: "{}", is: 405, fields: [readAllow]),
        Case("DELETE /api/threats/an-id", body: "{}", is: 405, fields: [readAllow]),
        Case("PUT /api/threats/trigger", with: [json], body: "{}", is: 405, fields: [publishAllow]),
        Case("POST /nothing", body: "{}", is: 404),
        Case("GET /health", body: "hello", is: 200),
        Case("HEAD /health", body: "hello", is: 200),
        Case("OPTIONS /health", body: "hello", is: 204, fields: [readAllow]),
    ]

    public static let unknownPaths: [HTTPServiceCase] = [
        "GET /api", "GET /api/", "GET /api/threats/", "GET /api/threats/a/b", "GET /api/threats/none",
        "GET /index.html/", "POST /nothing", "DELETE /nothing", "OPTIONS /nothing", "HEAD /nothing",
        "HEAD /api/threats/none",
    ].map { Case($0, is: 404) }

    private static let noLength = [
        Field(name: "Content-Length", value: ""), Field(name: "Transfer-Encoding", value: ""),
    ]

    public static let options: [HTTPServiceCase] = {
        var cases = readable.map { Case("OPTIONS \($0)", is: 204, fields: [readAllow] + noLength) }
        cases += published.map { Case("OPTIONS \($0)", is: 204, fields: [publishAllow] + noLength) }
        let everything = Field(name: "Allow", value: "GET, HEAD, POST, OPTIONS")
        cases.append(Case("OPTIONS *", is: 204, fields: [everything] + noLength))
        cases.append(Case("OPTIONS /ws", is: 204, fields: [streamAllow]))
        cases.append(Case("OPTIONS /health", with: ["Max-Forwards: 0"], is: 204, fields: [readAllow]))
        return cases
    }()

    public static let heads: [HTTPServiceCase] = {
        let paths = ["/", "/health", "/ready", "/metrics", "/dashboard/app.js", "/api/threats", "/api/analytics"]
        let stream = Field(name: "Content-Type", value: "text/event-stream")
        return paths.map { Case("HEAD \($0)", is: 200) }
            + [Case("HEAD /api/threats/stream", is: 200, fields: noLength + [stream])]
    }()

    private static let threat = "{\"threat_type\":\"malware\"}"
    private static let json = "Content-Type: application/json"

    private static func trigger(_ headers: [String], is status: Int, field: Field? = nil) -> HTTPServiceCase {
        Case("POST /api/threats/trigger", with: headers, body: threat, is: status, fields: field.map { [$0] } ?? [])
    }

    public static let contentTypes: [HTTPServiceCase] = {
        let good = [
            "application/json", "APPLICATION/JSON", "Application/Json", "application/json; charset=utf-8",
            "application/json;charset=\"utf-8\"", "application/json ; a=b", "application/json;",
        ]
        let bad = [
            "", "text/plain", "application/jsonx", "application/xjson", "application", "json", "/json", "*/*",
            "application/*", "application/x-ndjson", "application/xml", "application/x-www-form-urlencoded",
            "application/problem+json", "multipart/form-data; boundary=a", "\"application/json\"",
            "application/json,application/json", "application / json",
        ]
        let accept = Field(name: "Accept", value: "application/json")
        return good.map { trigger(["Content-Type: \($0)"], is: 201) }
            + bad.map { trigger(["Content-Type: \($0)"], is: 415, field: accept) }
            + [
                trigger([], is: 415, field: accept),
                trigger(["Content_Type: application/json"], is: 415, field: accept),
            ]
    }()

    public static let contentCodings: [HTTPServiceCase] = {
        let bad = [
            "gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "compress", "unknown", "gzip, gzip", "identity, gzip",
            "gzip;q=1", "\"identity\"",
        ]
        let identity = Field(name: "Accept-Encoding", value: "identity")
        return bad.map { trigger([json, "Content-Encoding: \($0)"], is: 415, field: identity) }
            + ["identity", "Identity", "identity, identity", ""].map {
                trigger([json, "Content-Encoding: \($0)"], is: 201)
            }
            + [
                trigger(
                    [json, "Content-Encoding: identity", "Content-Encoding: gzip"], is: 415, field: identity),
                Case("GET /health", with: ["Content-Encoding: gzip"], is: 200),
            ]
    }()

    private static let closes = Field(name: "Connection", value: "close")

    public static let contents: [HTTPServiceCase] = [
        Case("POST /api/threats/trigger", with: [json], is: 400, name: "a threat without length"),
        Case("POST /api/threats/trigger", with: [json], body: "", is: 400, name: "a threat of length 0"),
        Case("POST /api/threats/trigger", with: [json], body: " \r\n", is: 400, name: "a threat of blanks"),
        Case(
            "POST /api/threats/trigger", with: [json, "Content-Length: 65537"], is: 413, fields: [closes],
            name: "a threat of 64 KiB and 1, none of it sent"),
        Case(
            "POST /api/threats/batch", with: [json, "Content-Length: 1048577"], is: 413, fields: [closes],
            name: "a batch of 1 MiB and 1, none of it sent"),
        Case(
            "POST /api/threats/trigger", with: [json, "Expect: 100-continue", "Content-Length: 65537"], is: 413,
            fields: [closes], name: "a threat of 64 KiB and 1 that awaits 100"),
        Case("POST /api/threats/trigger", with: [json, "Expect: 100-continue"], body: threat, is: 201),
        Case(
            "POST /api/threats/trigger",
            with: [json, "Transfer-Encoding: chunked\r\n\r\n\(String(threat.utf8.count, radix: 16))", threat, "0"],
            is: 201, name: "a threat in a chunk"),
    ]

    public static let upgrades: [HTTPServiceCase] = {
        let upgrade = Field(name: "Upgrade", value: "websocket")
        let option = Field(name: "Connection", value: "Upgrade")
        let both = Field(name: "Connection", value: "Upgrade, close")
        return [
            Case("GET /ws", is: 426, fields: [upgrade, option]),
            Case("GET /ws", with: ["Connection: close"], is: 426, fields: [upgrade, both]),
            Case("GET /ws", with: ["Connection: Upgrade", "Upgrade: h2c"], is: 426, fields: [upgrade, option]),
        ]
    }()
}
