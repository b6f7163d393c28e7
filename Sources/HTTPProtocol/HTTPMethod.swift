/// A request method (RFC 9110 §9). Case-sensitive; any token is representable.
public struct HTTPMethod: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The method as it stands on the wire.
    public let rawValue: String

    /// Wraps a token; the caller answers for its syntax (RFC 9110 §5.6.2).
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The method as it stands on the wire.
    public var description: String { rawValue }

    /// Whether RFC 9110 §9.3 or RFC 5789 defines this method.
    public var isKnown: Bool { Self.known.contains(self) }

    public static let get = HTTPMethod(rawValue: "GET")
    public static let head = HTTPMethod(rawValue: "HEAD")
    public static let post = HTTPMethod(rawValue: "POST")
    public static let put = HTTPMethod(rawValue: "PUT")
    public static let delete = HTTPMethod(rawValue: "DELETE")
    public static let connect = HTTPMethod(rawValue: "CONNECT")
    public static let options = HTTPMethod(rawValue: "OPTIONS")
    public static let trace = HTTPMethod(rawValue: "TRACE")
    public static let patch = HTTPMethod(rawValue: "PATCH")

    private static let known: [HTTPMethod] = [.get, .post, .head, .options, .put, .delete, .patch, .trace, .connect]
}
