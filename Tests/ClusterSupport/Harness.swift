import Glibc
import PosixIO
import Testing
package import ThreatFeed
package import TocsinClient

/// What the tests of this target share: the program under test and small helpers.
package enum Harness {
    /// How long a condition may take on a busy machine before it counts as never coming true. It only ends tests that
    /// hang: none decides by how long something took.
    package static let deadline = Duration.seconds(120) * patience

    /// The same for poll(2).
    package static let deadlineMilliseconds = Int32(deadline.millisecondsRoundedUp)

    /// For a connection that is kept for all of a test.
    package static let connectionLife = deadline * 5

    /// The built `tocsin`: `$TOCSIN_BIN`, else beside the test bundle.
    package static func program() throws -> String {
        if let named = getenv("TOCSIN_BIN").map({ String(cString: $0) }), !named.isEmpty {
            guard access(named, X_OK) == 0 else { throw HarnessError("TOCSIN_BIN=\(named) cannot be executed") }
            return named
        }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { throw HarnessError("the path of the test bundle is not known") }
        let bundle = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let path =
            bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            + "/tocsin"
        guard access(path, X_OK) == 0 else {
            throw HarnessError("\(path) is not there: run `swift build` first, or set TOCSIN_BIN")
        }
        return path
    }

    package static func cluster(
        replicas: Int, sharing redis: LocalRedis? = nil, arguments: [String] = []
    ) throws -> LocalCluster {
        guard ChildProcess.find("redis-server") != nil else { throw HarnessError(LocalRedis.installHint) }
        return try LocalCluster(
            launcher: try program(), replicas: replicas, sharing: redis, arguments: arguments)
    }

    /// Clients spread over the replicas, each joined to the log.
    package static func fleet(
        _ urls: [ServerURL], clients: Int, query: FeedQuery = FeedQuery(), roams: Bool = false,
        reconnectPeriod: Duration? = nil
    ) throws -> FeedFleet {
        let options = (0..<clients).map { index in
            let first = index % urls.count
            let own = roams ? Array(urls[first...] + urls[..<first]) : [urls[first]]
            return FeedClientOptions(
                urls: own, query: query, reconnectPeriod: reconnectPeriod,
                backoff: Backoff(first: .milliseconds(50), longest: .seconds(1)),
                isDeflated: !index.isMultiple(of: 2))
        }
        let fleet = try FeedFleet(options)
        let joined = fleet.wait { $0.allSatisfy { $0.joinedAfter != nil } }
        guard joined else {
            let reasons = fleet.allRecords().compactMap { $0.lastEnding.map { "\($0)" } }
            fleet.stop()
            throw HarnessError("not all clients joined: \(reasons)")
        }
        return fleet
    }

    /// Waits until every client stands at or after a cursor.
    package static func wait(_ fleet: FeedFleet, for cursor: Cursor, atMost limit: Duration? = nil) -> Bool {
        fleet.wait(atMost: limit) {
            $0.allSatisfy { record in record.cursor.map { $0 >= cursor } ?? false }
        }
    }

    /// Looks for a condition every few milliseconds.
    /// - Parameter limit: Rather than `deadline`; a sanitizer makes it longer.
    /// - Returns: Whether it came true in time.
    package static func wait(
        atMost limit: Duration? = nil, every period: Duration = .milliseconds(10), for condition: () throws -> Bool
    ) rethrows -> Bool {
        try Pause.wait(atMost: limit.map { $0 * patience } ?? deadline, every: period, for: condition)
    }

    /// Posts a threat and returns it as stored.
    @discardableResult
    package static func trigger(_ url: ServerURL, _ body: String, expecting status: Int = 201) throws -> JSONValue {
        let answer = try client(url).post("/api/threats/trigger", Array(body.utf8))
        guard answer.status == status, let json = answer.json else {
            throw HarnessError("expected \(status), got \(answer.status): \(answer.text)")
        }
        return json
    }

    /// A client of a replica that waits for as long as its test does.
    package static func client(_ url: ServerURL) -> HTTPClient { HTTPClient(url, deadline: deadline) }

    package static func owed(_ report: PublisherReport) -> [(threatID: String, cursor: Cursor)] {
        report.acknowledgements.map { ($0.threatID, $0.cursor) }
    }
}

package struct HarnessError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

extension FeedFleet {
    /// Waits for something about the clients' records.
    /// - Parameter limit: Rather than `Harness.deadline`; a sanitizer makes it longer.
    package func wait(atMost limit: Duration? = nil, for condition: ([FeedRecord]) -> Bool) -> Bool {
        wait(until: .now + (limit.map { $0 * Harness.patience } ?? Harness.deadline), for: condition)
    }
}

/// A cursor that a document must have.
package func cursor(of threat: JSONValue) throws -> Cursor {
    try #require(threat["cursor"]?.cursorValue)
}
