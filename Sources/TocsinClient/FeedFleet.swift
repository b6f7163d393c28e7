public import PosixIO
import Synchronization

/// How one client of a fleet behaves.
public struct FeedClientOptions: Sendable {
    /// Replicas to choose from; the first is tried first.
    public var urls: [ServerURL]
    public var query: FeedQuery
    /// Drops the connection abruptly after this long and goes on at a random replica.
    public var reconnectPeriod: Duration?
    public var backoff: Backoff
    /// Offers permessage-deflate; the client then holds an inflater of about 56 KiB.
    public var isDeflated: Bool
    /// How long a connection may bring not one byte before it counts as dead: two heartbeats and a margin. Bytes, not
    /// messages: a large one may take long on a thin line.
    public var silence: Duration

    public static let silenceDefault = Duration.seconds(35)

    public init(
        urls: [ServerURL], query: FeedQuery = FeedQuery(), reconnectPeriod: Duration? = nil,
        backoff: Backoff = Backoff(), isDeflated: Bool = false, silence: Duration = silenceDefault
    ) {
        precondition(!urls.isEmpty, "a client needs a replica")
        self.urls = urls
        self.query = query
        self.reconnectPeriod = reconnectPeriod
        self.backoff = backoff
        self.isDeflated = isDeflated
        self.silence = silence
    }
}

/// What happens to a client of a fleet.
public enum FeedEvent: Sendable {
    case connected(ServerURL)
    case message(FeedMessage)
    /// The connection ended; the next attempt comes after the wait, or never after an end that is final.
    case disconnected(FeedEnding, retryIn: Duration?)
}

/// Many clients of the feed on one thread: each resumes by itself, where it left off, after every end but a final one.
///
/// The thread owns connections and timers. What the clients have seen is shared under a mutex, in which nothing is
/// called but what `inspect` and `wait` are given.
public final class FeedFleet: Sendable {
    enum Command: Sendable {
        case drop(index: Int, next: ServerURL?)
        case send(index: Int, text: [UInt8])
        case stop
    }

    let mailbox: Mailbox<Command>
    let records: Mutex<[FeedRecord]>
    let deliveriesMax: Int
    private let thread: Mutex<Thread?>

    /// Starts the clients.
    /// - Parameters:
    ///   - deliveriesMax: How many deliveries are recorded for each client; 0 for clients that only observe.
    ///   - observe: Called on the fleet's thread with the index of the client.
    public init(
        _ clients: [FeedClientOptions], deliveriesMax: Int = 4_000_000,
        observe: (@Sendable (Int, FeedEvent) -> Void)? = nil
    ) throws(SystemError) {
        self.deliveriesMax = deliveriesMax
        mailbox = try Mailbox()
        records = Mutex(clients.map { FeedRecord(url: $0.urls[0]) })
        thread = Mutex(nil)
        let started = try Thread.start(name: "feed-clients") { [self] in
            do {
                var loop = try FeedLoop(fleet: self, clients: clients, observe: observe)
                loop.run()
            } catch {
                records.withLock { records in
                    for index in records.indices { records[index].lastEnding = .lost("\(error)") }
                }
            }
        }
        thread.withLock { $0 = started }
    }

    public var count: Int { records.withLock { $0.count } }

    /// What a client has seen.
    public func record(_ index: Int) -> FeedRecord { records.withLock { $0[index] } }

    public func allRecords() -> [FeedRecord] { records.withLock { $0 } }

    /// Looks at the records without copying them.
    public func inspect<Result: Sendable>(_ body: ([FeedRecord]) -> Result) -> Result { records.withLock { body($0) } }

    /// Cuts a client's connection without a close frame; it reconnects at `next`, or where it was.
    public func drop(_ index: Int, next: ServerURL? = nil) {
        mailbox.post(.drop(index: index, next: next))
    }

    /// Sends a text message on a client's connection, if it is open.
    public func send(_ index: Int, text: String) {
        mailbox.post(.send(index: index, text: Array(text.utf8)))
    }

    /// Ends all connections and the thread. Call it once.
    public func stop() {
        mailbox.post(.stop)
        let running = thread.withLock { thread in
            let running = thread
            thread = nil
            return running
        }
        running?.join()
    }

    /// Waits for a condition on the records.
    /// - Returns: Whether it came true before the deadline.
    public func wait(until deadline: MonotonicTime, for condition: ([FeedRecord]) -> Bool) -> Bool {
        while true {
            if inspect(condition) { return true }
            guard MonotonicTime.now < deadline else { return false }
            Pause.sleep(.milliseconds(5))
        }
    }
}
