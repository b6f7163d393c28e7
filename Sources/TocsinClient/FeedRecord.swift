public import PosixIO
public import ThreatFeed

/// One entry as one client received it.
public struct Delivery: Sendable, Equatable {
    public let cursor: Cursor
    public let threatID: String
    public let receivedAt: MonotonicTime

    public init(cursor: Cursor, threatID: String, receivedAt: MonotonicTime) {
        self.cursor = cursor
        self.threatID = threatID
        self.receivedAt = receivedAt
    }
}

/// A resume that was refused: the client was told that entries may be missing.
public struct FeedSkip: Sendable, Equatable {
    /// Deliveries before it.
    public let index: Int
    /// Where the client had stood, and where it went on.
    public let from: Cursor
    public let to: Cursor
    /// The replica's own words.
    public let reason: String
}

/// What one client of the feed has seen since it started, over all its connections.
public struct FeedRecord: Sendable {
    /// Where the first connection joined the log; everything after it is owed to the client.
    public internal(set) var joinedAfter: Cursor?
    /// Where the client stands.
    public internal(set) var cursor: Cursor?
    /// Entries in the order received, up to the bound given to the fleet.
    public internal(set) var deliveries: [Delivery] = []
    /// Indices into `deliveries` before which the log moved to a new generation, and the cursor it went on from.
    public internal(set) var resets: [(index: Int, to: Cursor)] = []
    /// Refused resumes. What lies between is not owed to the client: it was told.
    public internal(set) var skips: [FeedSkip] = []
    public internal(set) var isConnected = false
    /// Connections that were opened.
    public internal(set) var connections = 0
    /// Connections that ended without this client's wish.
    public internal(set) var unwantedEndings = 0
    public internal(set) var firstEnding: FeedEnding?
    public internal(set) var lastEnding: FeedEnding?
    /// Times a resume was refused (`recovered: false`).
    public internal(set) var failedResumes = 0
    public internal(set) var heartbeats = 0
    /// The URL of the last connection.
    public internal(set) var url: ServerURL

    init(url: ServerURL) {
        self.url = url
    }

    mutating func note(_ message: FeedMessage, at time: MonotonicTime, deliveriesMax: Int) {
        switch message.kind {
        case .initialBatch:
            if !message.recovered {
                failedResumes += 1
                if let from = cursor, let to = message.cursor {
                    let reason = (try? message.json())?["reason"]?.stringValue ?? "no reason given"
                    skips.append(FeedSkip(index: deliveries.count, from: from, to: to, reason: reason))
                }
            }
            if joinedAfter == nil { joinedAfter = message.cursor }
        case .resumed:
            if joinedAfter == nil { joinedAfter = message.cursor }
        case .newThreat:
            if let cursor = message.cursor, deliveries.count < deliveriesMax {
                deliveries.append(Delivery(cursor: cursor, threatID: message.threatID ?? "", receivedAt: time))
            }
        case .reset:
            if let cursor = message.cursor { resets.append((deliveries.count, cursor)) }
        case .heartbeat: heartbeats += 1
        case .threatUpdated, .error, .filtered, .pong, .unknown: break
        }
        if let position = message.cursor { cursor = position }
    }
}
