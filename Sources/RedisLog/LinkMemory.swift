/// Which keys a server may throw away by itself to make room (`maxmemory-policy`).
public enum Eviction: Hashable, Sendable {
    /// Any key, and so a part of any log: the policy, `allkeys-…`.
    case anyKey(policy: String)
    /// Keys that have a time to live, as those of a log that is only leased: `volatile-…`.
    case leasedKeys(policy: String)

    /// Reads the answer of INFO memory.
    /// - Returns: `nil` when nothing is thrown away: there is no bound, or writes are refused beyond it.
    init?(info text: [UInt8]) {
        let policy = RedisLink.field("maxmemory_policy", of: text)
        let bound = RedisLink.field("maxmemory", of: text)
        guard !bound.isEmpty, bound != "0" else { return nil }
        if policy.hasPrefix("allkeys-") {
            self = .anyKey(policy: policy)
        } else if policy.hasPrefix("volatile-") {
            self = .leasedKeys(policy: policy)
        } else {
            return nil
        }
    }
}

extension RedisLink {
    /// Asks what the server may throw away. Without an answer, which users may be refused, nothing is known.
    func askAboutMemory() {
        send(RedisCommand("INFO", "memory")) { [weak self] result in
            guard let self, case .success(.string(let text)) = result else { return }
            let found = Eviction(info: text)
            guard found != eviction else { return }
            eviction = found
            onEviction?(found)
        }
    }
}
