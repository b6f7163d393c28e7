internal import COpenSSL

/// What the sessions of one side have in common: certificate, trust, versions and ciphers. Any thread may start
/// sessions from it; it is never changed once made.
///
/// TLS 1.2 and 1.3 with the suites and curves of Mozilla's intermediate profile (wiki.mozilla.org/Security/Server_Side_TLS).
///
/// `@unchecked Sendable`: the only member is set up in `init`, and libssl allows one `SSL_CTX` on many threads.
public final class TLSContext: @unchecked Sendable {
    let context: OpaquePointer
    let role: Role

    enum Role {
        case client
        case server
    }

    private static let suites =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    private static let curves = "X25519:P-256:P-384"

    /// A server that speaks `http/1.1` (RFC 7301) and lets clients resume their sessions by ticket.
    /// - Parameters:
    ///   - certificate: Its chain, leaf first, and its private key.
    ///   - clientAuthorities: Path of a PEM file; a client may then present a certificate, which must be from one of
    ///     these authorities.
    /// - Throws: `TLSError.configuration`.
    public init(serving certificate: TLSCertificate, clientAuthorities: String? = nil) throws(TLSError) {
        role = .server
        context = try Self.make(TLS_server_method())
        try use(certificate)
        if let clientAuthorities {
            try trust(clientAuthorities)
            guard let names = SSL_load_client_CA_file(clientAuthorities) else {
                throw .configuration("\(clientAuthorities): \(TLSError.oldestText())")
            }
            SSL_CTX_set_client_CA_list(context, names)
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        }
        // Tickets carry the session, so nothing is kept for a client that is gone.
        control(SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF))
        SSL_CTX_set_num_tickets(context, 1)
        // Without it a session in which a client certificate was asked for cannot be resumed.
        let name = Array("tocsin".utf8)
        SSL_CTX_set_session_id_context(context, name, UInt32(name.count))
        SSL_CTX_set_alpn_select_cb(context, selectHTTP1, nil)
    }

    /// A client that verifies its server.
    /// - Parameters:
    ///   - trust: Who may have signed the server's certificate.
    ///   - certificate: Presented when the server asks for one.
    ///   - protocols: Offered to the server, the most wanted first (RFC 7301 §3.1); names of 1 to 255 bytes.
    ///   - newest: The newest version to speak.
    /// - Throws: `TLSError.configuration`.
    public init(
        trusting trust: TLSTrust, presenting certificate: TLSCertificate? = nil, offering protocols: [String] = [],
        newest: TLSVersion = .tls13
    ) throws(TLSError) {
        role = .client
        context = try Self.make(TLS_client_method())
        ERR_clear_error()
        switch trust {
        case .system:
            guard SSL_CTX_set_default_verify_paths(context) == 1 else {
                throw .configuration("the system's certificate authorities: \(TLSError.oldestText())")
            }
        case .file(let authorities): try self.trust(authorities)
        case .anybody: break
        }
        if let certificate { try use(certificate) }
        control(SSL_CTRL_SET_MAX_PROTO_VERSION, Int(newest == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION))
        try offer(protocols)
        SSL_CTX_set_verify(context, trust == .anybody ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nil)
    }

    deinit {
        SSL_CTX_free(context)
    }

    private static func make(_ method: OpaquePointer?) throws(TLSError) -> OpaquePointer {
        guard let context = SSL_CTX_new(method) else { throw .configuration("libssl: \(TLSError.oldestText())") }
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
        // An idle session keeps no record buffers (32 KiB otherwise).
        SSL_CTX_ctrl(
            context, SSL_CTRL_MODE,
            Int(SSL_MODE_RELEASE_BUFFERS) | Int(SSL_MODE_ENABLE_PARTIAL_WRITE)
                | Int(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER), nil)
        // Renegotiation costs a server far more than the client that asks for it; TLS 1.3 dropped it.
        SSL_CTX_set_options(context, Option.noCompression | Option.noRenegotiation)
        guard SSL_CTX_set_cipher_list(context, suites) == 1,
            curves.withCString({ setGroups(context, $0) }) == 1
        else {
            SSL_CTX_free(context)
            throw .configuration("libssl offers none of the ciphers or curves needed: \(TLSError.oldestText())")
        }
        // A key with a passphrase would ask for it on the terminal, for ever in a service.
        SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in 0 }
        return context
    }

    private static func setGroups(_ context: OpaquePointer, _ list: UnsafePointer<CChar>) -> Int {
        // SAFETY: libssl wants a pointer that is not const, and only reads it during the call.
        SSL_CTX_ctrl(context, SSL_CTRL_SET_GROUPS_LIST, 0, UnsafeMutableRawPointer(mutating: list))
    }

    private func use(_ certificate: TLSCertificate) throws(TLSError) {
        ERR_clear_error()
        guard SSL_CTX_use_certificate_chain_file(context, certificate.chainPath) == 1 else {
            throw .configuration("\(certificate.chainPath) is no PEM certificate chain: \(TLSError.oldestText())")
        }
        // The check finds a key of another kind than the certificate's, which would only be kept beside it.
        guard SSL_CTX_use_PrivateKey_file(context, certificate.keyPath, SSL_FILETYPE_PEM) == 1,
            SSL_CTX_check_private_key(context) == 1
        else {
            throw .configuration(
                "\(certificate.keyPath) is no PEM private key without passphrase for \(certificate.chainPath): "
                    + TLSError.oldestText())
        }
    }

    private func offer(_ protocols: [String]) throws(TLSError) {
        guard !protocols.isEmpty else { return }
        let list = protocols.flatMap { [UInt8(clamping: $0.utf8.count)] + Array($0.utf8) }
        // Unlike its neighbours it returns 0 for success.
        guard SSL_CTX_set_alpn_protos(context, list, UInt32(list.count)) == 0 else {
            throw .configuration("\(protocols) cannot be offered as application protocols")
        }
    }

    private func trust(_ authorities: String) throws(TLSError) {
        ERR_clear_error()
        guard SSL_CTX_load_verify_file(context, authorities) == 1 else {
            throw .configuration("\(authorities) holds no PEM certificates of authorities: \(TLSError.oldestText())")
        }
    }

    private func control(_ command: Int32, _ argument: Int) {
        SSL_CTX_ctrl(context, command, argument, nil)
    }

    /// Macros of `openssl/ssl.h` that Swift does not see.
    private enum Option {
        static let noCompression: UInt64 = 1 << 17
        static let noRenegotiation: UInt64 = 1 << 30
    }
}

