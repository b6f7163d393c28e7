/// How Sentinels are reached.
public struct SentinelAccess: Hashable, Sendable {
    public let user: String?
    public let password: String?
    /// Whether user and password were meant for Sentinels. Those of Redis are shown only to a Sentinel that asks: most
    /// often they have none.
    let isOwnLogin: Bool
    /// `nil` for connections without TLS.
    public let tls: RedisTLS?
}

/// What is different for Sentinels than for the Redis that they watch, as the settings say it.
public struct SentinelSettings: Hashable, Sendable {
    public var user: String?
    public var password: String?
    /// Whether the Sentinels speak TLS; `nil` when Redis and they do the same.
    public var usesTLS: Bool?
    /// `nil` for the same as for Redis.
    public var tls: RedisTLS?

    public init(user: String? = nil, password: String? = nil, usesTLS: Bool? = nil, tls: RedisTLS? = nil) {
        self.user = user
        self.password = password
        self.usesTLS = usesTLS
        self.tls = tls
    }

    var isEmpty: Bool { self == SentinelSettings() }

    /// - Parameters:
    ///   - user: What is meant for Redis, as the other two.
    /// - Throws: `RedisEndpointError.sentinelPassword`, `.sentinelTLSNotWanted`.
    func access(user: String?, password: String?, tls: RedisTLS?) throws(RedisEndpointError) -> SentinelAccess {
        if self.user != nil, self.password == nil { throw .sentinelPassword }
        let usesTLS = usesTLS ?? (tls != nil)
        if !usesTLS, self.tls != nil { throw .sentinelTLSNotWanted }
        return SentinelAccess(
            user: self.password == nil ? user : self.user, password: self.password ?? password,
            isOwnLogin: self.password != nil, tls: usesTLS ? self.tls ?? tls ?? RedisTLS() : nil)
    }
}
