/// When the streams of a loop are closed in a drain: evenly over most of it, so that their clients do not arrive at the
/// other replicas all at once.
enum ClosingMoments {
    // Parts of the drain between which streams are closed. Before, balancers take the replica out, lest its clients come
    // back to it; after, those who have not answered the close yet still can.
    static let begins = 0.1
    static let ends = 0.8

    /// - Returns: For each of so many streams how long after the beginning of the drain it is closed, in order; each at
    ///   random within its own share of the time.
    static func spread(
        _ count: Int, within period: Duration, using random: inout some RandomNumberGenerator
    ) -> [Duration] {
        (0..<count).map { index in
            let share = (Double(index) + Double.random(in: 0..<1, using: &random)) / Double(count)
            return period * (begins + (ends - begins) * share)
        }
    }
}
