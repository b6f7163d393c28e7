/// Reading a Redis URL (`RedisEndpoint.init(url:tls:sentinels:)`).
extension RedisEndpoint {
    init(tcp text: Substring, tls: RedisTLS?) throws(RedisEndpointError) {
        guard !text.contains("?"), !text.contains("#") else { throw .unexpected("query or fragment") }
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        let path = text[slash...].dropFirst()
        let (credentials, authority) = try Self.login(text[..<slash])
        let (host, port) = try Self.hostAndPort(authority, defaultPort: 6379)
        self.init(
            location: .tcp(host: host, port: port), user: credentials.user, password: credentials.password,
            database: path.isEmpty ? 0 : try Self.database(path), tls: tls)
    }

    init(unix text: Substring) throws(RedisEndpointError) {
        let question = text.firstIndex(of: "?") ?? text.endIndex
        guard text.hasPrefix("/") else { throw .path }
        guard !text.contains("#") else { throw .unexpected("fragment") }
        guard let path = Self.decoded(text[..<question]), !path.utf8.contains(0), path.utf8.count <= 107, path != "/"
        else { throw .path }
        self.init(location: .unix(path: path), database: try Self.database(query: text[question...].dropFirst()))
    }

    init(sentinels text: Substring, tls: RedisTLS?, _ settings: SentinelSettings) throws(RedisEndpointError) {
        guard !text.contains("#") else { throw .unexpected("fragment") }
        let question = text.firstIndex(of: "?") ?? text.endIndex
        guard let slash = text[..<question].firstIndex(of: "/") else { throw .master }
        guard let master = Self.decoded(text[text.index(after: slash)..<question]), !master.isEmpty,
            !master.utf8.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "/") })
        else { throw .master }
        let (credentials, authority) = try Self.login(text[..<slash])
        var sentinels: [Sentinel] = []
        for part in authority.split(separator: ",", omittingEmptySubsequences: false) {
            let (host, port) = try Self.hostAndPort(part, defaultPort: 26379)
            sentinels.append(Sentinel(host: host, port: port))
        }
        self.init(
            location: .sentinel(sentinels, master: master), user: credentials.user, password: credentials.password,
            database: try Self.database(query: text[question...].dropFirst()), tls: tls,
            sentinelAccess: try settings.access(user: credentials.user, password: credentials.password, tls: tls))
    }

    private static func login(
        _ text: Substring
    ) throws(RedisEndpointError) -> (credentials: (user: String?, password: String?), authority: Substring) {
        guard let at = text.lastIndex(of: "@") else { return ((nil, nil), text) }
        return (try credentials(text[..<at]), text[text.index(after: at)...])
    }

    private static func database(query: Substring) throws(RedisEndpointError) -> Int {
        guard !query.isEmpty else { return 0 }
        guard query.hasPrefix("db=") else { throw .unexpected("query other than db=N") }
        return try database(query.dropFirst(3))
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

    private static func hostAndPort(
        _ text: Substring, defaultPort: UInt16
    ) throws(RedisEndpointError) -> (String, UInt16) {
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
        guard !portText.isEmpty else { return (host, defaultPort) }
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
}

/// The part of a Redis URL that is not acceptable. Never carries a password.
public enum RedisEndpointError: Error, Hashable, Sendable, CustomStringConvertible {
    case scheme(String)
    /// Settings of TLS with a scheme that has none.
    case tlsNotWanted(String)
    /// Settings of Sentinels with a scheme that has none.
    case noSentinels(String)
    /// Settings of TLS for Sentinels that are to be reached without.
    case sentinelTLSNotWanted
    /// A user for Sentinels without a password.
    case sentinelPassword
    case credentials
    case host
    case master
    case port(String)
    case database(String)
    case path
    case unexpected(String)

    public var description: String {
        switch self {
        case .scheme(let scheme):
            "unknown scheme '\(scheme)': accepted are redis://, rediss://, unix://, redis-sentinel:// and rediss-sentinel://"
        case .tlsNotWanted(let scheme):
            "\(scheme):// has no TLS, which the other settings ask for: use \(scheme == "redis-sentinel" ? "rediss-sentinel" : "rediss")://"
        case .noSentinels(let scheme):
            "\(scheme):// has no Sentinels, which other settings are for: use redis-sentinel:// or rediss-sentinel://"
        case .sentinelTLSNotWanted:
            "the Sentinels are reached without TLS, which other settings ask for: use rediss-sentinel://, or switch TLS on for them"
        case .sentinelPassword: "the user for Sentinels needs a password"
        case .credentials: "user and password must be [user]:password, percent-encoded, password not empty"
        case .host: "the host is missing or malformed; an IPv6 address stands in brackets"
        case .master: "after the hosts comes /MASTER, the name that the Sentinels know the master by"
        case .port(let text): "port '\(text)' is not a number from 1 to 65535"
        case .database(let text): "database '\(text)' is not a number"
        case .path: "unix:// needs an absolute, percent-encoded path of at most 107 bytes"
        case .unexpected(let part): "unexpected \(part)"
        }
    }
}
