/// Everything one replica can be told. Each member has a flag, an environment variable and a configuration key.
public struct ReplicaConfiguration: Sendable {
    /// Listen address: a literal address or a name that resolves to one.
    public var host = "127.0.0.1"
    /// Listen port; 0 takes a free one, which the log names.
    public var port: UInt16 = 8000
    /// Whether a non-loopback address may be served although no authentication is configured.
    public var insecure = false
    /// The certificate chain, leaf first, and its private key, as paths of PEM files; with them the port speaks TLS
    /// only.
    public var tlsCertificate: String?
    public var tlsKey: String?
    /// Path of a PEM file of certificate authorities: only clients with a certificate from one of them may publish.
    public var tlsClientCA: String?
    /// `redis://`, `rediss://`, `redis-sentinel://`, `rediss-sentinel://` or `unix://`, with user, password and
    /// database; `nil` runs a private `redis-server` under `dataDirectory`.
    public var redisURL: String?
    /// How a `rediss://` server is trusted: paths of PEM files, and the name its certificate must be for.
    public var redisTLSAuthorities: String?
    public var redisTLSCertificate: String?
    public var redisTLSKey: String?
    public var redisTLSServerName: String?
    /// What is different for Sentinels: user and password, whether they speak TLS, and how they are trusted.
    public var sentinelUser: String?
    public var sentinelPassword: String?
    public var sentinelUsesTLS: Bool?
    public var sentinelTLSAuthorities: String?
    public var sentinelTLSCertificate: String?
    public var sentinelTLSKey: String?
    public var sentinelTLSServerName: String?
    public var redisPrefix = "tocsin"
    /// What the deployment is called: a log in Redis that bears another name is left alone. Empty for no name.
    public var deployment = ""
    /// How many replicas of Redis must have a threat before it is acknowledged.
    public var redisMinReplicas = 0
    /// Threads that serve connections; `nil` for one per core.
    public var eventLoops: Int?
    /// Where the private Redis keeps its files.
    public var dataDirectory = "tocsin-data"
    /// The name of this replica in logs, metrics and `received_by`.
    public var replicaName = "tocsin"

    public var logLevel = "info"
    public var logFormat = LogFormat.text

    /// How many threats stay readable.
    public var retentionCount = 100_000
    /// How long a threat stays readable.
    public var retentionAge = Duration.seconds(7 * 86_400)
    /// How long a drain may take; streaming clients are closed at moments spread over most of it.
    public var drainPeriod = Duration.seconds(20)

    /// How long a streaming client may go without a frame before it gets a heartbeat.
    public var heartbeatInterval = Duration.seconds(15)
    /// How long a Redis that was given may take at the start until the log can be followed; then the start has failed.
    public var startPeriod = Duration.seconds(5)
    /// How long a client stays that was told that the log cannot be followed, before it is handed on to other replicas;
    /// zero keeps it.
    public var handOnAfter = Duration.seconds(10)
    /// How long the log may go unfollowed until posts are refused, which the replica's own dashboards would miss; zero
    /// for ever.
    public var subscriptionGrace = Duration.seconds(3)
    /// Origins of browser pages that may open `/ws`, beside the replica's own.
    public var allowedOrigins = AllowedOrigins.ownOnly
    /// Which proxies are believed when they say under which path they serve the replica (`X-Forwarded-Prefix`).
    public var trustedProxies = TrustedProxies.loopback

    public var limits = Limits()

    public init() {}
}

public enum LogFormat: String, Sendable, CaseIterable {
    case text
    case json
}
