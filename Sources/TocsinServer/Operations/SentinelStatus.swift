import RedisLog

/// What the replica knows of its Sentinels, for metrics. Written by the loop that follows the log, read by any thread.
final class SentinelStatus: Sendable {
    /// 1 while a Sentinel names the master.
    let answering = Counter()
    /// Times that none did for some seconds.
    let outages = Counter()
    /// Times that links had to leave for another master.
    let moves = Counter()

    init() {
        answering.set(1)
    }
}

extension ReplicaShared {
    func report(_ news: SentinelNews) {
        switch news {
        case .moved(let move) where move.isFirst: break
        case .moved(let move):
            status.sentinels.moves.add(1)
            logger.warning(
                "redis_moved", "Sentinel names another master",
                ["master": move.address, "epoch": move.epoch.map(String.init) ?? "not told"])
        case .epochFell(let from, let to):
            logger.warning(
                "sentinel_epoch_fell", "the Sentinels were set up anew: they count their epochs from a lower one",
                ["from": "\(from)", "to": "\(to)"])
        case .silent(let reason):
            if status.sentinels.answering.value == 1 { status.sentinels.outages.add(1) }
            status.sentinels.answering.set(0)
            logger.limited(
                "sentinels_silent",
                directory.knowsMaster
                    ? "no Sentinel names the master: the last known one is used, and a failover would go unnoticed"
                    : "no Sentinel names the master",
                ["reason": reason])
        case .answering:
            status.sentinels.answering.set(1)
            logger.info("sentinels_answer", "a Sentinel names the master again")
        case .withoutEpoch:
            logger.warning(
                "sentinel_without_epoch",
                "a Sentinel does not tell its epochs: a failover is followed once most Sentinels name the new master",
                ["permission": "+sentinel|master"])
        }
    }
}
