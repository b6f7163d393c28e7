public import PosixIO

/// Where a deployment is reached: host, port and an optional path in front of the product's own (RFC 3986).
public struct ServerURL: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: UInt16
    /// What a proxy puts in front of every path: empty, or `/…` without a slash at its end.
    public let basePath: String

    /// `nil` for a connection without TLS.
    public let tls: ClientTLS?

    public init(host: String, port: UInt16, basePath: String = "", tls: ClientTLS? = nil) {
        self.host = host
        self.port = port
        self.basePath = basePath
        self.tls = tls
    }

    /// Reads `http://host[:port][/path]` or `ws://…`, with TLS `https://…` or `wss://…`; a path of `/ws` is the feed's
    /// own and may be left out.
    /// - Parameter tls: For `https://` and `wss://`; `nil` trusts the system's authorities.
    /// - Throws: `ClientError.invalidURL` with a sentence that says what is accepted.
    public init(_ text: String, tls: ClientTLS? = nil) throws(ClientError) {
        let lowered = text.lowercased()
        guard let scheme = Self.schemes.first(where: { lowered.hasPrefix($0.prefix) }) else {
            throw .invalidURL("\(text): a URL looks like http://127.0.0.1:8000 or wss://tocsin.example")
        }
        guard scheme.isSecure || tls == nil else {
            throw .invalidURL("\(text): what was given for TLS needs an https:// or wss:// URL")
        }
        let rest = text.dropFirst(scheme.prefix.count).prefix { $0 != "?" && $0 != "#" }
        let authority = rest.prefix { $0 != "/" }
        var path = String(rest.dropFirst(authority.count))
        while path.hasSuffix("/") { path.removeLast() }
        if path == "/ws" || path.hasSuffix("/ws") { path.removeLast(3) }
        guard !authority.contains("@"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .invalidURL("\(text): neither a user name nor blanks may stand in the URL")
        }
        guard let (host, port) = Self.hostAndPort(authority, scheme.isSecure ? 443 : 80), !host.isEmpty else {
            throw .invalidURL("\(text): the host or the port is not valid; a URL looks like http://127.0.0.1:8000")
        }
        let isTrustGiven = tls != nil || !scheme.isSecure
        self.init(host: host, port: port, basePath: path, tls: isTrustGiven ? tls : try ClientTLS())
    }

    private static let schemes: [(prefix: String, isSecure: Bool)] = [
        ("http://", false), ("ws://", false), ("https://", true), ("wss://", true),
    ]

    /// The value of `Host`: the port is left out when it is the scheme's.
    public var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (tls == nil ? 80 : 443) ? name : "\(name):\(port)"
    }

    public var description: String { "\(tls == nil ? "http" : "https")://\(authority)\(basePath)" }

    /// - Throws: `ClientError.unreachable` with the resolver's own words.
    public func addresses() throws(ClientError) -> [SocketAddress] {
        do throws(ResolveError) {
            return try SocketAddress.resolve(host: host, port: port)
        } catch {
            throw .unreachable("\(self): \(error)")
        }
    }

    private static func hostAndPort(_ authority: Substring, _ defaultPort: UInt16) -> (String, UInt16)? {
        var host = authority
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<close]
            let rest = authority[authority.index(after: close)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            portText = authority[authority.index(after: colon)...]
        }
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        guard let portText else { return (String(host), defaultPort) }
        guard let port = UInt16(portText), port > 0 else { return nil }
        return (String(host), port)
    }
}
