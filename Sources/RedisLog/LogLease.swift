import PosixIO

/// When the keys of a log that is only leased are to be given their time to live again.
///
/// A log that is deleted while anybody follows it looks like one that Redis lost, and would be repaired. One whose keys
/// live as long as somebody renews them ends by itself, after the last replica has let go of it, and also when all of
/// them are killed.
struct LogLease {
    private static let interval = Duration.seconds(1)
    private var renewalDue: MonotonicTime?

    /// - Returns: Whether to renew now; at most once in a second.
    mutating func isDue(now: MonotonicTime) -> Bool {
        if let renewalDue, now < renewalDue { return false }
        renewalDue = now + Self.interval
        return true
    }
}

extension LogClient {
    /// Lets the keys live on from now; those that do not exist stay so. Nothing for a log that is kept for ever.
    /// - Parameter completion: Told whether Redis allows it.
    func renewLease(completion: @escaping (Result<Void, LogError>) -> Void = { _ in }) {
        guard let lease = retention.lease else { return }
        let all = [keys.log, keys.ids, keys.counts, keys.meta]
        let gathered = Gathered(count: all.count, completion: completion)
        for key in all {
            scripts.run(RedisCommand("PEXPIRE", key, String(lease.milliseconds))) { result in
                gathered.finishOne(result.map { _ in })
            }
        }
    }
}
