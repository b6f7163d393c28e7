import ClusterSupport
import Glibc
import HTTPProtocol
import PosixIO
import Testing
import TocsinClient

/// Bounds on connections: whoever is over one is told which, and whoever is within is served.
@Suite(.processes) struct ConnectionLimits {
    private static let health = Array("GET /health HTTP/1.1\r\nHost: h\r\n\r\n".utf8)

    /// Opens a connection that has been answered once, so that it is neither waiting in the backlog nor pending.
    private func served(_ url: ServerURL) throws -> RawExchange {
        let connection = try answered(url)
        try #require(connection.text.contains("healthy"), "\(connection.text)")
        return connection
    }

    /// Opens a connection and waits for the answer, whatever it is.
    private func answered(_ url: ServerURL) throws -> RawExchange {
        let connection = try RawExchange(url)
        try connection.send(Self.health)
        connection.receive { connection.text.contains("\r\n\r\n") && connection.text.hasSuffix("}") }
        return connection
    }

    /// A connection that is served; `nil` when it is refused, as while others that have gone are still counted.
    private func ifServed(_ url: ServerURL) -> RawExchange? {
        guard let connection = try? answered(url), connection.text.contains("healthy") else { return nil }
        return connection
    }

    private func expectRefused(_ url: ServerURL, _ reason: String) throws {
        let refused = try RawExchange(url)
        refused.receiveToEnd()
        #expect(refused.text.hasPrefix("HTTP/1.1 503 "), "\(refused.text)")
        #expect(refused.text.contains("Retry-After: 1\r\n"))
        #expect(refused.text.contains(reason), "\(refused.text)")
    }

    /// Waits until a connection that has gone is no longer counted.
    private func waitUntilServed(_ url: ServerURL) -> Bool {
        Harness.wait { ifServed(url) != nil }
    }

    @Test(
        "a connection over a limit is refused with the reason, and one is taken when another has gone",
        arguments: [
            ("--connections-max", "as many connections as it may"),
            ("--connections-per-address-max", "as many connections from this address"),
        ])
    func connections(flag: String, reason: String) throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: [flag, "3"])
        let url = cluster.urls[0]
        // The harness's own connections may not be gone yet.
        try #require(waitUntilServed(url))
        var held: [RawExchange] = []
        let filled = Harness.wait {
            while held.count < 3, let connection = ifServed(url) { held.append(connection) }
            return held.count == 3
        }
        try #require(filled)
        try expectRefused(url, reason)
        // A browser never comes back to an event stream that was answered with an error status.
        let stream = try EventStream(url, deadline: Harness.connectionLife)
        #expect(stream.status == 200)
        let event = try #require(try stream.next())
        #expect(event.type == "unavailable" && event.data.contains(reason), "\(event)")
        #expect(try stream.next() == nil)
        held.removeLast()
        #expect(waitUntilServed(url))
    }

    @Test("connections without a request are bounded, and those that have sent one do not count")
    func pending() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--pending-handshakes-max", "2"])
        let url = cluster.urls[0]
        let answered = try (0..<4).map { _ in try served(url) }
        let silent = try (0..<2).map { _ in try RawExchange(url) }
        for connection in silent { try connection.send(Array("GET /he".utf8)) }
        try expectRefused(url, "wait for their first request")
        // Those that are in go on.
        try silent[0].send(Array("alth HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
        #expect(silent[0].receive { silent[0].text.contains("healthy") })
        #expect(answered.allSatisfy { $0.ending == .open })
        #expect(waitUntilServed(url))
    }

    @Test("a connection closes after the last request it may send, with Connection: close")
    func requests() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--requests-per-connection-max", "3"])
        let connection = try RawExchange(cluster.urls[0])
        try connection.send(Self.health + Self.health + Self.health + Self.health)
        connection.receiveToEnd()
        let answers = connection.text.split(separator: "HTTP/1.1 200 OK\r\n", omittingEmptySubsequences: true)
        #expect(answers.count == 3)
        #expect(answers.map { $0.contains("Connection: close\r\n") } == [false, false, true])
    }

    @Test(
        "thousands of pipelined requests in one read are answered one after the other, whatever may be outstanding")
    func pipelined() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--pipelined-requests-max", "1"])
        let connection = try RawExchange(cluster.urls[0])
        let count = 9_000
        try connection.send((0..<count).flatMap { _ in Array("GET /h HTTP/1.1\r\nHost: a\r\n\r\n".utf8) })
        let end = "HTTP/1.1 404 "
        let isAnswered = connection.receive {
            connection.received.count > count * 100 && connection.text.split(separator: end).count == count
        }
        #expect(isAnswered)
    }

    @Test("there is room for the descriptors of all connections from the start: no loop waits while it is made")
    func descriptorTable() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--connections-max", "3000"])
        #expect(try cluster.replicas[0].child.descriptorTableSize() >= 3_000)
    }

    /// How many turns all loops have made, and in how many seconds by their own clock, asked on a connection that stands.
    private func turns(_ connection: RawExchange) throws -> (turns: Int, seconds: Int) {
        let answered = connection.answers().all.count
        try connection.send(Array("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
        try #require(connection.receive { connection.answers().all.count == answered + 1 })
        let page = String(decoding: try #require(connection.answers().all.last).body, as: UTF8.self)
        return (
            try Harness.metric("tocsin_loop_turns_total", inPage: page),
            try Harness.metric("tocsin_uptime_seconds", inPage: page)
        )
    }

    @Test("without a descriptor left: 503 and a close for who comes, service for who is there, no spinning")
    func descriptors() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--event-loops", "4"])
        let replica = cluster.replicas[0]
        let first = try served(replica.url)
        // As a process beside it would, which takes what the replica counted on.
        try replica.child.setLimit("--nofile=60:60")
        var held: [RawExchange] = []
        var refused: RawExchange?
        while refused == nil {
            try #require(held.count < 60, "the descriptors come to an end")
            let connection = try RawExchange(replica.url)
            try connection.send(Self.health)
            connection.receive { connection.text.contains("\r\n\r\n") }
            if connection.text.hasPrefix("HTTP/1.1 503 ") { refused = connection } else { held.append(connection) }
        }
        #expect(refused?.text.contains("no descriptor left") == true)
        #expect(refused?.receiveToEnd() == true)
        #expect(refused?.ending == .closed, "a reset may overtake the answer")
        // All loops have somebody at the door who cannot come in.
        let before = try turns(first)
        var waiting: [RawExchange] = []
        for _ in 0..<16 {
            let connection = try RawExchange(replica.url)
            try connection.send(Self.health)
            waiting.append(connection)
        }
        var after = before
        try #require(
            try Harness.wait(every: .milliseconds(100)) {
                after = try turns(first)
                return after.seconds >= before.seconds + 3
            })
        print(
            "no descriptor: \(after.turns - before.turns) turns in \(after.seconds - before.seconds) s of the replica")
        // Timers, answers and pauses take some tens of turns in a second; a loop that does not sleep takes thousands.
        let secondsMax = after.seconds - before.seconds + 1
        #expect(after.turns - before.turns < 300 * secondsMax, "a loop that cannot accept sleeps")
        waiting.removeAll()
        let answered = first.answers().all.count
        try first.send(Self.health)
        #expect(first.receive { first.answers().all.count == answered + 1 })
        held.removeAll()
        #expect(waitUntilServed(replica.url))
    }
}
