/// The batches made since the ring last changed. Most clients stand at the same place, so one serves nearly all.
struct BatchCache {
    struct Key: Hashable {
        let from: FeedPosition
        let filterClass: FilterClassID
        let form: WireForm
        let hasContext: Bool
    }

    /// Entries in one system call. More would gain little: the cost per call is spread over so many already.
    static let piecesMax = 256
    /// Bytes in one system call, unless a single entry is larger: about what a socket buffer takes.
    static let bytesMax = 256 << 10
    /// Clients that lag lie scattered; past this many places the cache starts over.
    private static let batchesMax = 64

    /// The batch that was asked for last.
    private(set) var last: Batch?
    private var batches: [Key: Batch] = [:]

    subscript(key: Key) -> Batch? {
        mutating get {
            if let last, last.key == key { return last }
            guard let known = batches[key] else { return nil }
            last = known
            return known
        }
        set {
            if batches.count >= Self.batchesMax { batches.removeAll(keepingCapacity: true) }
            batches[key] = newValue
            last = newValue
        }
    }

    mutating func removeAll() {
        guard last != nil || !batches.isEmpty else { return }
        last = nil
        batches.removeAll(keepingCapacity: true)
    }
}
