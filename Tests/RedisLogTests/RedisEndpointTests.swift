import RedisLog
import Testing

@Suite("Redis URLs")
struct RedisEndpointTests {
    static let good: [(String, RedisEndpoint)] = [
        ("redis://localhost", RedisEndpoint(location: .tcp(host: "localhost", port: 6379))),
        ("REDIS://10.0.0.1:7000/3", RedisEndpoint(location: .tcp(host: "10.0.0.1", port: 7000), database: 3)),
        ("redis://h:1/", RedisEndpoint(location: .tcp(host: "h", port: 1))),
        ("redis://:s3cret@h", RedisEndpoint(location: .tcp(host: "h", port: 6379), password: "s3cret")),
        ("redis://u:p@h", RedisEndpoint(location: .tcp(host: "h", port: 6379), user: "u", password: "p")),
        (
            "redis://u%40x:p%3A%2F%C3%A9@h:6380/1",
            RedisEndpoint(location: .tcp(host: "h", port: 6380), user: "u@x", password: "p:/é", database: 1)
        ),
        (
            "redis://u:p@ss:word@h",
            RedisEndpoint(location: .tcp(host: "h", port: 6379), user: "u", password: "p@ss:word")
        ),
        ("redis://[::1]", RedisEndpoint(location: .tcp(host: "::1", port: 6379))),
        ("redis://[fe80::1%eth0]:6380", RedisEndpoint(location: .tcp(host: "fe80::1%eth0", port: 6380))),
        ("rediss://h", RedisEndpoint(location: .tcp(host: "h", port: 6379), tls: RedisTLS())),
        (
            "REDISS://u:p@[::1]:7000/2",
            RedisEndpoint(
                location: .tcp(host: "::1", port: 7000), user: "u", password: "p", database: 2, tls: RedisTLS())
        ),
        ("unix:///run/redis.sock", RedisEndpoint(location: .unix(path: "/run/redis.sock"))),
        ("unix:///a%20b/r%3F.sock?db=15", RedisEndpoint(location: .unix(path: "/a b/r?.sock"), database: 15)),
    ]

    @Test("a URL gives location, login and database, percent-decoded (RFC 3986 §2.1)", arguments: good)
    func parses(url: String, endpoint: RedisEndpoint) throws {
        #expect(try RedisEndpoint(url: url) == endpoint)
    }

    static let bad: [(String, RedisEndpointError)] = [
        ("", .scheme("")), ("localhost:6379", .scheme("")), ("http://h", .scheme("http")),
        ("rediss://", .host), ("rediss://h/x", .database("x")), ("redis://", .host), ("redis://:6379", .host),
        ("redis://[::1", .host),
        ("redis://[h]", .host), ("redis://[::1]x", .host), ("redis://a b", .host), ("redis://h:", .port("")),
        ("redis://h:0", .port("0")), ("redis://h:65536", .port("65536")), ("redis://h:+1", .port("+1")),
        ("redis://h:6379:1", .port("6379:1")), ("redis://h/x", .database("x")), ("redis://h/-1", .database("-1")),
        ("redis://u@h", .credentials), ("redis://u:@h", .credentials), ("redis://u:%zz@h", .credentials),
        ("redis://u:%ff@h", .credentials), ("redis://h?db=1", .unexpected("query or fragment")),
        ("unix://tmp/r", .path), ("unix:///", .path), ("unix:///a%00b", .path),
        ("unix:///" + String(repeating: "a", count: 107), .path), ("unix:///r?db=", .database("")),
        ("unix:///r?x=1", .unexpected("query other than db=N")),
    ]

    @Test("an error names the part that is wrong", arguments: bad)
    func refuses(url: String, error: RedisEndpointError) {
        #expect(throws: error) { try RedisEndpoint(url: url) }
    }

    @Test("the description for logs never has the password")
    func redacts() throws {
        #expect(try RedisEndpoint(url: "redis://u:pw@[::1]:7/2").description == "redis://u:***@[::1]:7/2")
        #expect(try RedisEndpoint(url: "unix:///r?db=2").description == "unix:///r?db=2")
        #expect(try RedisEndpoint(url: "rediss://:pw@h/2").description == "rediss://:***@h:6379/2")
    }

    @Test("settings of TLS are kept with rediss:// and refused with a scheme that would not use them")
    func tls() throws {
        let tls = RedisTLS(authorities: "/ca.pem", serverName: "redis.test")
        #expect(try RedisEndpoint(url: "rediss://h", tls: tls).tls == tls)
        for scheme in ["redis", "unix"] {
            #expect(throws: RedisEndpointError.tlsNotWanted(scheme)) {
                try RedisEndpoint(url: "\(scheme):///h", tls: tls)
            }
        }
        #expect(RedisEndpointError.tlsNotWanted("redis").description.contains("use rediss://"))
    }
}
