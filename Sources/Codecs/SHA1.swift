internal import COpenSSL

/// SHA-1 (FIPS 180-4). For `Sec-WebSocket-Accept` (RFC 6455 §4.2.2) and the names of Redis scripts: it protects nothing.
public enum SHA1 {
    public static let digestBytes = 20

    private static let algorithm = DigestAlgorithm("SHA1", digestBytes: digestBytes)

    /// - Returns: 20 bytes.
    public static func hash(_ input: Span<UInt8>) -> [UInt8] {
        algorithm.hash(input)
    }

    /// - Returns: 20 bytes.
    public static func hash(_ input: [UInt8]) -> [UInt8] {
        algorithm.hash(input.span)
    }
}
