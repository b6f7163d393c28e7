internal import COpenSSL

/// Bytes nobody can predict.
public enum RandomBytes {
    /// - Returns: `count` fresh bytes.
    public static func next(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        fill(&bytes)
        return bytes
    }

    /// Overwrites every byte. Traps if the system has no randomness to give, since there is no safe way on.
    public static func fill(_ bytes: inout [UInt8]) {
        // SAFETY: libcrypto writes `count` bytes into a buffer that lives through the closure.
        bytes.withUnsafeMutableBufferPointer { buffer in
            guard let count = Int32(exactly: buffer.count) else { preconditionFailure("too many random bytes asked") }
            guard RAND_bytes(buffer.baseAddress, count) == 1 else { fatalError("the system gives no random bytes") }
        }
    }

    /// 32 fresh bits, such as a masking key (RFC 6455 §5.3).
    public static func nextUInt32() -> UInt32 {
        next(4).reduce(0) { $0 << 8 | UInt32($1) }
    }
}
