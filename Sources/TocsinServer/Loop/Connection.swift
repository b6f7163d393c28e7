import Broadcast
import Codecs
import PosixIO
import ThreatFeed

/// One client of an event loop: a plain value in a slab, found by `{slot, generation}`.
///
/// An idle WebSocket owns no buffer: what is read goes through the loop's scratch buffer, what is sent to everybody
/// lies in the ring.
struct Connection: ~Copyable {
    /// What the bytes on the socket mean.
    enum Dialogue {
        case http(HTTPConversation)
        /// Its state is `Connection.webSocket`.
        case webSocket
        case eventStream
        /// The last answer is sent; what the peer still says is read and dropped until it closes.
        case lingering
    }

    // What a sweep looks at stands together, first.
    let socket: FileDescriptor
    /// The socket was full; nothing is sent until it is reported writable.
    var isSendBlocked = false
    /// Waits in the loop's list of connections with something to send.
    var isDirty = false
    /// Ends when the outbox is empty.
    var closesWhenSent = false
    /// No request has arrived whole yet.
    var isPending = true
    /// Place in the lane's feed while `sweepIndex` is set.
    var client = ClientPosition.outside
    /// The number of the outage of the log that it was told of last (`Lane.outagesBegun`); 0 once it was told of its end.
    var outageKnown: UInt8 = 0
    /// When something was last sent, for heartbeats.
    var lastSent: Tick
    /// Bytes for this client alone, sent before further entries of the feed.
    var outbox: [UInt8] = []
    /// Between the socket and everything else; `nil` on a connection without TLS.
    var tls: TLSSession?

    /// The log it is a client of once it is a stream.
    var lane: Lane
    /// Reads what it missed from the log before it joins the feed.
    var catchUp: CatchUp?
    var dialogue: Dialogue
    let token: PollToken
    /// Where it comes from (`SocketAddress.sourceKey`).
    let source: UInt64
    /// What it is besides a place in the feed, while `dialogue` is `webSocket`.
    var webSocket: WebSocketSession
    // Words of four bytes stand together, so that none is padded.
    private var outboxSent: UInt32 = 0
    private var counted: UInt32 = 0
    private var sweepPlace = UInt32.max
    private var outputBegan = Tick.never
    private var deadlineTick = Tick.never
    var interest: PollEvents = .readable

    init(
        socket: consuming FileDescriptor, token: PollToken, source: UInt64, tls: TLSSession?, dialogue: Dialogue,
        lane: Lane, now: Tick
    ) {
        self.socket = socket
        self.token = token
        self.source = source
        self.tls = tls
        self.dialogue = dialogue
        self.lane = lane
        lastSent = now
        webSocket = WebSocketSession(windowBits: nil, now: now)
    }

    /// How much of `outbox` its socket has taken.
    var outboxBytesSent: Int {
        get { Int(outboxSent) }
        set { outboxSent = UInt32(newValue) }
    }

    /// What of `heldBytes` stands in the replica's budget.
    var countedBytes: Int {
        get { Int(counted) }
        set { counted = UInt32(newValue) }
    }

    /// Index in the lane's list of clients to sweep; `nil` for one that is not in the feed.
    var sweepIndex: UInt32? {
        get { sweepPlace == .max ? nil : sweepPlace }
        set { sweepPlace = newValue ?? .max }
    }

    /// Since when output has waited for its socket without a pause.
    var outputSince: Tick? {
        get { outputBegan.unlessNever }
        set { outputBegan = newValue ?? .never }
    }

    /// When the connection has waited long enough for what it waits for.
    var deadline: Tick? {
        get { deadlineTick.unlessNever }
        set { deadlineTick = newValue ?? .never }
    }

    var hasOutbox: Bool { outboxBytesSent < outbox.count }

    /// Whether the next thing its socket takes are entries of the feed, as they are.
    var takesFeedOnly: Bool { !isSendBlocked && client.partial == nil && outbox.isEmpty && tls == nil }

    /// Whether anything for this client alone waits for its socket.
    var hasOutput: Bool { hasOutbox || (tls?.unsentCount ?? 0) > 0 }

    /// Whether what it says must wait, because its first frame is not known yet.
    var awaitsFirstFrame: Bool { catchUp?.awaitsFirstFrame ?? false }

    /// Where a client of the feed stands: everything that matches up to here was given to it.
    var cursor: Cursor { catchUp?.join.cursor ?? client.cursor }

    /// Whether it receives the feed, or will once it has caught up.
    var isStreaming: Bool { sweepIndex != nil || catchUp != nil }
}

/// Coarse time for deadlines of connections: tenths of a second since the loop started. Overflows after 13 years.
struct Tick: Comparable {
    static let duration = Duration.milliseconds(100)
    /// What no clock reaches, where `nil` would cost four bytes more.
    static let never = Tick(count: .max)
    let count: UInt32

    var unlessNever: Tick? { self == .never ? nil : self }

    init(count: UInt32) {
        self.count = count
    }

    init(_ now: MonotonicTime, since start: MonotonicTime) {
        count = UInt32((now.nanoseconds - start.nanoseconds) / 100_000_000)
    }

    static func < (left: Tick, right: Tick) -> Bool { left.count < right.count }

    /// Rounded up, so that no deadline comes early.
    static func + (tick: Tick, duration: Duration) -> Tick {
        let ticks = (duration.millisecondsRoundedUp + 99) / 100
        return Tick(count: tick.count &+ UInt32(clamping: max(1, ticks)))
    }
}
