import ArgumentParser
import PosixIO
import ThreatFeed
import TocsinClient

/// `tocsin bench`: loads a deployment and says how fast and how late it is.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Load a deployment: deliveries per second, latency, order and loss.",
        discussion: """
            Connects clients to the feed, spread over the replicas given with --url, posts threats to all of them, and \
            follows what every client receives: each entry must come once, in order, and each acknowledged threat to \
            everybody. Latency counts from when a post was due, however late earlier answers were; without --rate, \
            from when it was sent. Clients that are disconnected resume where they left off. Ctrl-C ends the load \
            early, with the figures until then; once more, or after the load, it ends the wait for what is on its way.

            The load goes to the log for proofs, which no dashboard shows. It still shares replicas and Redis with \
            whoever uses the deployment: without --rate it takes all they can give. That log takes the path of \
            threats with smaller bounds: a ring of 4,096 entries or 8 MiB for each event loop, and 10,000 threats \
            kept. What is posted faster than clients read it outruns those bounds sooner: clients are then \
            disconnected as too slow, or told that they cannot resume, and what they missed counts as lost. For the \
            full speed of a deployment that nobody else uses, give --real-log.

            EXAMPLES
              tocsin bench --clients 1000 --rate 50
              tocsin bench --url http://a:8000 --url http://b:8000 --clients 15000 --rate 10
              tocsin bench --clients 0 --publishers 128 --real-log
                  How many posts a second are kept.
              tocsin bench --clients 500 --real-log --batch 100 --json

            EXIT CODES
              0   every acknowledged threat came to every client, once and in order
              1   threats were lost, doubled or out of order, or still coming five minutes after the load
              64  wrong command line; the URLs are not replicas of one deployment, or have no log for proofs
              69  the deployment cannot be reached, not all clients could connect, or no threat was acknowledged
            """)

    @Option(
        help: ArgumentHelp(
            "A replica; may be repeated. (env: TOCSIN_URL; default: http://127.0.0.1:8000)", valueName: "URL"))
    var url: [String] = []

    @OptionGroup var tls: TLSOptions

    @Option(help: ArgumentHelp("Clients of the feed, 0 to 20000.", valueName: "N"))
    var clients = 100

    @Option(
        help: ArgumentHelp(
            "Threats per second of all publishers together. (default: as fast as they are answered)", valueName: "N"))
    var rate: Double?

    @Option(help: ArgumentHelp("How long to post, at most 600.", valueName: "N"))
    var seconds = 10.0

    @Option(help: ArgumentHelp("Connections that post, each one request at a time.", valueName: "N"))
    var publishers = 16

    @Option(help: ArgumentHelp("Threats in one request.", valueName: "N"))
    var batch = 1

    @Option(help: ArgumentHelp("Bytes of one threat's JSON, 128 to 65536.", valueName: "BYTES"))
    var size = 600

    @Option(
        help: ArgumentHelp(
            "Distinct filters, spread over the clients; each lets every threat of the load pass. 1 is no filter at all.",
            valueName: "N"))
    var filters = 1

    @Flag(help: "Clients use Server-Sent Events.")
    var sse = false

    @Flag(help: "Clients offer permessage-deflate.")
    var deflate = false

    @Option(
        help: ArgumentHelp(
            "Threads that serve the clients. (default: half of the processors, at most 4)", valueName: "N"))
    var threads: Int?

    @Option(help: ArgumentHelp("Seconds until all clients must be connected.", valueName: "N"))
    var timeout = 60

    @Flag(help: "Load the log of the deployment itself: every dashboard shows these threats.")
    var realLog = false

    @Flag(help: "Print the figures as one line of JSON.")
    var json = false

    private static let urlsMax = 64
    private static let batchBytesMax = 1 << 20
    private static let rates = 0.001...1_000_000
    /// How long one replica may take to know what another one knows.
    private static let agreementMax = Duration.seconds(3)

    func validate() throws {
        try Self.require(clients, in: 0...20_000, "--clients")
        try Self.require(publishers, in: 1...1_024, "--publishers")
        try Self.require(batch, in: 1...1_000, "--batch")
        try Self.require(size, in: LoadPostOptions.threatBytesMin...65_536, "--size")
        try Self.require(filters, in: 1...20_000, "--filters")
        try Self.require(timeout, in: 1...600, "--timeout")
        if let threads { try Self.require(threads, in: 1...64, "--threads") }
        if let rate, !Self.rates.contains(rate) {
            throw ValidationError("--rate must be a number from 0.001 to 1000000")
        }
        guard seconds > 0, seconds <= 600 else { throw ValidationError("--seconds must be above 0 and at most 600") }
        guard url.count <= Self.urlsMax else { throw ValidationError("--url may be given \(Self.urlsMax) times") }
        guard batch == 1 || batch * (size + 1) <= Self.batchBytesMax else {
            throw ValidationError("--batch times --size must be at most 1 MiB, as much as a replica takes at once")
        }
        guard !(sse && deflate) else { throw ValidationError("--sse and --deflate exclude each other") }
    }

    private static func require(_ value: Int, in range: ClosedRange<Int>, _ name: String) throws {
        guard range.contains(value) else {
            throw ValidationError("\(name) must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func run() throws {
        let interruption = try Interruption()
        let bench = try bench()
        let report: BenchReport
        do {
            try check(bench.clients.urls, interruption)
            report = try bench.run(interruption)
        } catch let error as ClientError {
            throw CommandFailure(.unavailable, Terminal.harmless(error.description))
        }
        if json { Terminal.line(report.json.bytes) } else { Terminal.line(report.text) }
        guard report.summary.posted > 0 else {
            throw CommandFailure(.unavailable, "no threat was acknowledged")
        }
        guard !report.summary.isWrong, report.summary.stillComing == 0 else {
            throw CommandFailure(.promiseBroken, "")
        }
    }

    private func bench() throws -> Bench {
        var urls: [ServerURL] = []
        let trust = try tls.clientTLS()
        let given = url.isEmpty ? [Environment.value("TOCSIN_URL") ?? "http://127.0.0.1:8000"] : url
        for text in given {
            do throws(ClientError) {
                urls.append(try ServerURL(text, tls: trust))
            } catch {
                throw UsageError("\(url.isEmpty ? "TOCSIN_URL" : "--url"): \(error)")
            }
        }
        let log = realLog ? DeploymentLog.threats : .proof
        let prefix = "bench-\(unixMilliseconds())-\(UInt16.random(in: 0...UInt16.max))"
        let readers = LoadOptions(
            urls: urls, clients: clients, wire: sse ? .eventStream : deflate ? .deflated : .webSocket,
            filters: filters, log: log, threads: threads ?? max(1, min(4, SystemFigures.processorCount / 2)),
            idPrefix: prefix)
        return Bench(
            clients: readers,
            posts: LoadPostOptions(
                urls: urls, publishers: publishers, batch: batch, rate: rate, threatBytes: size,
                period: .seconds(seconds), log: log, idPrefix: prefix, threatsMax: readers.threatsMax),
            patience: .seconds(timeout), isQuiet: json && !Terminal.canRewrite)
    }

    /// Looks whether the replicas are ready and of one deployment, and for the log for proofs whether they have one.
    private func check(_ urls: [ServerURL], _ interruption: Interruption) throws {
        guard realLog else {
            return try DeploymentCheck(urls: urls, patience: .seconds(20), interruption: interruption).run()
        }
        for url in urls {
            let answer = try HTTPClient(url).get("/ready")
            guard answer.status == 200 else { throw ClientError.unreachable("\(url) is not ready (\(answer.status))") }
        }
        try compareLogs(urls, interruption)
        if !json { Terminal.note("loading the log of the deployment itself: every dashboard shows these threats") }
    }

    /// Compares the generations of the replicas' logs, which differ between deployments once each has an entry. Nothing
    /// is posted to find out. Those that are empty cannot be told apart: what is posted is then lost to some clients.
    private func compareLogs(_ urls: [ServerURL], _ interruption: Interruption) throws {
        let deadline = MonotonicTime.now + Self.agreementMax
        let first = urls[0]
        while urls.count > 1 {
            let generation = try Self.generation(first)
            guard let other = try urls.dropFirst().first(where: { try Self.generation($0) != generation }) else {
                return
            }
            guard !interruption.isEnded else { throw ClientError.unreachable("interrupted before the load") }
            guard MonotonicTime.now < deadline else {
                throw UsageError("--url: \(other) is no replica of the deployment that \(first) belongs to")
            }
            interruption.wait(atMost: .milliseconds(100))
        }
    }

    /// As a client learns it that joins.
    private static func generation(_ url: ServerURL) throws -> UInt64 {
        let client = try WebSocketClient(url, target: FeedQuery().target(resumingAfter: nil))
        guard let cursor = try client.nextJSON()?["cursor"]?.cursorValue else {
            throw ClientError.unreachable("\(url) does not say where its log stands")
        }
        return cursor.generation
    }
}
