/// Where a page of a browser comes from: scheme, host and port (RFC 6454). Two origins are one if all three are equal,
/// however they are written: without regard to case, to the default port, and to the form of an IPv6 address. A final
/// dot of a name counts (§4 takes the host as it is).
public struct HTTPOrigin: Hashable, Sendable {
    /// The schemes whose pages are told apart by host and port; others, such as `file`, have the origin `null`.
    public enum Scheme: String, CaseIterable, Sendable {
        case http, https

        /// RFC 9110 §4.2.1 and §4.2.2.
        var defaultPort: UInt16 {
            switch self {
            case .http: 80
            case .https: 443
            }
        }
    }

    public let scheme: Scheme
    private let authority: OriginAuthority

    /// Reads `scheme "://" host [":" port]` (RFC 6454 §6.2).
    /// - Returns: `nil` for everything that no browser sends for a page of one of the schemes: paths, users, wildcards,
    ///   names that are not written in ASCII (RFC 5890 A-labels) or end in a number and are no IPv4 address, `null`.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard
            let scheme = Scheme.allCases.first(where: { Self.hasPrefix(bytes, "\($0.rawValue)://") }),
            let authority = OriginAuthority(bytes[("\(scheme.rawValue)://").utf8.count...])
        else { return nil }
        self.scheme = scheme
        self.authority = authority.withPort(default: scheme.defaultPort)
    }

    /// Whether a request to this host came from a page of the same origin.
    /// - Parameters:
    ///   - host: `host [":" port]`, as the request names it; a port that is left out is the default one.
    ///   - scheme: How the request came; `nil` if a proxy may have ended TLS, so that nobody knows.
    public func isSame(asHost host: String, scheme: Scheme?) -> Bool {
        guard scheme == nil || scheme == self.scheme, let other = OriginAuthority(Array(host.utf8)[...]) else {
            return false
        }
        return authority == other.withPort(default: self.scheme.defaultPort)
    }

    private static func hasPrefix(_ bytes: [UInt8], _ prefix: String) -> Bool {
        let count = prefix.utf8.count
        return bytes.count > count && ASCII.equalsIgnoringCase(bytes.span, 0..<count, prefix)
    }
}

/// Host and port of an origin, in one form for all ways to write them.
private struct OriginAuthority: Hashable {
    private enum Host: Hashable {
        /// A name in lower case, or an IPv4 address.
        case name([UInt8])
        /// The upper and the lower half.
        case ipv6(UInt64, UInt64)
    }

    private let host: Host
    private var port: UInt16?

    /// Reads `host [":" [port]]`.
    init?(_ text: ArraySlice<UInt8>) {
        guard let first = text.first else { return nil }
        let hostEnd: Int
        if first == UInt8(ascii: "[") {
            guard let close = text.firstIndex(of: UInt8(ascii: "]")),
                let halves = IPv6Literal.halves(
                    Array(text[(text.startIndex + 1)..<close]).span, 0..<(close - text.startIndex - 1))
            else { return nil }
            host = .ipv6(halves.0, halves.1)
            hostEnd = close + 1
        } else {
            hostEnd = text.firstIndex(of: ASCII.colon) ?? text.endIndex
            let name = text[..<hostEnd].map(ASCII.lowercased)
            guard Self.isName(name) else { return nil }
            host = .name(name)
        }
        guard hostEnd < text.endIndex else { return }
        let digits = text[(hostEnd + 1)...]
        guard text[hostEnd] == ASCII.colon, digits.count <= 5, digits.allSatisfy(ASCII.isDigit) else { return nil }
        if digits.isEmpty { return }
        // Nobody can be connected to port 0.
        guard let number = UInt16(String(decoding: digits, as: UTF8.self)), number > 0 else { return nil }
        port = number
    }

    func withPort(default standard: UInt16) -> OriginAuthority {
        var authority = self
        authority.port = port ?? standard
        return authority
    }

    /// Whether browsers keep the name as it is: labels of letters, digits, `-` and `_`, perhaps a final dot. What ends
    /// in a number they take for an IPv4 address, and write it as one (URL Standard, "host parsing").
    private static func isName(_ name: [UInt8]) -> Bool {
        var labels = name.split(separator: 0x2E, omittingEmptySubsequences: false)
        let hasFinalDot = labels.count > 1 && labels.last?.isEmpty == true
        if hasFinalDot { labels.removeLast() }
        guard name.count <= 254, let last = labels.last else { return false }
        if last.allSatisfy(ASCII.isDigit) || last.starts(with: [ASCII.zero, 0x78]) {
            return !hasFinalDot && IPv4Literal.number(name.span, 0..<name.count) != nil
        }
        return labels.allSatisfy { label in
            (1...63).contains(label.count)
                && label.allSatisfy {
                    ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
                }
        }
    }
}
