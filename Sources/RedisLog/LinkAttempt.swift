import PosixIO

/// What is left of an attempt to connect, and why it has not succeeded so far.
struct LinkAttempt {
    /// A name with very many addresses still gets its turn to be looked up again.
    static let addressesMax = 16
    private static let reasonsMax = 8

    /// The host that is tried.
    private(set) var host = ""
    private(set) var port: UInt16 = 0
    /// Those of its addresses that were not tried yet.
    private(set) var addresses: [SocketAddress] = []
    private(set) var address: SocketAddress?
    private var hasSeveralAddresses = false
    /// The next Sentinel to be asked, and how many have not been.
    var nextSentinel = 0
    var sentinelsLeft = 0
    /// The last known master was tried in spite of the Sentinels.
    var hasTriedLastKnown = false
    private var reasons: [String] = []

    mutating func begin(host: String, port: UInt16) {
        self.host = host
        self.port = port
        addresses = []
        address = nil
        hasSeveralAddresses = false
    }

    /// - Parameter first: Which address is to be tried first, counted around.
    mutating func take(_ found: [SocketAddress], first: Int = 0) {
        let start = found.isEmpty ? 0 : first % found.count
        addresses = Array(found[start...] + found[..<start])
        hasSeveralAddresses = found.count > 1
    }

    mutating func takeAddress() -> SocketAddress? {
        address = addresses.isEmpty ? nil : addresses.removeFirst()
        return address
    }

    mutating func note(_ reason: String) {
        if !reasons.contains(reason), reasons.count < Self.reasonsMax { reasons.append(reason) }
    }

    /// All that went wrong, in order.
    var reason: String { reasons.joined(separator: "; ") }

    /// The same, whichever was tried first.
    var reasonInAnyOrder: String { reasons.sorted().joined(separator: "; ") }

    /// `host:port`, with the address where the host has several.
    var peer: String {
        let authority = RedisEndpoint.authority(host, port)
        return hasSeveralAddresses ? authority + (address.map { " (\($0.hostText))" } ?? "") : authority
    }
}
