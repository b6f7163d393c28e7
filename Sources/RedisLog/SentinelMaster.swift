/// A master as a Sentinel names it. Of two answers the one with the higher epoch is the newer (Redis Sentinel,
/// "configuration epochs").
struct SentinelMaster: Hashable {
    let host: String
    let port: UInt16
    let epoch: UInt64

    /// The two questions, whose answers `init` takes.
    static func questions(about master: String) -> [RedisCommand] {
        [
            RedisCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master),
            RedisCommand("SENTINEL", "MASTER", master),
        ]
    }

    /// - Parameters:
    ///   - address: Host and port; during a failover already those of the promoted replica.
    ///   - details: Names and values in turn.
    /// - Returns: `nil` when an answer is anything else.
    init?(address: RedisReply, details: RedisReply) {
        guard let parts = address.elements, parts.count == 2, let host = parts[0].text, !host.isEmpty,
            let port = parts[1].text.flatMap(UInt16.init), let fields = details.elements
        else { return nil }
        var epoch: UInt64?
        for index in stride(from: 0, to: fields.count - 1, by: 2) where fields[index].text == "config-epoch" {
            epoch = fields[index + 1].text.flatMap { UInt64($0) }
        }
        guard let epoch else { return nil }
        self.host = host
        self.port = port
        self.epoch = epoch
    }
}
