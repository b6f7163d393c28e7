import PosixIO

/// Which of the Sentinels' words about the master hold. Sans I/O; one for all links of a process.
///
/// A Sentinel that was cut off names a former master, which may go on taking itself for one. The configuration epoch
/// tells which word is newer, as long as nobody sets the Sentinels up anew: then they count from 0 again. So
/// - a higher epoch holds at once, unless it may be one of before they were set up anew;
/// - the address that is known holds at any epoch, and the known epoch falls once most Sentinels name a lower one;
/// - another address without a higher epoch holds once most Sentinels name it and its server says that it is a master;
/// - at the same epoch, which no failover but only an operator brings about, it is enough that none names the known one.
///
/// Most of them are more than half of the configured hosts. A host that has several addresses counts as so many
/// Sentinels, but each of them once, though it has an IPv4 and an IPv6 address. Of fewer than three each has to say so
/// three times on end: behind a single address may stand a balancer with several Sentinels.
struct MasterView: Sendable {
    /// A Sentinel, by how it was reached.
    struct Voter: Hashable, Sendable {
        /// Which of the configured hosts.
        let index: Int
        let address: String
        /// The address family.
        let family: Int32
    }

    enum Verdict: Hashable, Sendable {
        case holds(revision: UInt64)
        /// It has to be confirmed by the role of its server.
        case holdsIfMaster(revision: UInt64)
        /// It is taken for outdated; why.
        case doubtful(String)
    }

    struct EpochFall: Hashable, Sendable {
        let from: UInt64
        let to: UInt64
    }

    private struct Vote {
        let named: SentinelMaster
        /// How often the voter has said so on end.
        let times: Int
        let at: MonotonicTime
    }

    /// A Sentinel that was not heard for so long has no vote.
    static let voteLife = Duration.seconds(30)
    private static let timesOfFew = 3

    /// The master that is known, and the highest epoch it was named at.
    private(set) var master: SentinelMaster?
    /// Grows whenever every link has to leave for another master, or for the same one that was another in between.
    private(set) var revision: UInt64 = 0
    /// The last time that the Sentinels were found to count their epochs anew, and how often that was.
    private(set) var epochFall: EpochFall?
    private(set) var epochFalls = 0
    /// No Sentinel has named a master that holds for a while: nobody would know of a failover.
    private(set) var isBlind = false

    /// The highest epoch of Sentinels that were set up anew since: one that is left of them may still name it.
    private var formerEpoch: UInt64 = 0
    private var votes: [Voter: Vote] = [:]
    /// The addresses of each configured host, as it was looked up last.
    private var seats: [[Voter]]

    /// - Parameter hosts: How many Sentinels are configured.
    init(hosts: Int) {
        seats = Array(repeating: [], count: hosts)
    }

    /// A configured host was looked up. Votes of addresses that it no longer has are void.
    mutating func seated(_ voters: [Voter], at index: Int) {
        guard seats.indices.contains(index), seats[index] != voters else { return }
        seats[index] = voters
        votes = votes.filter { $0.key.index != index || voters.contains($0.key) }
    }

    /// A Sentinel has named the master.
    mutating func heard(_ named: SentinelMaster, from voter: Voter, now: MonotonicTime) -> Verdict {
        let former = votes[voter]
        votes[voter] = Vote(named: named, times: former?.named == named ? (former?.times ?? 0) + 1 : 1, at: now)
        guard let known = master else { return adopt(named) }
        if let epoch = named.epoch, let knownEpoch = known.epoch, epoch > max(knownEpoch, formerEpoch) {
            return adopt(named)
        }
        if named.isAt(known) {
            isBlind = false
            if known.epoch == nil { master = named }
            settleEpoch(now: now)
            return .holds(revision: revision)
        }
        let isOfSameEpoch = named.epoch != nil && named.epoch == known.epoch
        let isUnknown = named.epoch == nil || known.epoch == nil
        let isContradicted = votes.values.contains { isFresh($0, now) && $0.named.isAt(known) }
        // What is not older cannot be outdated either that is heard after all were silent.
        if isBlind && (isOfSameEpoch || isUnknown) || isOfSameEpoch && !isContradicted
            || isNamedByMost(now: now, { $0.isAt(named) })
        {
            return .holdsIfMaster(revision: revision)
        }
        return .doubtful("names \(named), known is \(known): it counts once most Sentinels say so")
    }

    /// The server of a `holdsIfMaster` says that it is a master.
    /// - Parameter judgedAt: The revision of that verdict.
    /// - Returns: The revision from now on; `nil` when another master was found meanwhile.
    mutating func confirmed(_ named: SentinelMaster, judgedAt: UInt64) -> UInt64? {
        guard judgedAt == revision else { return nil }
        if let epoch = named.epoch, let known = master?.epoch, epoch < known { fall(from: known, to: epoch) }
        _ = adopt(named)
        return revision
    }

    /// No Sentinel has helped for a while.
    mutating func heardNothing() {
        isBlind = true
    }

    private mutating func adopt(_ named: SentinelMaster) -> Verdict {
        master = named
        revision += 1
        isBlind = false
        // What else was said before says nothing about the new one.
        votes = votes.filter { $0.value.named == named }
        return .holds(revision: revision)
    }

    private mutating func settleEpoch(now: MonotonicTime) {
        guard let known = master, let epoch = known.epoch else { return }
        func isLower(_ vote: SentinelMaster) -> Bool { vote.isAt(known) && vote.epoch.map { $0 < epoch } ?? false }
        guard isNamedByMost(now: now, isLower),
            let highest = votes.values.map(\.named).filter(isLower).compactMap(\.epoch).max()
        else { return }
        fall(from: epoch, to: highest)
        master = SentinelMaster(host: known.host, port: known.port, epoch: highest)
    }

    private mutating func fall(from: UInt64, to: UInt64) {
        epochFall = EpochFall(from: from, to: to)
        epochFalls += 1
        formerEpoch = max(formerEpoch, from)
    }

    private func isNamedByMost(now: MonotonicTime, _ matches: (SentinelMaster) -> Bool) -> Bool {
        let total = seats.reduce(0) { $0 + max(1, Self.mostOfOneFamily($1)) }
        let timesMin = total < Self.timesOfFew ? Self.timesOfFew : 1
        let voters = votes.filter { _, vote in
            isFresh(vote, now) && vote.times >= timesMin && matches(vote.named)
        }.keys
        let count = seats.indices.reduce(0) { sum, index in
            sum + Self.mostOfOneFamily(voters.filter { $0.index == index })
        }
        return count * 2 > total
    }

    private func isFresh(_ vote: Vote, _ now: MonotonicTime) -> Bool { now - vote.at <= Self.voteLife }

    private static func mostOfOneFamily(_ voters: [Voter]) -> Int {
        Dictionary(grouping: voters, by: \.family).values.map(\.count).max() ?? 0
    }
}
