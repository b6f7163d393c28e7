import Broadcast
import ThreatFeed

/// Pages of the log that were read a moment ago, for those who come for the same: clients that come back together are
/// let in one after the other, and the later ones need not have it read again.
struct PageShelf {
    /// A page, and the same framed: the positions of the feed are the indices of the page's steps.
    struct Entry {
        let page: ResumePage
        let feed: Feed
        let readAt: Tick
    }

    private static let pagesMax = 32
    /// The newest page stays whatever it weighs.
    private static let bytesMax = 4 << 20
    /// What was read may have been trimmed or lost since.
    private static let ageMax = Duration.seconds(10)
    /// A page is bounded by what is read at once.
    private static let bounds = Ring.Bounds(entriesMax: .max, bytesMax: .max)

    private var entries: [Entry] = []
    /// Of the framed entries of all pages.
    private(set) var byteCount = 0

    /// What was read last.
    var newest: Entry? { entries.last }

    /// A page that has something for a client at `cursor`.
    /// - Parameter generation: That of the log, as far as this replica knows: a page from before a move may hold what
    ///   was lost by it.
    func entry(offering cursor: Cursor, generation: UInt64) -> Entry? {
        entries.last { $0.page.offers(cursor) && $0.page.head.generation >= generation }
    }

    mutating func append(_ page: ResumePage, now: Tick) {
        let feed = Feed(bounds: Self.bounds, startingAfter: page.after)
        for step in page.steps { feed.append(EntryEncoding.step(step)) }
        entries.append(Entry(page: page, feed: feed, readAt: now))
        byteCount += feed.ring.byteCount
        while entries.count > 1, entries.count > Self.pagesMax || byteCount > Self.bytesMax { removeOldest() }
    }

    mutating func removeOld(now: Tick) {
        while let oldest = entries.first, oldest.readAt + Self.ageMax <= now { removeOldest() }
    }

    mutating func removeAll() {
        entries = []
        byteCount = 0
    }

    private mutating func removeOldest() {
        byteCount -= entries.removeFirst().feed.ring.byteCount
    }
}
