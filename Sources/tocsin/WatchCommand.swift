import ArgumentParser
import PosixIO
import Synchronization
import ThreatFeed
import TocsinClient

/// `tocsin watch`: the live feed in a terminal.
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show the live feed, resuming by itself for ever.",
        discussion: """
            One line for each threat, coloured by severity on a terminal (NO_COLOR turns that off). With --json each \
            frame of the feed is one line, as received. What happens to the connection is said on stderr. A lost \
            connection is made again with growing pauses, and the feed goes on after the last threat seen: nothing is \
            missed, nothing shown twice. Ctrl-C ends it and says from which cursor to go on.

            EXAMPLES
              tocsin watch
              tocsin watch --url wss://soc.example.test --min-severity HIGH --type malware,ransomware
              tocsin watch --after 1763683200000-41 --json | jq .data.title
              tocsin watch --count 1 --min-severity CRITICAL && notify-send "critical threat"

            EXIT CODES
              0   ended by Ctrl-C or SIGTERM, by --count, or because nobody reads the output any more
              64  wrong command line
              65  the deployment refuses this cursor or filter, or has taken access away
            """)

    @OptionGroup var deployment: DeploymentOptions

    @Option(help: ArgumentHelp("Go on after this cursor, such as 1763683200000-41.", valueName: "CURSOR"))
    var after: String?

    @Option(help: ArgumentHelp("Recent threats to show first, 0 to 100.", valueName: "N"))
    var history = 10

    @Option(help: ArgumentHelp("INFO, LOW, MEDIUM, HIGH or CRITICAL.", valueName: "SEVERITY"))
    var minSeverity: String?

    @Option(help: ArgumentHelp("Only these threat types, comma-separated.", valueName: "TYPES"))
    var type: String?

    @Option(help: ArgumentHelp("Only this customer; may be repeated.", valueName: "NAME"))
    var customer: [String] = []

    @Flag(help: "Print each frame as one line of JSON.")
    var json = false

    @Option(help: ArgumentHelp("End after so many threats of the live feed.", valueName: "N"))
    var count: Int?

    @Option(
        help: ArgumentHelp(
            "Take the line for dead when nothing came for so long; the deployment says something every 15 s.",
            valueName: "SECONDS"))
    var silence = 35

    @Option(help: ArgumentHelp("Longest pause between two attempts to connect.", valueName: "SECONDS"))
    var longestWait = 15

    func validate() throws {
        for (name, seconds) in [("--silence", silence), ("--longest-wait", longestWait)] {
            guard (1...3_600).contains(seconds) else {
                throw ValidationError("\(name) must be a number from 1 to 3600")
            }
        }
        if let after, Cursor(after) == nil {
            throw ValidationError("--after must be a cursor such as 1763683200000-41")
        }
        guard (0...100).contains(history) else { throw ValidationError("--history must be a number from 0 to 100") }
        if let minSeverity, Severity(anyCase: minSeverity) == nil {
            throw ValidationError("--min-severity must be INFO, LOW, MEDIUM, HIGH or CRITICAL")
        }
        if let count, count < 1 { throw ValidationError("--count must be at least 1") }
    }

    func run() throws {
        let url = try deployment.serverURL()
        let query = FeedQuery(
            after: after.flatMap { Cursor($0) }, history: history, minSeverity: minSeverity?.uppercased(),
            threatTypes: type.map { $0.split(separator: ",").map(String.init) } ?? [], customerNames: customer)
        let interruption = try Interruption()
        let printer = WatchPrinter(asJSON: json, threatsMax: count, interruption: interruption)
        let options = FeedClientOptions(
            urls: [url], query: query, backoff: Backoff(first: .milliseconds(200), longest: .seconds(longestWait)),
            isDeflated: true, silence: .seconds(silence))
        let fleet = try FeedFleet([options], deliveriesMax: 0) { _, event in printer.show(event) }
        interruption.wait()
        fleet.stop()
        if let cursor = printer.cursor { Terminal.note("continue with --after \(cursor)") }
        if let refusal = printer.refusal { throw CommandFailure(.dataRejected, refusal) }
    }
}

