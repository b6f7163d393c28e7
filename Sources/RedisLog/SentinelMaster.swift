/// A master as a Sentinel names it.
struct SentinelMaster: Hashable, Sendable {
    let host: String
    let port: UInt16
    /// Of two answers the one with the higher epoch is the newer (Redis Sentinel, "configuration epochs"); `nil` where
    /// the Sentinel does not tell, because its user may not ask (`sentinel|master`).
    let epoch: UInt64?

    init(host: String, port: UInt16, epoch: UInt64?) {
        self.host = host
        self.port = port
        self.epoch = epoch
    }

    /// The two questions, whose answers `init` takes.
    static func questions(about master: String) -> [RedisCommand] {
        [
            RedisCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master),
            RedisCommand("SENTINEL", "MASTER", master),
        ]
    }

    /// - Parameters:
    ///   - address: Host and port; during a failover already those of the promoted replica.
    ///   - details: Names and values in turn. Anything else tells no epoch.
    /// - Returns: `nil` when the first answer is anything else.
    init?(address: RedisReply, details: RedisReply) {
        guard let parts = address.elements, parts.count == 2, let host = parts[0].text, !host.isEmpty,
            let port = parts[1].text.flatMap(UInt16.init)
        else { return nil }
        let fields = details.elements ?? []
        var epoch: UInt64?
        for index in stride(from: 0, to: fields.count - 1, by: 2) where fields[index].text == "config-epoch" {
            epoch = fields[index + 1].text.flatMap { UInt64($0) }
        }
        self.init(host: host, port: port, epoch: epoch)
    }

    /// `host:port`, an IPv6 address in brackets.
    var address: String { RedisEndpoint.authority(host, port) }

    func isAt(_ other: SentinelMaster) -> Bool { host == other.host && port == other.port }
}

extension SentinelMaster: CustomStringConvertible {
    var description: String { "\(address) (\(epoch.map { "epoch \($0)" } ?? "no epoch told"))" }
}
