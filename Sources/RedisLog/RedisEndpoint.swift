/// Where a Redis server is and how to log in, as a URL says it.
public struct RedisEndpoint: Hashable, Sendable, CustomStringConvertible {
    public enum Location: Hashable, Sendable {
        /// A name or a literal address, IPv6 without brackets.
        case tcp(host: String, port: UInt16)
        case unix(path: String)
        /// Sentinels that know where the master of this name is; at least one.
        case sentinel([Sentinel], master: String)
    }

    /// The host of one Sentinel, or of several.
    public struct Sentinel: Hashable, Sendable {
        public let host: String
        public let port: UInt16

        public init(host: String, port: UInt16) {
            self.host = host
            self.port = port
        }
    }

    public let location: Location
    public let user: String?
    public let password: String?
    public let database: Int
    /// `nil` for a connection without TLS.
    public let tls: RedisTLS?
    /// How the Sentinels are reached, where the location has some.
    public let sentinelAccess: SentinelAccess
    /// Whether nobody but this process uses the server, so that nobody else has seen more of its log.
    public let isPrivate: Bool

    /// - Parameter sentinelAccess: `nil` for that of Redis.
    /// - Precondition: TLS is for a TCP location.
    public init(
        location: Location, user: String? = nil, password: String? = nil, database: Int = 0, tls: RedisTLS? = nil,
        sentinelAccess: SentinelAccess? = nil, isPrivate: Bool = false
    ) {
        if tls != nil, case .unix = location { preconditionFailure("a Unix socket has no TLS") }
        self.location = location
        self.user = user
        self.password = password
        self.database = database
        self.tls = tls
        self.sentinelAccess =
            sentinelAccess ?? SentinelAccess(user: user, password: password, isOwnLogin: false, tls: tls)
        self.isPrivate = isPrivate
    }

    /// Parses `redis://[[user]:password@]host[:port][/db]`, `rediss://…` for TLS, `unix:///path[?db=N]`, or
    /// `redis-sentinel://[[user]:password@]host[:port],…/master[?db=N]` and `rediss-sentinel://…`, percent-decoded
    /// (RFC 3986 §2.1).
    /// - Parameters:
    ///   - tls: For `rediss://`; `nil` for the system's authorities and no client certificate.
    ///   - sentinels: What is different for Sentinels.
    /// - Throws: `RedisEndpointError` naming the part that is wrong.
    public init(
        url: String, tls: RedisTLS? = nil, sentinels: SentinelSettings = SentinelSettings()
    ) throws(RedisEndpointError) {
        guard let colon = url.firstRange(of: "://") else { throw .scheme("") }
        let rest = url[colon.upperBound...]
        let scheme = url[..<colon.lowerBound].lowercased()
        // Whoever names an authority expects TLS.
        if tls != nil, ["redis", "unix", "redis-sentinel"].contains(scheme) { throw .tlsNotWanted(scheme) }
        if ["redis", "rediss", "unix"].contains(scheme), !sentinels.isEmpty { throw .noSentinels(scheme) }
        switch scheme {
        case "redis": try self.init(tcp: rest, tls: nil)
        case "rediss": try self.init(tcp: rest, tls: tls ?? RedisTLS())
        case "unix": try self.init(unix: rest)
        case "redis-sentinel": try self.init(sentinels: rest, tls: nil, sentinels)
        case "rediss-sentinel": try self.init(sentinels: rest, tls: tls ?? RedisTLS(), sentinels)
        default: throw .scheme(scheme)
        }
    }

    public var hasSentinels: Bool { !sentinelHosts.isEmpty }

    var sentinelHosts: [Sentinel] {
        if case .sentinel(let sentinels, _) = location { sentinels } else { [] }
    }

    /// Whether it is reached over a network.
    var isRemote: Bool {
        if case .unix = location { false } else { true }
    }

    /// For logs: everything but the password.
    public var description: String {
        let suffix: String
        switch location {
        case .tcp(let host, let port):
            suffix = database == 0 ? "" : "/\(database)"
            return "\(tls == nil ? "redis" : "rediss")://\(login)\(Self.authority(host, port))\(suffix)"
        case .unix(let path):
            suffix = database == 0 ? "" : "?db=\(database)"
            return "unix://\(path)\(suffix)"
        case .sentinel(let sentinels, let master):
            suffix = database == 0 ? "" : "?db=\(database)"
            let hosts = sentinels.map { Self.authority($0.host, $0.port) }.joined(separator: ",")
            return "\(tls == nil ? "redis" : "rediss")-sentinel://\(login)\(hosts)/\(master)\(suffix)"
        }
    }

    private var login: String { password == nil ? "" : "\(user ?? ""):***@" }

    static func authority(_ host: String, _ port: UInt16) -> String {
        "\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
}
