import Glibc

/// A network of IP addresses, or a single one: what counts are its leading bits (RFC 4632 §3.1, RFC 4291 §2.3).
public struct AddressRange: Hashable, Sendable {
    /// IPv4 addresses lie within IPv6 as `::ffff:a.b.c.d`, which is also how a socket for both tells of them.
    private static let mappedBitCount = 96
    private static let bitCount = 128

    private let high: UInt64
    private let low: UInt64
    private let highMask: UInt64
    private let lowMask: UInt64

    /// Reads `192.0.2.7`, `10.0.0.0/8`, `::1` or `2001:db8::/32`; bits behind the prefix do not count.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ Self.parse(String($0)) }), parts.count <= 2 else { return nil }
        var prefix = Self.bitCount
        if parts.count == 2 {
            let first = address.isIPv4 ? Self.mappedBitCount : 0
            guard parts[1].utf8.count <= 3, parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let length = Int(parts[1]), first + length <= Self.bitCount
            else { return nil }
            prefix = first + length
        }
        highMask = Self.mask(prefix)
        lowMask = Self.mask(prefix - 64)
        high = address.high & highMask
        low = address.low & lowMask
    }

    /// Whether the address lies within the network; never for a Unix address.
    public func contains(_ address: SocketAddress) -> Bool {
        guard let halves = address.ipv6Halves else { return false }
        return halves.high & highMask == high && halves.low & lowMask == low
    }

    /// A word whose first bits are set.
    private static func mask(_ count: Int) -> UInt64 {
        count <= 0 ? 0 : count >= 64 ? .max : ~(.max >> UInt64(count))
    }

    private static func parse(_ text: String) -> (high: UInt64, low: UInt64, isIPv4: Bool)? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            return (0, 0xFFFF << 32 | UInt64(UInt32(bigEndian: four.s_addr)), true)
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        return withUnsafeBytes(of: six) { bytes in
            func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
            return (number(0..<8), number(8..<16), false)
        }
    }
}
