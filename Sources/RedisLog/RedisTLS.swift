public import Codecs

/// How a `rediss://` server is trusted, and how this client shows who it is. Names files, which are read for every new
/// connection: a renewed certificate is used from the next one on.
public struct RedisTLS: Hashable, Sendable {
    /// Path of a PEM file with the authorities that may have signed the server's certificate; `nil` for the system's.
    public var authorities: String?
    /// Shown to a server that asks for one (`tls-auth-clients`).
    public var certificate: TLSCertificate?
    /// The name, or literal address, that the server's certificate must be for; `nil` for the host of the URL.
    public var serverName: String?

    public init(authorities: String? = nil, certificate: TLSCertificate? = nil, serverName: String? = nil) {
        self.authorities = authorities
        self.certificate = certificate
        self.serverName = serverName
    }

    /// Reads the files, to find out at start what would keep every connection from being made.
    /// - Throws: `TLSError.configuration`, whose text names the file.
    public func check() throws(TLSError) {
        _ = try makeContext()
    }

    func makeContext() throws(TLSError) -> TLSContext {
        try TLSContext(trusting: authorities.map { .file($0) } ?? .system, presenting: certificate)
    }
}
