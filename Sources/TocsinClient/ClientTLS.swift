public import Codecs

/// How the servers of a client are trusted, and how it shows who it is. Made once and used for every connection.
public final class ClientTLS: Sendable {
    let context: TLSContext

    /// - Parameters:
    ///   - authorities: Path of a PEM file of those who may have signed the servers' certificates; `nil` for the
    ///     system's.
    ///   - certificate: Paths of PEM files, shown to a server that asks for one, as replicas may ask publishers.
    /// - Throws: `ClientError.configuration` naming the file that is not usable.
    public convenience init(
        authorities: String? = nil, certificate: (chainPath: String, keyPath: String)? = nil
    ) throws(ClientError) {
        try self.init(
            trusting: authorities.map { .file($0) } ?? .system,
            presenting: certificate.map { TLSCertificate(chainPath: $0.chainPath, keyPath: $0.keyPath) })
    }

    /// For what is not secret and comes from this machine: the servers' certificates are not looked at.
    public static func trustingAnybody() throws(ClientError) -> ClientTLS {
        try ClientTLS(trusting: .anybody)
    }

    /// - Parameters:
    ///   - trust: Who may have signed the servers' certificates.
    ///   - certificate: Shown to a server that asks for one, as replicas may ask publishers.
    ///   - newest: The newest version of TLS to speak.
    /// - Throws: `ClientError.configuration` naming the file that is not usable.
    public init(
        trusting trust: TLSTrust, presenting certificate: TLSCertificate? = nil, newest: TLSVersion = .tls13
    ) throws(ClientError) {
        do throws(TLSError) {
            context = try TLSContext(
                trusting: trust, presenting: certificate, offering: ["http/1.1"], newest: newest)
        } catch {
            throw .configuration(error.description)
        }
    }
}

extension ClientTLS: Hashable {
    /// Two are the same only if they share what they have read.
    public static func == (left: ClientTLS, right: ClientTLS) -> Bool { left === right }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(self))
    }
}