/// Whose signature makes a client trust a server.
public enum TLSTrust: Hashable, Sendable {
    case system
    /// Path of a PEM file of authorities.
    case file(String)
    /// The server's certificate is not looked at: only for what is not secret and comes from this machine.
    case anybody
}

/// The versions that are spoken.
public enum TLSVersion: Hashable, Sendable {
    case tls12
    case tls13
}

/// A certificate and its key, as paths of PEM files.
public struct TLSCertificate: Hashable, Sendable {
    /// Leaf first, then what leads to an authority.
    public let chainPath: String
    /// Without passphrase.
    public let keyPath: String

    public init(chainPath: String, keyPath: String) {
        self.chainPath = chainPath
        self.keyPath = keyPath
    }
}

/// Answers a client's list of application protocols (RFC 7301 §3.2): `http/1.1`, or the alert for none in common.
private func selectHTTP1(
    _: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenCount: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ offeredCount: UInt32,
    _: UnsafeMutableRawPointer?
) -> Int32 {
    // SAFETY: libssl gives `offeredCount` bytes that outlive the call, and two places to write to.
    let offered = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
    var index = 0
    while index < offered.count {
        let name = index + 1
        let end = name + Int(offered[index])
        guard end <= offered.count else { break }
        if UnsafeBufferPointer(rebasing: offered[name..<end]).elementsEqual("http/1.1".utf8) {
            chosen?.pointee = offered.baseAddress.map { $0 + name }
            chosenCount?.pointee = offered[index]
            return SSL_TLSEXT_ERR_OK
        }
        index = end
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
}
