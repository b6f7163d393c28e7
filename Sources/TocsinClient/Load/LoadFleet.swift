package import Histogram
package import PosixIO
import Synchronization

enum LoadCommand: Sendable {
    case stop
}

/// What the clients of one loop came to.
package struct LoadLoopResult: Sendable {
    package var clients = 0
    var disconnects = 0
    var resets = 0
    var refusedResumes = 0
    var firstEnding: FeedEnding?
    package var ledger: LoadLedger?

    package init() {}
}

/// What all clients of a load have received.
public struct LoadReceipts: Sendable {
    public internal(set) var clients = 0
    /// Receipts of threats of the load.
    public internal(set) var deliveries = 0
    /// Entries that clients missed between two that they received.
    public internal(set) var gaps = 0
    /// Entries that a client received twice running.
    public internal(set) var duplicates = 0
    /// Entries out of order, or with another threat than another client received.
    public internal(set) var disorder = 0
    /// Connections that ended without the client's wish.
    public internal(set) var disconnects = 0
    /// Moves of the log to a new generation, seen by all clients together.
    public internal(set) var resets = 0
    /// Times a client was told that it cannot resume.
    public internal(set) var refusedResumes = 0
    public internal(set) var firstEnding: FeedEnding?
    /// From when a post was due to each receipt, in microseconds.
    package internal(set) var latency = LoadLedger.newHistogram()
    package internal(set) var lastReceipt: MonotonicTime?
    /// For each loop, how many clients it has and what they received.
    package internal(set) var tallies: [(clients: Int, tallies: LoadTallies)] = []

    package init(_ results: [LoadLoopResult]) {
        for result in results {
            clients += result.clients
            disconnects += result.disconnects
            resets += result.resets
            refusedResumes += result.refusedResumes
            firstEnding = firstEnding ?? result.firstEnding
            guard let ledger = result.ledger else { continue }
            deliveries += ledger.deliveries
            gaps += ledger.gaps
            duplicates += ledger.duplicates
            disorder += ledger.disorder
            latency.add(ledger.latency)
            tallies.append((result.clients, ledger.tallies))
            lastReceipt = [lastReceipt, ledger.lastReceipt].compactMap(\.self).max()
        }
    }
}

/// Very many clients of the feed on few threads, that keep nothing of what they receive but what it says about the
/// deployment: that nothing is lost, doubled or out of order, and how late it is.
///
/// Each resumes by itself where it left off. The threads own the connections; what is shared is `progress`.
public final class LoadFleet: Sendable {
    public let progress = LoadProgress()
    private let mailboxes: [Mailbox<LoadCommand>]
    // Owner: whoever starts and finishes. Nothing is called while it is held.
    private let threads = Mutex<[Thread]>([])
    // Owner: the loops' threads at their end, and whoever finishes. Nothing is called while it is held.
    private let results = Mutex<[LoadLoopResult]>([])
    // Owner: the loops' threads; read by anybody. Nothing is called while it is held.
    private let ending = Mutex<FeedEnding?>(nil)

    /// Starts the clients.
    /// - Throws: `ClientError.unreachable` for a name without an address, `childFailed` when a thread cannot be started.
    public init(_ options: LoadOptions) throws(ClientError) {
        let replicas = try LoadReplicas(options.urls)
        let count = options.loops
        do throws(SystemError) {
            mailboxes = try (0..<count).map { _ throws(SystemError) in try Mailbox() }
            for number in 0..<count {
                let thread = try Thread.start(name: "load-\(number)") { [self] in
                    run(options, replicas, Array(stride(from: number, to: options.clients, by: count)), number)
                }
                threads.withLock { $0.append(thread) }
            }
        } catch {
            throw .childFailed(error.description)
        }
    }

    /// How the last connection ended that did, for whoever wants to know why clients do not come.
    public var lastEnding: FeedEnding? { ending.withLock { $0 } }

    /// Ends all connections and the threads. Call it once.
    /// - Returns: What the clients received.
    public func finish() -> LoadReceipts {
        for mailbox in mailboxes { mailbox.post(.stop) }
        let running = threads.withLock { threads in
            let running = threads
            threads = []
            return running
        }
        for thread in running { thread.join() }
        return LoadReceipts(results.withLock { $0 })
    }

    private func run(_ options: LoadOptions, _ replicas: LoadReplicas, _ indices: [Int], _ number: Int) {
        do throws(SystemError) {
            var loop = try LoadLoop(
                options, replicas: replicas, indices: indices, mailbox: mailboxes[number], progress: progress,
                noteEnding: { [self] ending in self.ending.withLock { $0 = ending } })
            let result = loop.run()
            results.withLock { $0.append(result) }
        } catch {
            ending.withLock { $0 = .lost(error.description) }
        }
    }
}
