import HTTPProtocol

/// Which pages may open a WebSocket: any page could otherwise read the feed through an analyst's browser
/// (RFC 6455 §10.2).
public struct AllowedOrigins: Hashable, Sendable {
    private static let originsMax = 64

    private let allowsAll: Bool
    private let origins: Set<HTTPOrigin>

    /// Only pages of the replica's own origin.
    public static let ownOnly = AllowedOrigins(allowsAll: false, origins: [])

    /// What `init(parsing:)` accepts, to complete the sentence "… must be …".
    public static let accepted = """
        * or a comma-separated list of up to \(originsMax) origins as browsers send them, such as \
        https://soc.example.com,https://noc.example.com:8443: http or https, a host in ASCII (xn--… for other \
        letters), perhaps a port, no path
        """

    private init(allowsAll: Bool, origins: Set<HTTPOrigin>) {
        self.allowsAll = allowsAll
        self.origins = origins
    }

    /// Reads `*`, or origins separated by commas. Spaces around one and a final slash are tolerated, since they cannot
    /// mean anything else; nothing at all allows only the replica's own.
    /// - Returns: `nil` if one is there that no page can have, or there are only commas.
    public init?(parsing text: String) {
        var allowsAll = false
        var origins: Set<HTTPOrigin> = []
        for element in text.split(separator: ",") {
            var name = element.drop { $0 == " " }
            while name.last == " " { name.removeLast() }
            if name.isEmpty { continue }
            if name == "*" {
                allowsAll = true
                continue
            }
            if name.last == "/" { name.removeLast() }
            guard let origin = HTTPOrigin(String(name)), origins.count < Self.originsMax else { return nil }
            origins.insert(origin)
        }
        guard allowsAll || !origins.isEmpty || !text.contains(",") else { return nil }
        self.init(allowsAll: allowsAll, origins: origins)
    }

    /// Decides over a handshake.
    /// - Parameters:
    ///   - sent: The values of `Origin`, one for each field.
    ///   - host: Host and port that the request is for.
    ///   - scheme: How the request came; `nil` if a proxy may have ended TLS.
    func allow(_ sent: [String], toHost host: String?, scheme: HTTPOrigin.Scheme?) -> Bool {
        // Browsers always say where a page comes from, other clients have none.
        guard let text = sent.first else { return true }
        // Whoever sends two may mean that one of us reads the other.
        guard sent.count == 1 else { return false }
        if allowsAll { return true }
        guard let origin = HTTPOrigin(text) else { return false }
        if origins.contains(origin) { return true }
        return host.map { origin.isSame(asHost: $0, scheme: scheme) } ?? false
    }
}

extension EventLoop {
    /// Whether the page that opens a WebSocket may do so.
    func isOriginAllowed(_ request: HTTPRequest) -> Bool {
        shared.configuration.allowedOrigins.allow(
            request.headers.all("origin"), toHost: request.authority,
            scheme: shared.certificates == nil ? nil : .https)
    }
}
