public import ThreatFeed

/// Which cursor to read from next, when many clients wait for the log: a pass goes from the lowest towards the ring and
/// takes everybody along whom it comes by, so that one read serves all who stand within it.
///
/// Who cannot take more stays behind for the next pass, and so does who came too late for this one. No client keeps a
/// pass for itself: after `pagesMax` pages it is the next pass's, and the others get their turn.
public struct ResumePass: Sendable {
    /// How much of the present pass a client has had.
    public struct Share: Sendable {
        fileprivate var pass: UInt64 = 0
        fileprivate var pages = 0

        public init() {}
    }

    private let pagesMax: Int
    private var number: UInt64 = 1
    /// Where the last page of the pass began.
    private var position = Cursor.zero

    public init(pagesMax: Int = 16) {
        self.pagesMax = pagesMax
    }

    /// The cursor to read from; `nil` when nobody waits.
    /// - Parameter waiting: Every client that wants a read.
    public mutating func next(among waiting: some Sequence<(cursor: Cursor, share: Share)>) -> Cursor? {
        var lowest: Cursor?
        var lowestOnTheWay: Cursor?
        for (cursor, share) in waiting {
            lowest = min(lowest ?? cursor, cursor)
            if cursor >= position, !isUsedUp(share) { lowestOnTheWay = min(lowestOnTheWay ?? cursor, cursor) }
        }
        if lowestOnTheWay == nil, lowest != nil { number += 1 }
        position = lowestOnTheWay ?? lowest ?? .zero
        return lowestOnTheWay ?? lowest
    }

    /// Counts a page that a client was given.
    public func count(_ share: inout Share) {
        if share.pass != number { share = Share(pass: number) }
        share.pages += 1
    }

    private func isUsedUp(_ share: Share) -> Bool {
        share.pass == number && share.pages >= pagesMax
    }
}

extension ResumePass.Share {
    fileprivate init(pass: UInt64) {
        self.init()
        self.pass = pass
    }
}
