import PosixIO
import TocsinClient

/// One run of `tocsin bench`: clients, posts, and what came of them.
struct Bench {
    let clients: LoadOptions
    let posts: LoadPostOptions
    /// How long all may take to connect.
    let patience: Duration
    /// Whether progress is not shown.
    let isQuiet: Bool

    /// Descriptors for what is neither a client nor a publisher nor a thread.
    private static let descriptorsBesides = 64
    /// A poller and a mailbox.
    private static let descriptorsPerThread = 2
    private static let step = Duration.milliseconds(10)

    /// - Throws: `ClientError` when not all can connect, `CommandFailure` when this machine does not allow as many.
    func run(_ interruption: Interruption) throws -> BenchReport {
        try raiseLimits()
        let progress = BenchProgress(isQuiet: isQuiet)
        defer { progress.clear() }
        let begun = MonotonicTime.now
        let fleet = try LoadFleet(clients)
        let posting: LoadPosting
        do throws(ClientError) {
            posting = try LoadPosting(posts)
        } catch {
            _ = fleet.finish()
            throw error
        }
        do throws(ClientError) {
            try awaitConnections(fleet, posting, progress, interruption)
        } catch {
            _ = posting.finish()
            _ = fleet.finish()
            throw error
        }
        let connectTime = MonotonicTime.now - begun
        let connected = fleet.progress.connected
        progress.mark("connected \(connected)")
        let heeded = awaitPosts(posting, fleet, progress, interruption)
        let posted = posting.finish()
        let ending = awaitDeliveries(posted, fleet, progress) { interruption.count > heeded }
        progress.mark("done")
        return BenchReport(
            bench: self, connected: connected, connectTime: connectTime, posts: posted, receipts: fleet.finish(),
            ending: ending, wasInterrupted: interruption.isEnded)
    }

    private func raiseLimits() throws(CommandFailure) {
        let needed =
            clients.clients + posts.publishers + Self.descriptorsPerThread * clients.threads + Self.descriptorsBesides
        let limit = SystemFigures.raiseDescriptorLimit()
        guard limit >= needed else {
            throw CommandFailure(
                .unavailable,
                "this process may open \(limit) files and needs \(needed): raise the hard limit (ulimit -Hn) or take "
                    + "fewer --clients")
        }
        // So that the load does not stand still while it connects.
        SystemFigures.reserveDescriptors(needed)
    }

    private func awaitConnections(
        _ fleet: LoadFleet, _ posting: LoadPosting, _ progress: BenchProgress, _ interruption: Interruption
    ) throws(ClientError) {
        let deadline = MonotonicTime.now + patience
        while fleet.progress.joined < clients.clients || posting.ready < posts.publishers {
            guard !interruption.isEnded else { throw .unreachable("interrupted before all clients were connected") }
            guard MonotonicTime.now < deadline else {
                let reason = fleet.lastEnding.map { "\($0)" } ?? posting.lastFailure ?? "no answer"
                throw .unreachable(
                    "only \(fleet.progress.joined) of \(clients.clients) clients and \(posting.ready) of "
                        + "\(posts.publishers) publishers could connect: \(reason)")
            }
            progress.showConnecting(fleet, of: clients.clients)
            Pause.sleep(Self.step)
        }
    }

    /// Posts and waits until every post is answered or given up.
    /// - Returns: How many interruptions only ended the load; each one beyond them ends every wait at once.
    private func awaitPosts(
        _ posting: LoadPosting, _ fleet: LoadFleet, _ progress: BenchProgress, _ interruption: Interruption
    ) -> Int {
        let start = MonotonicTime.now
        var heeded = 0
        posting.begin()
        while !posting.isDone {
            if interruption.count > heeded {
                if heeded == 0, !posting.isDraining {
                    posting.stop()
                    heeded = 1
                } else {
                    posting.abandon()
                }
            }
            progress.show(posting, fleet, since: start, period: posts.period)
            Pause.sleep(Self.step)
        }
        return heeded
    }

    /// Waits until everything has come that is owed, or nothing comes any more.
    private func awaitDeliveries(
        _ posted: LoadPosts, _ fleet: LoadFleet, _ progress: BenchProgress, isInterrupted: () -> Bool
    ) -> LoadWait.Ending {
        var wait = LoadWait(
            owed: posted.acknowledgedCount * clients.clients, isExact: posted.failed == 0,
            seen: fleet.progress.deliveries, now: .now)
        while true {
            let ending = wait.look(seen: fleet.progress.deliveries, isInterrupted: isInterrupted(), now: .now)
            if let ending { return ending }
            progress.showAwaiting(wait.missing)
            Pause.sleep(Self.step)
        }
    }
}

/// The progress line: rewritten in place on a terminal, else a line every few seconds.
final class BenchProgress {
    private let isQuiet: Bool
    private let period: Duration
    private var shownAt = MonotonicTime.now
    private var lastPosts = 0
    private var lastDeliveries = 0

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
        period = Terminal.canRewrite ? .milliseconds(500) : .seconds(5)
    }

    func showConnecting(_ fleet: LoadFleet, of clients: Int) {
        guard isDue else { return }
        write("connecting: \(BenchReport.grouped(fleet.progress.joined)) of \(BenchReport.grouped(clients)) clients")
        shownAt = .now
    }

    func show(_ posting: LoadPosting, _ fleet: LoadFleet, since start: MonotonicTime, period whole: Duration) {
        guard isDue else { return }
        let now = MonotonicTime.now
        let seconds = max(0.001, Double((now - max(shownAt, start)).nanoseconds) / 1e9)
        let (posts, deliveries) = (posting.acknowledged, fleet.progress.deliveries)
        let elapsed = Double((now - start).nanoseconds) / 1e9
        var line = "\(Int(elapsed.rounded())) of \(Int(Double(whole.nanoseconds) / 1e9)) s: "
        line += "\(BenchReport.grouped(Int(Double(posts - lastPosts) / seconds))) threats/s, "
        line += "\(BenchReport.grouped(Int(Double(deliveries - lastDeliveries) / seconds))) deliveries/s, "
        line += "\(BenchReport.grouped(fleet.progress.connected)) clients connected"
        if fleet.progress.disconnects > 0 { line += ", \(fleet.progress.disconnects) disconnects" }
        write(line)
        (shownAt, lastPosts, lastDeliveries) = (now, posts, deliveries)
    }

    func showAwaiting(_ missing: Int) {
        guard isDue else { return }
        write("waiting for \(BenchReport.grouped(missing)) deliveries")
        shownAt = .now
    }

    /// Tells a program that watches where the load begins and ends, and leaves it a moment to look at the servers.
    func mark(_ word: String) {
        guard !Terminal.canRewrite else { return }
        Terminal.note(word)
        Pause.sleep(.milliseconds(50))
    }

    /// Removes the line from a terminal.
    func clear() {
        if !isQuiet, Terminal.canRewrite { Terminal.rewrite("") }
    }

    private var isDue: Bool { !isQuiet && MonotonicTime.now - shownAt >= period }

    private func write(_ line: String) {
        if Terminal.canRewrite { Terminal.rewrite(line) } else { Terminal.note(line) }
    }
}
