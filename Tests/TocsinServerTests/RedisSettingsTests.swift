import Codecs
import RedisLog
import TestSupport
import Testing

@testable import TocsinServer

@Suite("Settings of Redis and its Sentinels")
struct RedisSettingsTests {
    private func refusal(_ set: (inout ReplicaConfiguration) -> Void) -> String {
        var configuration = ReplicaConfiguration()
        set(&configuration)
        do throws(StartFailure) {
            _ = try RedisSettings(configuration).endpoint()
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test("without a URL there is no endpoint, and nothing else of Redis to be set")
    func withoutURL() throws {
        #expect(try RedisSettings(ReplicaConfiguration()).endpoint() == nil)
        #expect(refusal { $0.redisTLSServerName = "redis" }.hasPrefix("--redis-url (TOCSIN_REDIS_URL) is missing"))
        #expect(refusal { $0.sentinelPassword = "secret" }.hasPrefix("--redis-url (TOCSIN_REDIS_URL) is missing"))
    }

    @Test("Sentinels are reached as the settings say, and as Redis where they say nothing")
    func access() throws {
        let authority = try TestAuthority()
        var configuration = ReplicaConfiguration()
        configuration.redisURL = "rediss-sentinel://u:pw@one,two/threats"
        configuration.redisTLSAuthorities = authority.certificatePath
        let same = try #require(try RedisSettings(configuration).endpoint()).sentinelAccess
        #expect(same.user == "u" && same.password == "pw" && same.tls?.authorities == authority.certificatePath)
        configuration.sentinelUser = "s"
        configuration.sentinelPassword = "secret"
        configuration.sentinelTLSServerName = "sentinel.test"
        let endpoint = try #require(try RedisSettings(configuration).endpoint())
        #expect(endpoint.sentinelAccess.user == "s" && endpoint.sentinelAccess.password == "secret")
        #expect(endpoint.sentinelAccess.tls == RedisTLS(serverName: "sentinel.test"))
        #expect(endpoint.tls?.authorities == authority.certificatePath)
        #expect(!"\(endpoint)".contains("secret") && !"\(endpoint)".contains("pw"))
    }

    @Test("what does not fit together names the setting")
    func refusals() {
        let url = "redis-sentinel://one/threats"
        #expect(refusal { ($0.redisURL, $0.sentinelUser) = (url, "s") }.hasPrefix("--redis-sentinel-password"))
        #expect(
            refusal { ($0.redisURL, $0.sentinelTLSAuthorities) = (url, "/ca.pem") }.hasPrefix("--redis-sentinel-tls "))
        #expect(
            refusal { ($0.redisURL, $0.sentinelTLSKey) = (url, "/key.pem") }
                .hasPrefix("--redis-sentinel-tls-certificate (TOCSIN_REDIS_SENTINEL_TLS_CERTIFICATE) is missing"))
        #expect(
            refusal { ($0.redisURL, $0.sentinelPassword) = ("redis://one", "secret") }
                .contains("--redis-sentinel-…"))
        let missing = refusal {
            ($0.redisURL, $0.sentinelTLSAuthorities) = ("rediss-sentinel://one/threats", "/missing.pem")
        }
        #expect(missing.hasPrefix("--redis-sentinel-tls-…") && missing.contains("/missing.pem"), "\(missing)")
    }
}