/// Prints what happens to one client of the feed.
final class WatchPrinter: Sendable {
    private struct State {
        var shown = 0
        var cursor: Cursor?
        var refusal: String?
        /// Said last: the replica cannot follow the log.
        var isBlind = false
    }

    private let asJSON: Bool
    private let hasColour: Bool
    private let threatsMax: Int?
    private let interruption: Interruption
    // Owner: the feed's thread; read by the main thread. Nothing is called while it is held.
    private let state = Mutex(State())

    init(asJSON: Bool, threatsMax: Int?, interruption: Interruption) {
        self.asJSON = asJSON
        self.threatsMax = threatsMax
        self.interruption = interruption
        hasColour = Terminal.hasColour
    }

    /// Where the output stands.
    var cursor: Cursor? { state.withLock { $0.cursor } }

    /// Why going on makes no sense.
    var refusal: String? { state.withLock { $0.refusal } }

    func show(_ event: FeedEvent) {
        switch event {
        case .connected(let url):
            state.withLock { $0.isBlind = false }
            Terminal.note("connected to \(url)")
        case .message(let message): show(message)
        case .disconnected(let ending, nil):
            state.withLock { $0.refusal = "the deployment ended the feed for good: \(Terminal.harmless("\(ending)"))" }
            interruption.end()
        case .disconnected(let ending, let wait?):
            let milliseconds = wait.millisecondsRoundedUp
            Terminal.note("disconnected (\(Terminal.harmless("\(ending)"))); next attempt in \(milliseconds) ms")
        }
    }

    private func show(_ message: FeedMessage) {
        // What arrives between the last threat wanted and the end of the process is neither shown nor counted.
        guard !interruption.isEnded else { return }
        if !message.recovered { Terminal.note("the feed could not resume where it was left: threats may be missing") }
        if message.kind == .reset { Terminal.note("the log moved to a new generation; threats may repeat") }
        noteOutage(message)
        guard print(message) else { return interruption.end() }
        let isThreat = message.kind == .newThreat
        let isLast = state.withLock { state in
            if let cursor = message.cursor { state.cursor = cursor }
            if isThreat { state.shown += 1 }
            return threatsMax.map { state.shown >= $0 } ?? false
        }
        if isLast { interruption.end() }
    }

    /// Says when the replica can no longer follow the log, and when it can again.
    private func noteOutage(_ message: FeedMessage) {
        guard message.kind == .heartbeat else { return }
        let isBlind = message.unreachableSince != nil
        let isNews = state.withLock { state in
            defer { state.isBlind = isBlind }
            return state.isBlind != isBlind
        }
        guard isNews else { return }
        if let since = message.unreachableSince {
            Terminal.note(
                "connected, but the replica cannot follow the log since \(Terminal.harmless(since)): "
                    + "threats may be missing")
        } else {
            Terminal.note("the replica follows the log again; nothing is missing")
        }
    }

    /// - Returns: `false` when nobody reads any more.
    private func print(_ message: FeedMessage) -> Bool {
        if asJSON { return Terminal.line(message.text) }
        guard let frame = try? message.json() else { return true }
        switch message.kind {
        case .initialBatch:
            for threat in (frame["data"]?.elements ?? []).reversed() {
                guard Terminal.line(ThreatLine.text(threat, hasColour: hasColour)) else { return false }
            }
            return true
        case .newThreat:
            return frame["data"].map { Terminal.line(ThreatLine.text($0, hasColour: hasColour)) } ?? true
        case .threatUpdated:
            let id = frame["data"]?["id"]?.stringValue ?? "?"
            let status = frame["data"]?["triage"]?["status"]?.stringValue ?? "?"
            return Terminal.line("           triage of \(Terminal.harmless(id)): \(Terminal.harmless(status))")
        case .error:
            Terminal.note(Terminal.harmless(frame["detail"]?.stringValue ?? "error"))
            return true
        case .resumed, .heartbeat, .reset, .filtered, .pong, .unknown: return true
        }
    }
}
