import ArgumentParser
import Glibc
import PosixIO
import TocsinClient

/// `tocsin prove`: shows on real processes that the promises hold.
struct ProveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract: "Prove that every threat reaches every client once, in one order.",
        discussion: """
            Starts a Redis and several replicas of this program on free loopback ports (or uses the deployment given \
            with --url, repeated for each replica), connects clients to all of them, posts threats to all of them at \
            once, and compares what each client received with what was answered to the posts. Threats are retried with \
            the same id after 503 or a lost connection. Nothing that was started outlives the command.

            A running deployment is proved in a log of its own, which the replicas open on demand: no dashboard, list \
            or figure shows what is posted there, and Redis forgets it ten minutes after the last use. Give the URLs \
            of replicas, not of a balancer.

            EXAMPLES
              tocsin prove --replicas 3 --clients 60 --threats 1000
              tocsin prove --url http://10.0.0.1:8000 --url http://10.0.0.2:8000
                  For use after an upgrade; harmless.
              tocsin prove --chaos --rate 500 --seconds 10
                  Clients go to random replicas every second, one replica is killed and started again.
              tocsin prove --redis-kill --rate 300 --seconds 12
                  Redis is killed for 3 seconds under load.

            EXIT CODES
              0   every promise was kept
              1   a promise was broken; the findings are listed
              64  wrong command line; the URLs are not replicas of one deployment, or have no log for proofs
              69  a process could not be started, or the deployment cannot be reached
            """)

    @Option(help: ArgumentHelp("Replicas to start.", valueName: "N"))
    var replicas = 3

    @Option(help: ArgumentHelp("Clients of the feed, spread over the replicas.", valueName: "N"))
    var clients = 60

    @Option(help: ArgumentHelp("Threats to post; ignored with --seconds.", valueName: "N"))
    var threats = 1000

    @Option(help: ArgumentHelp("Publishers that post at the same time.", valueName: "N"))
    var publishers = 8

    @Option(
        help: ArgumentHelp(
            "Threats per second of all publishers together. (default: as fast as they are kept; 200 with --url, 500 "
                + "with --chaos and --redis-kill)", valueName: "N"))
    var rate: Double?

    @Option(help: ArgumentHelp("Post for so long instead of a number of threats.", valueName: "N"))
    var seconds: Double?

    @Option(help: ArgumentHelp("Seconds to wait for the last delivery.", valueName: "N"))
    var timeout = 60

    @Option(help: ArgumentHelp("A replica of a running deployment; may be repeated.", valueName: "URL"))
    var url: [String] = []

    @OptionGroup var tls: TLSOptions

    @Flag(help: "Post to the log of the deployment itself: threats that every dashboard shows (only with --url).")
    var realLog = false

    @Flag(help: "Reconnect every client each second and kill one replica (only with an own cluster).")
    var chaos = false

    @Flag(help: "Kill Redis for 3 seconds under load (only with an own cluster).")
    var redisKill = false

    @Flag(help: "Print the verdict as one line of JSON.")
    var json = false

    func validate() throws {
        try Self.require(replicas, in: 1...16, "--replicas")
        try Self.require(clients, in: 1...10_000, "--clients")
        try Self.require(threats, in: 1...1_000_000, "--threats")
        try Self.require(publishers, in: 1...256, "--publishers")
        try Self.require(timeout, in: 1...3_600, "--timeout")
        if let rate, !(rate > 0 && rate <= 1_000_000) {
            throw ValidationError("--rate must be above 0 and at most 1000000")
        }
        if let seconds, !(seconds > 0 && seconds <= 3_600) {
            throw ValidationError("--seconds must be above 0 and at most 3600")
        }
        guard url.isEmpty || !(chaos || redisKill) else {
            throw ValidationError("--chaos and --redis-kill need a cluster of their own: leave --url out")
        }
        guard !url.isEmpty || !realLog else { throw ValidationError("--real-log needs --url") }
        guard !url.isEmpty || tls.isEmpty else { throw ValidationError("--tls-ca and its like need --url") }
        guard !(chaos && redisKill) else { throw ValidationError("--chaos and --redis-kill are two proofs: give one") }
    }

    private static func require(_ value: Int, in range: ClosedRange<Int>, _ name: String) throws {
        guard range.contains(value) else {
            throw ValidationError("\(name) must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func run() throws {
        let interruption = try Interruption()
        let proof = Proof(
            clients: clients, publishers: publishers, threats: threats, rate: rate ?? standardRate,
            period: seconds.map { .seconds($0) },
            patience: .seconds(timeout), disturbance: chaos ? .replicaKill : redisKill ? .redisKill : .none,
            log: url.isEmpty || realLog ? .threats : .proof)
        let trust = try tls.clientTLS()
        let report: ProofReport
        do {
            report = try url.isEmpty ? proveOwnCluster(proof, interruption) : prove(proof, trust, interruption)
        } catch let error as ClientError {
            throw CommandFailure(.unavailable, Terminal.harmless(error.description))
        }
        if json { Terminal.line(report.json.bytes) } else { Terminal.line(report.text) }
        guard report.isKept else { throw CommandFailure(.promiseBroken, "") }
    }

    private var standardRate: Double? {
        if chaos || redisKill { return 500 }
        // Others use that Redis.
        return url.isEmpty ? nil : 200
    }

    private func proveOwnCluster(_ proof: Proof, _ interruption: Interruption) throws -> ProofReport {
        let launcher = try Self.ownPath()
        if !json { Terminal.note("starting redis-server and \(replicas) replicas …") }
        let cluster = try LocalCluster(launcher: launcher, replicas: replicas, arguments: ["--log-level", "warning"])
        return try proof.run(urls: cluster.urls, cluster: cluster, interruption: interruption)
    }

    private func prove(_ proof: Proof, _ trust: ClientTLS?, _ interruption: Interruption) throws -> ProofReport {
        var urls: [ServerURL] = []
        for text in url { urls.append(try ServerURL(text, tls: trust)) }
        try DeploymentCheck(urls: urls, patience: .seconds(20), interruption: interruption).run()
        if !json {
            Terminal.note(
                realLog
                    ? "posting to the log of the deployment itself: every dashboard shows these threats"
                    : "posting to the log for proofs of the deployment: nobody else sees these threats")
        }
        return try proof.run(urls: urls, cluster: nil, interruption: interruption)
    }

    /// The file this process runs from (proc(5)).
    private static func ownPath() throws(ClientError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { throw .childFailed("the path of this program is not known") }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
