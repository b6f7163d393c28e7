internal import COpenSSL

/// SHA-256 (FIPS 180-4).
public enum SHA256 {
    public static let digestBytes = 32

    private static let algorithm = DigestAlgorithm("SHA256", digestBytes: digestBytes)

    /// - Returns: 32 bytes.
    public static func hash(_ input: Span<UInt8>) -> [UInt8] {
        algorithm.hash(input)
    }

    /// - Returns: 32 bytes.
    public static func hash(_ input: [UInt8]) -> [UInt8] {
        algorithm.hash(input.span)
    }
}
