internal import COpenSSL
internal import Glibc

/// One TLS connection: ciphertext in, plaintext out, and back; never a descriptor.
///
/// An idle session holds no buffers of records: what comes is read where the caller has it, and `ciphertext` is empty
/// once the caller has sent it. Used by one thread at a time.
public final class TLSSession {
    /// What the peer is to be sent. The caller takes from its front with `sent`.
    public private(set) var ciphertext: [UInt8] = []
    private var ciphertextBytesSent = 0
    /// What libssl had to say by itself since the last time that everything was sent.
    private var answerBytes = 0

    private let context: TLSContext
    private let serverName: String?
    let session: OpaquePointer
    /// What `decrypt` was given and libssl has not read.
    private var input = UnsafeRawBufferPointer(start: nil, count: 0)
    private var hasFailed = false
    private var isClosed = false

    /// - Parameters:
    ///   - serverName: For a client: the name, or literal address, that the server's certificate must be for. Names
    ///     are told to the server (SNI, RFC 6066 §3).
    ///   - resumption: For a client: what an earlier session with the same server left.
    /// - Throws: `TLSError.failed` when there is no memory, `configuration` when `serverName` is no name.
    public init(
        _ context: TLSContext, serverName: String? = nil, resuming resumption: TLSResumption? = nil
    ) throws(TLSError) {
        ERR_clear_error()
        guard let session = SSL_new(context.context) else { throw .last() }
        self.context = context
        self.serverName = serverName
        self.session = session
        guard let transport = BIO_new(Self.transportMethod) else { throw .last() }
        // SAFETY: the session owns its BIO, which libssl calls only within calls on the session, while `self` lives.
        BIO_set_data(transport, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(transport, 1)
        SSL_set_bio(session, transport, transport)
        switch context.role {
        case .server: SSL_set_accept_state(session)
        case .client:
            SSL_set_connect_state(session)
            if let serverName { try expect(serverName) }
            // A session that cannot be taken up again makes a full handshake.
            if let resumption { SSL_set_session(session, resumption.session) }
        }
    }

    deinit {
        SSL_free(session)
    }

    /// Whether the handshake is over, so that `encrypt` may be called.
    public var isEstablished: Bool { SSL_in_init(session) == 0 }

    /// Whether the peer has proved to hold a certificate from an authority of the context.
    public var hasVerifiedPeer: Bool {
        SSL_get0_peer_certificate(session) != nil && SSL_get_verify_result(session) == Int(X509_V_OK)
    }

    /// Whether an earlier session was taken up again.
    public var isResumed: Bool { SSL_session_reused(session) == 1 }

    /// What a later session of a client may take up. In TLS 1.3 the server gives it after the handshake.
    public var resumption: TLSResumption? {
        guard let resumable = SSL_get1_session(session) else { return nil }
        return TLSResumption(resumable)
    }

    /// The application protocol agreed on (RFC 7301 §3.1).
    public var applicationProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(session, &name, &count)
        // SAFETY: libssl gives `count` bytes that live as long as the session.
        return name.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(count)), as: UTF8.self) }
    }

    /// `TLSv1.3` or `TLSv1.2`.
    public var version: String { SSL_get_version(session).map { String(cString: $0) } ?? "" }

    /// What of `ciphertext` is still to be sent.
    public var unsentCount: Int { ciphertext.count - ciphertextBytesSent }

    public func withUnsent<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        ciphertext.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[ciphertextBytesSent...])) }
    }

    /// Takes from the front of what is unsent.
    public func sent(_ count: Int) {
        ciphertextBytesSent += count
        if unsentCount == 0 {
            ciphertext = []
            ciphertextBytesSent = 0
            answerBytes = 0
        } else if ciphertextBytesSent > unsentCount, ciphertextBytesSent > Self.sentBytesKept {
            // A peer that is always behind must not make what it has taken pile up.
            ciphertext.removeFirst(ciphertextBytesSent)
            ciphertextBytesSent = 0
        }
    }

    private static let sentBytesKept = 64 * 1024
    /// More than any handshake; a peer that asks for answers and does not read them gets no further.
    private static let answerBytesMax = 64 * 1024

    /// A client's first flight. A server waits for it.
    public func start() throws(TLSError) {
        ERR_clear_error()
        try check(SSL_do_handshake(session))
    }

    public struct Decrypted {
        /// How many bytes of plaintext were written.
        public let byteCount: Int
        /// The peer has said that it sends no more (close_notify, RFC 8446 §6.1).
        public let isEnd: Bool
    }

    /// Reads all of what came; the handshake goes on by itself, its answers stand in `ciphertext`.
    /// - Parameter plaintext: Has room for all of it: as much as `received`, and one record (`recordBytesMax`) more.
    /// - Throws: The session is over. What explains it to the peer stands in `ciphertext`.
    public func decrypt(
        _ received: UnsafeRawBufferPointer, into plaintext: UnsafeMutableRawBufferPointer
    ) throws(TLSError) -> Decrypted {
        guard !hasFailed else { throw .failed("the session has failed already") }
        precondition(plaintext.count >= received.count + Self.recordBytesMax, "no room for the plaintext")
        // SAFETY: libssl reads `input` only during this call.
        input = received
        defer { input = UnsafeRawBufferPointer(start: nil, count: 0) }
        let ciphertextCount = ciphertext.count
        defer { answerBytes += ciphertext.count - ciphertextCount }
        var count = 0
        while answerBytes <= Self.answerBytesMax {
            var read = 0
            // What an earlier call left would be taken for this one's (SSL_get_error(3)).
            ERR_clear_error()
            let status = SSL_read_ex(session, plaintext.baseAddress.map { $0 + count }, plaintext.count - count, &read)
            count += read
            if status == 1 { continue }
            switch SSL_get_error(session, status) {
            case SSL_ERROR_WANT_READ: return Decrypted(byteCount: count, isEnd: false)
            case SSL_ERROR_ZERO_RETURN: return Decrypted(byteCount: count, isEnd: true)
            default: throw failure()
            }
        }
        hasFailed = true
        throw .failed("the peer does not read what it asks for")
    }

    /// The most plaintext of one record (RFC 8446 §5.1).
    public static let recordBytesMax = 1 << 14

    /// Appends the records of `plaintext` to `ciphertext`.
    /// - Precondition: The session is established.
    /// - Throws: The session is over.
    public func encrypt(_ plaintext: UnsafeRawBufferPointer) throws(TLSError) {
        guard !hasFailed, !isClosed else { throw .failed("the session is closed") }
        if ciphertext.isEmpty {
            ciphertext.reserveCapacity(
                plaintext.count + (plaintext.count / Self.recordBytesMax + 1) * Self.recordOverhead)
        }
        var offset = 0
        while offset < plaintext.count {
            var written = 0
            ERR_clear_error()
            let status = SSL_write_ex(
                session, plaintext.baseAddress.map { $0 + offset }, plaintext.count - offset, &written)
            // The transport takes everything, so nothing is ever to be tried again.
            guard status == 1 else { throw failure() }
            offset += written
        }
    }

    /// Header, content type and tag of TLS 1.3 are 22 bytes; those of TLS 1.2 at most 29.
    private static let recordOverhead = 32

    /// Says that nothing more will be sent (close_notify). Once; later calls do nothing.
    public func close() {
        guard !isClosed, !hasFailed, isEstablished else { return }
        isClosed = true
        ERR_clear_error()
        // 0 and 1 tell whether the peer has said so too; nothing else is of use to us.
        _ = SSL_shutdown(session)
        ERR_clear_error()
    }

    private func check(_ status: Int32) throws(TLSError) {
        guard status != 1, SSL_get_error(session, status) != SSL_ERROR_WANT_READ else { return }
        throw failure()
    }

    private func failure() -> TLSError {
        hasFailed = true
        let verdict = SSL_get_verify_result(session)
        let error = TLSError.last()
        guard case .untrustedPeer = error, verdict != Int(X509_V_OK) else { return error }
        return .untrusted(verdict, serverName: serverName)
    }

    private func expect(_ serverName: String) throws(TLSError) {
        let parameters = SSL_get0_param(session)
        // An address is not a name for SNI (RFC 6066 §3).
        if X509_VERIFY_PARAM_set1_ip_asc(parameters, serverName) == 1 { return }
        ERR_clear_error()
        // The dot that ends a name in DNS stands neither in SNI nor in certificates.
        let serverName = serverName.hasSuffix(".") ? String(serverName.dropLast()) : serverName
        var name = Array(serverName.utf8CString)
        let isTold = name.withUnsafeMutableBytes {
            SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), $0.baseAddress)
        }
        guard isTold == 1, SSL_set1_host(session, serverName) == 1 else {
            throw .configuration("'\(serverName)' cannot be the name of a TLS server")
        }
        SSL_set_hostflags(session, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
    }
}

