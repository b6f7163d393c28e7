import Codecs
import RedisLog

/// Where Redis and its Sentinels are and how they are trusted, from the settings of a replica.
struct RedisSettings {
    private let configuration: ReplicaConfiguration

    init(_ configuration: ReplicaConfiguration) {
        self.configuration = configuration
    }

    /// - Returns: `nil` where no URL is set.
    /// - Throws: `StartFailure.setting`, whose text names what is wrong.
    func endpoint() throws(StartFailure) -> RedisEndpoint? {
        let tls = try tls()
        let sentinels = SentinelSettings(
            user: configuration.sentinelUser, password: configuration.sentinelPassword,
            usesTLS: configuration.sentinelUsesTLS, tls: try sentinelTLS())
        guard let url = configuration.redisURL else {
            guard tls == nil else {
                throw .setting("--redis-url (TOCSIN_REDIS_URL) is missing: --redis-tls-… are for a rediss:// server")
            }
            guard sentinels == SentinelSettings() else {
                throw .setting("--redis-url (TOCSIN_REDIS_URL) is missing: --redis-sentinel-… are for Sentinels")
            }
            return nil
        }
        let endpoint: RedisEndpoint
        do throws(RedisEndpointError) {
            endpoint = try RedisEndpoint(url: url, tls: tls, sentinels: sentinels)
        } catch {
            throw .setting("\(Self.names(error)): \(error)")
        }
        try Self.check(
            endpoint.tls, "--redis-tls-ca, --redis-tls-certificate, --redis-tls-key (TOCSIN_REDIS_TLS_…)")
        try Self.check(endpoint.sentinelAccess.tls, "--redis-sentinel-tls-… (TOCSIN_REDIS_SENTINEL_TLS_…)")
        return endpoint
    }

    /// - Returns: `nil` when none of these settings is given.
    private func tls() throws(StartFailure) -> RedisTLS? {
        try Self.tls(
            "redis-tls", "REDIS_TLS", authorities: configuration.redisTLSAuthorities,
            certificate: configuration.redisTLSCertificate, key: configuration.redisTLSKey,
            serverName: configuration.redisTLSServerName)
    }

    private func sentinelTLS() throws(StartFailure) -> RedisTLS? {
        try Self.tls(
            "redis-sentinel-tls", "REDIS_SENTINEL_TLS", authorities: configuration.sentinelTLSAuthorities,
            certificate: configuration.sentinelTLSCertificate, key: configuration.sentinelTLSKey,
            serverName: configuration.sentinelTLSServerName)
    }

    private static func tls(
        _ flag: String, _ environment: String, authorities: String?, certificate chain: String?, key: String?,
        serverName: String?
    ) throws(StartFailure) -> RedisTLS? {
        let certificate: TLSCertificate?
        switch (chain, key) {
        case (nil, nil): certificate = nil
        case (let chain?, let key?): certificate = TLSCertificate(chainPath: chain, keyPath: key)
        case (.some, nil):
            throw .setting("--\(flag)-key (TOCSIN_\(environment)_KEY) is missing: --\(flag)-certificate needs its key")
        case (nil, .some):
            throw .setting(
                "--\(flag)-certificate (TOCSIN_\(environment)_CERTIFICATE) is missing: --\(flag)-key needs its certificate"
            )
        }
        let tls = RedisTLS(authorities: authorities, certificate: certificate, serverName: serverName)
        return tls == RedisTLS() ? nil : tls
    }

    private static func check(_ tls: RedisTLS?, _ settings: String) throws(StartFailure) {
        do throws(TLSError) {
            try tls?.check()
        } catch {
            throw .setting("\(settings): \(error)")
        }
    }

    /// The setting that an error is about.
    private static func names(_ error: RedisEndpointError) -> String {
        switch error {
        case .scheme, .tlsNotWanted, .credentials, .host, .master, .port, .database, .path, .unexpected:
            "--redis-url (TOCSIN_REDIS_URL)"
        case .noSentinels: "--redis-url (TOCSIN_REDIS_URL), --redis-sentinel-… (TOCSIN_REDIS_SENTINEL_…)"
        case .sentinelTLSNotWanted: "--redis-sentinel-tls (TOCSIN_REDIS_SENTINEL_TLS)"
        case .sentinelPassword: "--redis-sentinel-password (TOCSIN_REDIS_SENTINEL_PASSWORD) is missing"
        }
    }
}
