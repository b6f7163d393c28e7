internal import COpenSSL

/// SHA-256 (FIPS 180-4).
///
/// libcrypto's state is kept from one message to the next, since making it costs as much as hashing a short one: keep a
/// hasher per thread.
public final class SHA256 {
    public static let digestBytes = 32

    private static let algorithm = DigestAlgorithm("SHA256", digestBytes: digestBytes)

    private let context: OpaquePointer

    public init() {
        context = Self.algorithm.makeContext()
    }

    deinit {
        EVP_MD_CTX_free(context)
    }

    /// - Returns: The digest of one whole message.
    public func hash(_ message: Span<UInt8>) -> InlineArray<32, UInt8> {
        var digest = InlineArray<32, UInt8>(repeating: 0)
        Self.algorithm.hash(message, into: &digest, context)
        return digest
    }
}
