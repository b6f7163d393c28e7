/// Where a Redis server is and how to log in, as a URL says it.
public struct RedisEndpoint: Hashable, Sendable, CustomStringConvertible {
    public enum Location: Hashable, Sendable {
        /// A name or a literal address, IPv6 without brackets.
        case tcp(host: String, port: UInt16)
        case unix(path: String)
    }

    public let location: Location
    public let user: String?
    public let password: String?
    public let database: Int
    /// `nil` for a connection without TLS.
    public let tls: RedisTLS?

    /// - Precondition: TLS is for a TCP location.
    public init(
        location: Location, user: String? = nil, password: String? = nil, database: Int = 0, tls: RedisTLS? = nil
    ) {
        if tls != nil, case .unix = location { preconditionFailure("a Unix socket has no TLS") }
        self.location = location
        self.user = user
        self.password = password
        self.database = database
        self.tls = tls
    }

    /// Parses `redis://[[user]:password@]host[:port][/db]`, `rediss://…` for TLS, or `unix:///path[?db=N]`,
    /// percent-decoded (RFC 3986 §2.1).
    /// - Parameter tls: For `rediss://`; `nil` for the system's authorities and no client certificate.
    /// - Throws: `RedisEndpointError` naming the part that is wrong.
    public init(url: String, tls: RedisTLS? = nil) throws(RedisEndpointError) {
        guard let colon = url.firstRange(of: "://") else { throw .scheme("") }
        let rest = url[colon.upperBound...]
        let scheme = url[..<colon.lowerBound].lowercased()
        // Whoever names an authority expects TLS.
        if tls != nil, scheme == "redis" || scheme == "unix" { throw .tlsNotWanted(scheme) }
        switch scheme {
        case "redis": try self.init(tcp: rest, tls: nil)
        case "rediss": try self.init(tcp: rest, tls: tls ?? RedisTLS())
        case "unix": try self.init(unix: rest)
        default: throw .scheme(scheme)
        }
    }

    private init(tcp text: Substring, tls: RedisTLS?) throws(RedisEndpointError) {
        guard !text.contains("?"), !text.contains("#") else { throw .unexpected("query or fragment") }
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        var authority = text[..<slash]
        let path = text[slash...].dropFirst()
        var credentials: (user: String?, password: String?) = (nil, nil)
        if let at = authority.lastIndex(of: "@") {
            credentials = try Self.credentials(authority[..<at])
            authority = authority[authority.index(after: at)...]
        }
        let (host, port) = try Self.hostAndPort(authority)
        self.init(
            location: .tcp(host: host, port: port), user: credentials.user, password: credentials.password,
            database: path.isEmpty ? 0 : try Self.database(path), tls: tls)
    }

    private init(unix text: Substring) throws(RedisEndpointError) {
        let question = text.firstIndex(of: "?") ?? text.endIndex
        guard text.hasPrefix("/") else { throw .path }
        guard !text.contains("#") else { throw .unexpected("fragment") }
        guard let path = Self.decoded(text[..<question]), !path.utf8.contains(0), path.utf8.count <= 107, path != "/"
        else { throw .path }
        var database = 0
        let query = text[question...].dropFirst()
        if !query.isEmpty {
            guard query.hasPrefix("db=") else { throw .unexpected("query other than db=N") }
            database = try Self.database(query.dropFirst(3))
        }
        self.init(location: .unix(path: path), database: database)
    }

    private static func credentials(_ text: Substring) throws(RedisEndpointError) -> (user: String?, password: String?)
    {
        let colon = text.firstIndex(of: ":")
        guard let user = decoded(text[..<(colon ?? text.endIndex)]) else { throw .credentials }
        guard let colon else {
            // A user without a password cannot log in (AUTH takes both), so the URL is a slip of the pen.
            if user.isEmpty { return (nil, nil) }
            throw .credentials
        }
        guard let password = decoded(text[text.index(after: colon)...]) else { throw .credentials }
        if password.isEmpty {
            guard user.isEmpty else { throw .credentials }
            return (nil, nil)
        }
        return (user.isEmpty ? nil : user, password)
    }

    private static func hostAndPort(_ text: Substring) throws(RedisEndpointError) -> (String, UInt16) {
        var portText: Substring = ""
        var host: String?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw .host }
            let literal = text[text.index(after: text.startIndex)..<end]
            let address = literal.prefix { $0 != "%" }
            guard address.contains(":"), address.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." })
            else { throw .host }
            host = String(literal)
            let after = text[text.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw .host }
            portText = after.dropFirst()
            guard after.isEmpty || !portText.isEmpty else { throw .port("") }
        } else if let colon = text.firstIndex(of: ":") {
            host = decoded(text[..<colon])
            portText = text[text.index(after: colon)...]
            guard !portText.isEmpty else { throw .port("") }
        } else {
            host = decoded(text)
        }
        guard let host, !host.isEmpty, !host.utf8.contains(where: { $0 <= 0x20 }) else { throw .host }
        guard !portText.isEmpty else { return (host, 6379) }
        guard isDecimal(portText), let port = UInt16(portText), port > 0 else { throw .port(String(portText)) }
        return (host, port)
    }

    private static func database(_ text: Substring) throws(RedisEndpointError) -> Int {
        guard isDecimal(text), text.count <= 9, let number = Int(text) else { throw .database(String(text)) }
        return number
    }

    private static func isDecimal(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// What the certificate of the server is for; an IPv6 address without the scope that only this machine knows.
    var hostName: String? {
        switch location {
        case .tcp(let host, _): String(host.prefix { $0 != "%" })
        case .unix: nil
        }
    }

    /// For logs: everything but the password.
    public var description: String {
        let suffix: String
        switch location {
        case .tcp(let host, let port):
            let login = password == nil ? "" : "\(user ?? ""):***@"
            suffix = database == 0 ? "" : "/\(database)"
            let scheme = tls == nil ? "redis" : "rediss"
            return "\(scheme)://\(login)\(host.contains(":") ? "[\(host)]" : host):\(port)\(suffix)"
        case .unix(let path):
            suffix = database == 0 ? "" : "?db=\(database)"
            return "unix://\(path)\(suffix)"
        }
    }
}

/// The part of a Redis URL that is not acceptable. Never carries a password.
public enum RedisEndpointError: Error, Hashable, Sendable, CustomStringConvertible {
    case scheme(String)
    /// Settings of TLS with a scheme that has none.
    case tlsNotWanted(String)
    case credentials
    case host
    case port(String)
    case database(String)
    case path
    case unexpected(String)

    public var description: String {
        switch self {
        case .scheme(let scheme): "unknown scheme '\(scheme)': accepted are redis://, rediss:// and unix://"
        case .tlsNotWanted(let scheme): "\(scheme):// has no TLS, which the other settings ask for: use rediss://"
        case .credentials: "user and password must be [user]:password, percent-encoded, password not empty"
        case .host: "the host is missing or malformed; an IPv6 address stands in brackets"
        case .port(let text): "port '\(text)' is not a number from 1 to 65535"
        case .database(let text): "database '\(text)' is not a number"
        case .path: "unix:// needs an absolute, percent-encoded path of at most 107 bytes"
        case .unexpected(let part): "unexpected \(part)"
        }
    }
}