// MARK: - What libssl reads and writes

extension TLSSession {
    /// libssl's view of the transport: it reads what `decrypt` was given and writes to `ciphertext`.
    ///
    /// Its own memory BIOs would do, but each keeps a buffer for as long as the session lives.
    // SAFETY: made once, never changed or freed.
    nonisolated(unsafe) private static let transportMethod: OpaquePointer = {
        guard let method = BIO_meth_new(BIO_get_new_index() | Int32(BIO_TYPE_SOURCE_SINK), "tocsin") else {
            fatalError("libcrypto has no memory for a BIO method")
        }
        BIO_meth_set_read(method) { transport, target, count in
            guard let transport, let target, count > 0 else { return 0 }
            BIO_clear_flags(transport, TLSSession.retryFlags)
            let read = TLSSession.of(transport).takeInput(into: target, Int(count))
            if read == 0 { BIO_set_flags(transport, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY) }
            return read > 0 ? Int32(read) : -1
        }
        BIO_meth_set_write(method) { transport, source, count in
            guard let transport, let source, count > 0 else { return 0 }
            BIO_clear_flags(transport, TLSSession.retryFlags)
            // SAFETY: libssl gives `count` bytes that live through the call.
            TLSSession.of(transport).ciphertext += UnsafeRawBufferPointer(start: source, count: Int(count))
            return count
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return method
    }()

    private static let retryFlags = BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY

    private static func of(_ transport: OpaquePointer) -> TLSSession {
        guard let data = BIO_get_data(transport) else { preconditionFailure("the transport of a session knows it") }
        // SAFETY: set in `init`; the session outlives its BIO, which only it calls.
        return Unmanaged<TLSSession>.fromOpaque(data).takeUnretainedValue()
    }

    private func takeInput(into target: UnsafeMutablePointer<CChar>, _ capacity: Int) -> Int {
        let count = min(capacity, input.count)
        guard count > 0, let source = input.baseAddress else { return 0 }
        // SAFETY: both buffers have `count` bytes.
        memcpy(target, source, count)
        input = UnsafeRawBufferPointer(rebasing: input[count...])
        return count
    }
}
