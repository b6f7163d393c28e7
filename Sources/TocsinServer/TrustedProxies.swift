import PosixIO

/// The proxies that are believed when they say under which path they serve the replica.
///
/// Those of this machine by default: whoever can reach a loopback port from here can speak for himself only, since the
/// prefix goes into nothing but the answer to the request that brought it.
public struct TrustedProxies: Hashable, Sendable {
    private static let rangesMax = 64

    private let ranges: [AddressRange]

    public static let loopback = TrustedProxies(ranges: ["127.0.0.0/8", "::1"].compactMap(AddressRange.init))

    /// What `init(parsing:)` accepts, to complete the sentence "… must be …".
    public static let accepted = """
        a comma-separated list of up to \(rangesMax) addresses and networks such as 192.0.2.7,10.0.0.0/8,::1, or none
        """

    private init(ranges: [AddressRange]) {
        self.ranges = ranges
    }

    /// Reads addresses and networks separated by commas, or `none`.
    public init?(parsing text: String) {
        var ranges: [AddressRange] = []
        for element in text == "none" ? [] : text.split(separator: ",", omittingEmptySubsequences: false) {
            var name = element.drop { $0 == " " }
            while name.last == " " { name.removeLast() }
            guard let range = AddressRange(String(name)), ranges.count < Self.rangesMax else { return nil }
            ranges.append(range)
        }
        self.init(ranges: ranges)
    }

    func contain(_ address: SocketAddress) -> Bool {
        ranges.contains { $0.contains(address) }
    }
}
