import PosixIO

/// Which reasons of an outage are worth a line of their own. Sans I/O.
///
/// The cause may change while something is down: a certificate, then a password; and what ended a connection is seldom
/// what keeps it from coming back. Each is told once, when it is seen a second time (what an attempt goes through on its
/// way is none), with a pause after each that was added, and not without bound.
struct OutageReasons {
    static let pause = Duration.seconds(5)
    static let patience = Duration.seconds(1)
    private static let reasonsMax = 32

    /// When each was seen first; `nil` once it was told.
    private var seen: [String: MonotonicTime?] = [:]
    /// When another one than the first was told last.
    private var addedAt: MonotonicTime?

    /// The outage has been told, with this reason.
    mutating func told(_ reason: String) {
        seen[reason] = .some(nil)
    }

    /// To be called every so often during the outage.
    /// - Returns: Whether the reason is to be told now, which then counts as done.
    mutating func isNews(_ reason: String, now: MonotonicTime) -> Bool {
        guard let first = seen[reason] else {
            if seen.count < Self.reasonsMax { seen[reason] = now }
            return false
        }
        guard let first, now - first >= Self.patience, addedAt.map({ now - $0 >= Self.pause }) ?? true else {
            return false
        }
        told(reason)
        addedAt = now
        return true
    }
}
