import ClusterSupport
import FaultInjection
import PosixIO
import Synchronization
import Testing
import ThreatFeed
import TocsinClient

/// One of two deployments that must never see anything of each other: its replicas, its load, and eyes for what is not
/// its own.
final class ForeignLogSide {
    let replicas: [LocalReplica]
    let run: FailureRun
    /// What the ids of its threats begin with.
    private let prefix: String
    private let foreign: String
    private let sightings: Sightings
    private let spies: FeedFleet

    /// What clients have been shown of the other side.
    private final class Sightings: Sendable {
        private let texts = Mutex<[String]>([])
        private let mark: [UInt8]

        init(of prefix: String) {
            mark = Array("\"\(prefix)-".utf8)
        }

        func look(_ event: FeedEvent) {
            guard case .message(let message) = event, has(message.text) else { return }
            texts.withLock { $0.append(String(decoding: message.text.prefix(300), as: UTF8.self)) }
        }

        func has(_ text: [UInt8]) -> Bool {
            text.indices.contains { text[$0] == mark[0] && text[$0...].starts(with: mark) }
        }

        var all: [String] { texts.withLock { $0 } }
    }

    /// Starts the load.
    /// - Parameter foreign: What the ids of the other side begin with.
    init(_ replicas: [LocalReplica], prefix: String, foreign: String) throws {
        self.replicas = replicas
        self.prefix = prefix
        self.foreign = foreign
        let sightings = Sightings(of: foreign)
        self.sightings = sightings
        run = try FailureRun(replicas.map(\.url), residents: 4, wanderers: 2, rate: 60, prefix: prefix)
        // They come and go, with what was shown before in their first frame.
        let options = (0..<4).map { index in
            FeedClientOptions(
                urls: [replicas[index % replicas.count].url], query: FeedQuery(history: 100),
                reconnectPeriod: .milliseconds(700), backoff: Backoff(first: .milliseconds(50), longest: .seconds(1)))
        }
        spies = try FeedFleet(options, deliveriesMax: 0) { _, event in sightings.look(event) }
    }

    deinit {
        spies.stop()
    }

    /// A cursor of this side.
    var cursor: Cursor? { run.fleet.inspect { $0.compactMap(\.cursor).max() } }

    /// An id that this side has acknowledged.
    var knownID: String? { run.fleet.inspect { $0.compactMap { $0.deliveries.last?.threatID }.first } }

    /// Expects that each replica refuses what is posted, in every form, is not ready, and says what to do.
    func expectRefusing(because words: String...) throws {
        for url in run.urls {
            let client = HTTPClient(url, deadline: FailureBench.answerDeadline)
            var text = ""
            let isSaid = try Harness.wait(atMost: FailureBench.deadline, every: .milliseconds(50)) {
                let ready = try client.get("/ready")
                text = ready.text
                return ready.status == 503 && words.allSatisfy(text.lowercased().contains)
            }
            #expect(isSaid, "\(url) is not \(words): \(text)")
            try run.awaitRefusal(by: url)
            let batch = try client.post("/api/threats/batch", Array(#"[{"threat_type":"a"}]"#.utf8))
            #expect(batch.status == 503 || batch.json?[0]?["status"]?.integerValue == 503, "\(batch.text)")
        }
        let before = run.pool.acknowledgedCount
        try run.expectRefusals(3)
        #expect(run.pool.acknowledgedCount == before)
        for replica in replicas { SentinelBench.expectTold(words, by: replica) }
    }

    /// Expects that nothing of the other side is in any list, can be read by its id, or comes to who resumes.
    func expectNothingForeign(known id: String?, cursor: Cursor?) throws {
        for url in run.urls {
            let client = HTTPClient(url, deadline: FailureBench.answerDeadline)
            for path in ["/api/threats?limit=100", "/api/threats?limit=100&offset=100"] {
                let list = try client.get(path)
                #expect(!sightings.has(list.body), "\(url)\(path)")
            }
            if let id { #expect(try client.get("/api/threats/\(id)").status != 200, "\(url) knows \(id)") }
            guard let cursor else { continue }
            let resumed = try client.get("/api/threats?after=\(cursor)&limit=100")
            #expect(!sightings.has(resumed.body), "\(url) resumes after \(cursor)")
        }
        #expect(sightings.all == [])
        let deliveries = run.fleet.allRecords().flatMap(\.deliveries)
        #expect(!deliveries.contains { $0.threatID.hasPrefix("\(foreign)-") })
    }

    /// Ends the load and checks every promise.
    @discardableResult
    func finish(toleratesLoss: Bool = false) throws -> [FeedRecord] {
        try run.finish(toleratesLoss: toleratesLoss)
    }
}
