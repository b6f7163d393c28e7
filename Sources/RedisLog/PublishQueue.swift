import PosixIO

/// Publishes that wait for their turn to be sent.
///
/// While a call is under way, what comes shares the next one: what a call costs Redis is paid once for all its records,
/// so the busier the log, the less a record costs. A publish on a quiet log goes at once, and none waits longer than
/// `gatherMax` for others.
struct PublishQueue {
    /// About what a call and its answer take when Redis is busy.
    static let gatherMax = Duration.microseconds(500)
    private static let countMax = 65_536
    private static let bytesMax = 64 << 20

    private var publications: [Publication] = []
    private var byteCount = 0
    private var callsUnderWay = 0
    private var lastCall = MonotonicTime(nanoseconds: 0)

    func hasRoom(for publication: Publication) -> Bool {
        publications.count < Self.countMax && byteCount + publication.byteCount <= Self.bytesMax
    }

    mutating func append(_ publication: Publication) {
        publications.append(publication)
        byteCount += publication.byteCount
    }

    /// Whether what waits is to be sent now.
    func isDue(now: MonotonicTime) -> Bool {
        nextDeadline.map { now >= $0 } ?? false
    }

    /// When what waits is to be sent; `nil` while nothing does.
    var nextDeadline: MonotonicTime? {
        guard !publications.isEmpty else { return nil }
        let isFull = publications.count >= LogClient.callRecordsMax || byteCount >= LogClient.callBytesMax
        return callsUnderWay == 0 || isFull ? MonotonicTime(nanoseconds: 0) : lastCall + Self.gatherMax
    }

    mutating func callSent(now: MonotonicTime) {
        callsUnderWay += 1
        lastCall = now
    }

    /// A call has been answered, or has failed.
    mutating func callEnded() {
        callsUnderWay -= 1
    }

    mutating func takeAll() -> [Publication] {
        var taken: [Publication] = []
        swap(&taken, &publications)
        publications.reserveCapacity(min(taken.count, LogClient.callRecordsMax))
        byteCount = 0
        return taken
    }
}
