internal import COpenSSL

/// What lets a client take up an earlier session without a full handshake: a ticket and its secrets (RFC 8446 §4.6.1,
/// RFC 5077).
///
/// `@unchecked Sendable`: the only member is set in `init`, and libssl counts references to an `SSL_SESSION` atomically
/// and does not change one that is shared.
public final class TLSResumption: @unchecked Sendable {
    let session: OpaquePointer

    /// Takes over a reference.
    /// - Returns: `nil` when the server has given no ticket.
    init?(_ session: OpaquePointer) {
        self.session = session
        guard SSL_SESSION_is_resumable(session) == 1 else { return nil }
    }

    deinit {
        SSL_SESSION_free(session)
    }
}
