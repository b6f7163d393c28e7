import Codecs
import Synchronization

/// The certificate that new connections are served with. Read again on SIGHUP; connections that stand keep theirs.
final class CertificateStore: Sendable {
    private let certificate: TLSCertificate
    private let clientAuthorities: String?
    // Owner: the main thread replaces it, loops take it for each connection. Nothing is called while it is held.
    private let current: Mutex<TLSContext>

    /// - Returns: `nil` when the configuration asks for no TLS.
    /// - Throws: `StartFailure.setting`, naming the setting.
    init?(_ configuration: ReplicaConfiguration) throws(StartFailure) {
        switch (configuration.tlsCertificate, configuration.tlsKey) {
        case (nil, nil):
            guard configuration.tlsClientCA == nil else {
                throw .setting("--tls-client-ca (TOCSIN_TLS_CLIENT_CA) needs --tls-certificate and --tls-key")
            }
            return nil
        case (.some, nil):
            throw .setting("--tls-key (TOCSIN_TLS_KEY) is missing: --tls-certificate needs its private key, a PEM file")
        case (nil, .some):
            throw .setting(
                "--tls-certificate (TOCSIN_TLS_CERTIFICATE) is missing: --tls-key needs its certificate, a PEM file")
        case (let chain?, let key?): certificate = TLSCertificate(chainPath: chain, keyPath: key)
        }
        clientAuthorities = configuration.tlsClientCA
        do throws(TLSError) {
            current = Mutex(try TLSContext(serving: certificate, clientAuthorities: clientAuthorities))
        } catch {
            throw .setting("--tls-certificate, --tls-key, --tls-client-ca (TOCSIN_TLS_…): \(error)")
        }
    }

    var context: TLSContext { current.withLock { $0 } }

    /// Whether only clients with a certificate may publish.
    var publishersNeedCertificate: Bool { clientAuthorities != nil }

    /// Reads the files again. On an error the former certificate stays in use.
    func reload() throws(TLSError) {
        let renewed = try TLSContext(serving: certificate, clientAuthorities: clientAuthorities)
        let former = current.withLock { current in
            defer { current = renewed }
            return current
        }
        // Freed here, if nobody uses it any more, and not while the lock is held.
        withExtendedLifetime(former) {}
    }
}
