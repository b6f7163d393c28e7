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

    @Test("Sentinels have user, password and TLS of Redis unless they have their own")
    func sentinelAccess() throws {
        let url = "rediss-sentinel://u:pw@one,two/m"
        let tls = RedisTLS(authorities: "/ca.pem")
        let same = try RedisEndpoint(url: url, tls: tls).sentinelAccess
        #expect(same.user == "u" && same.password == "pw" && same.tls == tls)
        let login = try RedisEndpoint(url: url, tls: tls, sentinels: SentinelSettings(user: "s", password: "other"))
        #expect(login.sentinelAccess.user == "s" && login.sentinelAccess.password == "other")
        #expect(login.sentinelAccess.tls == tls && login.user == "u" && login.password == "pw")
        // A password without a user is the default user's, and not that of the user of Redis.
        let password = try RedisEndpoint(url: url, sentinels: SentinelSettings(password: "other")).sentinelAccess
        #expect(password.user == nil && password.password == "other")
        let own = RedisTLS(authorities: "/sentinels.pem")
        #expect(try RedisEndpoint(url: url, tls: tls, sentinels: SentinelSettings(tls: own)).sentinelAccess.tls == own)
    }

    @Test("either of Redis and its Sentinels may be the only one with TLS")
    func tlsOnEither() throws {
        let plain = SentinelSettings(usesTLS: false)
        let redisOnly = try RedisEndpoint(url: "rediss-sentinel://one/m", sentinels: plain)
        #expect(redisOnly.tls == RedisTLS() && redisOnly.sentinelAccess.tls == nil)
        let own = SentinelSettings(usesTLS: true, tls: RedisTLS(authorities: "/sentinels.pem"))
        let sentinelsOnly = try RedisEndpoint(url: "redis-sentinel://one/m", sentinels: own)
        #expect(sentinelsOnly.tls == nil && sentinelsOnly.sentinelAccess.tls == own.tls)
    }

    @Test(
        "settings of Sentinels that nothing would use are refused",
        arguments: [
            ("redis://one", SentinelSettings(password: "pw"), RedisEndpointError.noSentinels("redis")),
            ("unix:///r", SentinelSettings(usesTLS: true), .noSentinels("unix")),
            ("redis-sentinel://one/m", SentinelSettings(user: "s"), .sentinelPassword),
            ("redis-sentinel://one/m", SentinelSettings(tls: RedisTLS(serverName: "s")), .sentinelTLSNotWanted),
            (
                "rediss-sentinel://one/m", SentinelSettings(usesTLS: false, tls: RedisTLS(serverName: "s")),
                .sentinelTLSNotWanted
            ),
        ])
    func uselessSettings(url: String, settings: SentinelSettings, error: RedisEndpointError) {
        #expect(throws: error) { try RedisEndpoint(url: url, sentinels: settings) }
    }
}
