import Codecs
import PosixIO
import TestSupport
import Testing

@testable import RedisLog

@Suite("Sentinels over TLS")
struct SentinelTLSTests {
    /// A Sentinel that speaks TLS with a certificate of its own authority.
    private static func secured(
        _ authority: TestAuthority, master: UInt16, names: String = TestAuthority.localNames, asksClients: Bool = false
    ) throws -> TestSentinel {
        let certificate = try authority.issue(names: names)
        return try TestSentinel(
            master: master,
            settings: [
                "tls-cert-file \(certificate.chainPath)", "tls-key-file \(certificate.keyPath)",
                "tls-ca-cert-file \(authority.certificatePath)", "tls-auth-clients \(asksClients ? "yes" : "no")",
            ], isPlain: false)
    }

    private static func plainRedis() throws -> (server: RedisServer, port: UInt16) {
        let port = try ReservedPort.take()
        return (try RedisServer(["--port", String(port), "--bind", "127.0.0.1"]), port)
    }

    private func reason(_ endpoint: RedisEndpoint, containing text: String) throws -> String {
        let loop = try TestLoop()
        let link = loop.link(endpoint, limits: RedisTLSTests.quick)
        try loop.run("\(text); \(link.downReason)") { link.downReason.contains(text) }
        return link.downReason
    }

    private func expectUp(_ endpoint: RedisEndpoint) throws {
        let loop = try TestLoop()
        let link = loop.link(endpoint, limits: RedisTLSTests.quick)
        try loop.run("up") { link.isUp }
        let probe = loop.follower(endpoint, limits: RedisTLSTests.quick)
        try loop.run("followed") { probe.isReady }
    }

    @Test("the Sentinels alone have TLS, with a client certificate and a name of their own")
    func sentinelsAlone() throws {
        let authority = try TestAuthority("Sentinels")
        let redis = try Self.plainRedis()
        let sentinel = try Self.secured(authority, master: redis.port, names: "DNS:sentinel.test", asksClients: true)
        let own = try authority.issue("replica", names: "")
        let tls = RedisTLS(
            authorities: authority.certificatePath,
            certificate: TLSCertificate(chainPath: own.chainPath, keyPath: own.keyPath), serverName: "sentinel.test")
        try expectUp(
            try RedisEndpoint(
                url: "redis-sentinel://localhost:\(sentinel.port)/threats",
                sentinels: SentinelSettings(usesTLS: true, tls: tls)))
        withExtendedLifetime((redis, sentinel)) {}
    }

    @Test("Redis alone has TLS")
    func redisAlone() throws {
        let redis = try RedisTLSServer()
        let sentinel = try TestSentinel(master: redis.port)
        try expectUp(
            try RedisEndpoint(
                url: "rediss-sentinel://localhost:\(sentinel.port)/threats", tls: redis.tls(),
                sentinels: SentinelSettings(usesTLS: false)))
        withExtendedLifetime(sentinel) {}
    }

    @Test("both have TLS, with authorities of their own; the reason tells whose certificate is not trusted")
    func both() throws {
        let authority = try TestAuthority("Sentinels")
        let redis = try RedisTLSServer()
        let sentinel = try Self.secured(authority, master: redis.port)
        let url = "rediss-sentinel://localhost:\(sentinel.port)/threats"
        let own = RedisTLS(authorities: authority.certificatePath)
        try expectUp(try RedisEndpoint(url: url, tls: redis.tls(), sentinels: SentinelSettings(tls: own)))
        let sentinels = try reason(try RedisEndpoint(url: url, tls: redis.tls()), containing: "not trusted")
        #expect(
            sentinels.hasPrefix("the certificate of Sentinel localhost:\(sentinel.port) is not trusted"), "\(sentinels)"
        )
        let servers = try reason(
            try RedisEndpoint(url: url, tls: own, sentinels: SentinelSettings(tls: own)), containing: "not trusted")
        #expect(servers.hasPrefix("the certificate of Redis 127.0.0.1:\(redis.port) is not trusted"), "\(servers)")
    }

    @Test("plain text to a Sentinel with TLS, and TLS to one without, hint at the other scheme")
    func mismatches() throws {
        let authority = try TestAuthority("Sentinels")
        let redis = try Self.plainRedis()
        let secured = try Self.secured(authority, master: redis.port)
        let plain = try TestSentinel(master: redis.port)
        let missing = try reason(
            try RedisEndpoint(url: "redis-sentinel://localhost:\(secured.port)/threats"), containing: "TLS")
        #expect(missing.contains("Sentinel localhost:\(secured.port)"), "\(missing)")
        #expect(missing.contains("use rediss-sentinel://, or --redis-sentinel-tls on"), "\(missing)")
        let tls = RedisTLS(authorities: authority.certificatePath)
        let needless = try reason(
            try RedisEndpoint(url: "rediss-sentinel://localhost:\(plain.port)/threats", tls: tls), containing: "TLS")
        #expect(needless.contains("Sentinel localhost:\(plain.port)"), "\(needless)")
        #expect(needless.contains("redis-sentinel://, or --redis-sentinel-tls off"), "\(needless)")
        // The Sentinels are as they should be, but not the Redis behind them.
        let behind = try reason(
            try RedisEndpoint(url: "rediss-sentinel://localhost:\(secured.port)/threats", tls: tls), containing: "TLS")
        #expect(behind.contains("Redis 127.0.0.1:\(redis.port)"), "\(behind)")
        #expect(behind.contains("redis-sentinel://, with --redis-sentinel-tls on"), "\(behind)")
        withExtendedLifetime((redis, secured, plain)) {}
    }
}
