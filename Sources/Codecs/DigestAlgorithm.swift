internal import COpenSSL

/// One hash function of libcrypto, looked up once: OpenSSL 3 searches its providers on every use of a function by name,
/// which costs more than hashing a short input.
///
/// `@unchecked Sendable`: the only member is set in `init` and libcrypto allows a fetched `EVP_MD` on many threads.
final class DigestAlgorithm: @unchecked Sendable {
    private let algorithm: OpaquePointer
    private let digestBytes: Int

    /// - Precondition: libcrypto has the function, in the size given.
    init(_ name: String, digestBytes: Int) {
        guard let algorithm = EVP_MD_fetch(nil, name, nil), Int(EVP_MD_get_size(algorithm)) == digestBytes else {
            fatalError("libcrypto does not offer \(name)")
        }
        self.algorithm = algorithm
        self.digestBytes = digestBytes
    }

    deinit {
        EVP_MD_free(algorithm)
    }

    func hash(_ input: Span<UInt8>) -> [UInt8] {
        // SAFETY: libcrypto reads `source.count` bytes and writes `digestBytes`, both within buffers that live through
        // the closure, and keeps no pointer.
        input.withUnsafeBufferPointer { source in
            [UInt8](unsafeUninitializedCapacity: digestBytes) { digest, count in
                let isDone = EVP_Digest(source.baseAddress, source.count, digest.baseAddress, nil, algorithm, nil)
                guard isDone == 1 else { fatalError("libcrypto could not hash") }
                count = digestBytes
            }
        }
    }

    /// - Returns: State for `hash(_:into:_:)`, to be freed by the caller.
    func makeContext() -> OpaquePointer {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex2(context, algorithm, nil) == 1 else {
            fatalError("libcrypto has no memory for a hash")
        }
        return context
    }

    /// Hashes with a context that its owner keeps.
    func hash<let count: Int>(
        _ input: Span<UInt8>, into digest: inout InlineArray<count, UInt8>, _ context: OpaquePointer
    ) {
        precondition(count == digestBytes, "a digest has one size")
        var output = digest.mutableSpan
        // SAFETY: as above; the context keeps nothing of the input. Without a name the function is the one it has.
        let isDone = input.withUnsafeBufferPointer { source in
            output.withUnsafeMutableBufferPointer { digest in
                EVP_DigestInit_ex2(context, nil, nil) == 1
                    && EVP_DigestUpdate(context, source.baseAddress, source.count) == 1
                    && EVP_DigestFinal_ex(context, digest.baseAddress, nil) == 1
            }
        }
        guard isDone else { fatalError("libcrypto could not hash") }
    }
}
