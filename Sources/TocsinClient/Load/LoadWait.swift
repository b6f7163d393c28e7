public import PosixIO

/// Decides, after the posts of a load, how long to wait for what is still owed to its clients.
public struct LoadWait: Sendable {
    /// How a wait ended, which says what the receipts are that are still missing.
    public enum Ending: Sendable {
        /// As many have come as are owed: one that is missing is lost, and another came in its place.
        case complete
        /// Nothing comes any more: they are lost.
        case silence
        /// They are still coming, and it takes too long.
        case timeUp
        /// Nobody wanted to wait for them.
        case interrupted
    }

    /// How long nothing may come before what is missing counts as lost.
    public static let silenceMax = Duration.seconds(5)
    /// How long it may take in all, while something comes.
    public static let longest = Duration.seconds(300)
    /// How long to look for more than is owed.
    private static let afterword = Duration.seconds(1)

    private let owed: Int
    private let isExact: Bool
    private let start: MonotonicTime
    private var changed: MonotonicTime
    private var seen: Int

    /// - Parameters:
    ///   - owed: Receipts of what was acknowledged.
    ///   - isExact: Whether nothing else can come. What was given up may be kept all the same and come too: then the
    ///     number alone does not tell.
    ///   - seen: Receipts so far.
    public init(owed: Int, isExact: Bool, seen: Int, now: MonotonicTime) {
        self.owed = owed
        self.isExact = isExact
        self.seen = seen
        start = now
        changed = now
    }

    /// Receipts that are missing, as far as their number tells.
    public var missing: Int { max(0, owed - seen) }

    /// Looks again, some times a second.
    /// - Returns: `nil` as long as it is worth waiting.
    public mutating func look(seen: Int, isInterrupted: Bool, now: MonotonicTime) -> Ending? {
        if seen != self.seen { (self.seen, changed) = (seen, now) }
        let silence = now - changed
        if seen >= owed, isExact || silence > Self.afterword { return .complete }
        if isInterrupted { return .interrupted }
        if silence >= Self.silenceMax { return .silence }
        return now - start >= Self.longest ? .timeUp : nil
    }
}
