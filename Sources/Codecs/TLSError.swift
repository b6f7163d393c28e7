internal import COpenSSL
internal import Glibc

/// Why a TLS session ended, or could not be set up.
public enum TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file of a configuration is not usable; the text says which and why.
    case configuration(String)
    /// The peer spoke HTTP without TLS.
    case plaintextHTTP
    /// The peer's certificate is not acceptable; the text says why.
    case untrustedPeer(String)
    /// Everything else that ends a session; the text is libssl's.
    case failed(String)

    public var description: String {
        switch self {
        case .configuration(let text), .failed(let text): text
        case .plaintextHTTP: "the peer speaks HTTP without TLS"
        case .untrustedPeer(let text): "the peer's certificate is not trusted: \(text)"
        }
    }

    /// The newest of this thread's errors, which are then forgotten.
    static func last() -> TLSError {
        let code = ERR_peek_last_error()
        defer { ERR_clear_error() }
        guard code != 0 else { return .failed("the connection ended in the middle of TLS") }
        switch reason(of: code) {
        case SSL_R_HTTP_REQUEST: return .plaintextHTTP
        case SSL_R_CERTIFICATE_VERIFY_FAILED: return .untrustedPeer(text(of: code))
        default: return .failed(text(of: code))
        }
    }

    /// What libssl or the system says of the oldest error of this thread: where reading a file went wrong.
    static func oldestText() -> String {
        defer { ERR_clear_error() }
        return text(of: ERR_peek_error())
    }

    private static func text(of code: UInt) -> String {
        if isOfSystem(code) { return String(cString: strerror(Int32(code & 0x7FFF_FFFF))) }
        // SAFETY: libcrypto's reason texts are constants.
        let reason = ERR_reason_error_string(code).map { String(cString: $0) } ?? "TLS error \(code)"
        return meaning(of: Self.reason(of: code)).map { "\($0) (\(reason))" } ?? reason
    }

    /// What an operator can make something of, for the errors that a wrong configuration causes.
    private static func meaning(of reason: Int32) -> String? {
        switch reason {
        case SSL_R_WRONG_VERSION_NUMBER: "what the peer sends is not TLS"
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
            "the peer and this side have no version of TLS in common"
        case SSL_R_NO_SHARED_CIPHER: "the peer and this side have no cipher in common"
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: "the peer wants a client certificate"
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
            SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
            "the peer does not trust the certificate of this side"
        case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE: "the peer refuses; it may want a client certificate"
        default: nil
        }
    }

    private static func isOfSystem(_ code: UInt) -> Bool { code & 0x8000_0000 != 0 }

    /// The macro ERR_GET_REASON: the low 23 bits, but for errors of the system.
    private static func reason(of code: UInt) -> Int32 {
        isOfSystem(code) ? 0 : Int32(code & 0x7F_FFFF)
    }

    /// - Parameters:
    ///   - verdict: Of the certificate's verification, one of X509_V_ERR_….
    ///   - serverName: What the certificate should have been for.
    static func untrusted(_ verdict: Int, serverName: String?) -> TLSError {
        switch Int32(truncatingIfNeeded: verdict) {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return .untrustedPeer("it is signed by an authority that is not among the trusted ones")
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return .untrustedPeer("it is signed by itself and not among the trusted ones")
        case X509_V_ERR_CERT_HAS_EXPIRED: return .untrustedPeer("it has expired")
        case X509_V_ERR_CERT_NOT_YET_VALID: return .untrustedPeer("it is not valid yet by the clock of this machine")
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            return .untrustedPeer("it is not for \(serverName ?? "this server")")
        default: return .untrustedPeer(X509_verify_cert_error_string(verdict).map { String(cString: $0) } ?? "")
        }
    }
}
