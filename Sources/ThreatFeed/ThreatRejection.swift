/// Why a threat was not accepted.
public enum ThreatRejection: Error, Hashable, Sendable {
    /// 400: the bytes are not an acceptable JSON text.
    case notJSON(JSONError)
    /// 413: an item of a batch that would be too large alone.
    case tooLarge(bytesMax: Int)
    /// 422: every broken rule; of each list at most 50 elements are named.
    case invalid([FieldError])

    /// The HTTP status that answers it.
    public var status: Int {
        switch self {
        case .notJSON: 400
        case .tooLarge: 413
        case .invalid: 422
        }
    }
}

/// What the replica knows about a threat besides its bytes.
public struct Receipt {
    /// Unix time.
    public var receivedAtMilliseconds: Int64
    /// Goes to `received_by`.
    public var replicaName: String
    /// Digest of the bytes sent.
    public var digest: ContentDigest
    /// Makes an id for a threat that brings none, from the time of receipt; called at most once. Must match the pattern
    /// of `id`.
    public var makeID: (_ milliseconds: Int64) -> String
    /// Makes 64 random bits to vary a sample threat; called only for one.
    public var makeRandom: () -> UInt64

    public init(
        receivedAtMilliseconds: Int64, replicaName: String, digest: ContentDigest,
        makeID: @escaping (Int64) -> String, makeRandom: @escaping () -> UInt64
    ) {
        self.receivedAtMilliseconds = receivedAtMilliseconds
        self.replicaName = replicaName
        self.digest = digest
        self.makeID = makeID
        self.makeRandom = makeRandom
    }
}
