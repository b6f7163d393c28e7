/// The protocol versions spoken here (RFC 9110 §2.5). A higher minor version of HTTP/1 counts as 1.1.
public enum HTTPVersion: String, Sendable, Comparable {
    case http10 = "HTTP/1.0"
    case http11 = "HTTP/1.1"

    /// Older versions sort first.
    public static func < (left: Self, right: Self) -> Bool { left == .http10 && right == .http11 }
}
