import Glibc
import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

@Suite("Acknowledgements that wait for replicas of Redis")
struct ReplicationTests {
    /// A master and a replica of it, both on Unix sockets and on TCP ports of 127.0.0.1.
    private struct Pair {
        let master: RedisServer
        let replica: RedisServer

        init() throws {
            let port = try ReservedPort.take()
            master = try RedisServer(["--port", String(port), "--repl-diskless-sync-delay", "0"])
            replica = try RedisServer(["--replicaof", "127.0.0.1", String(port), "--repl-ping-replica-period", "1"])
        }
    }

    private func client(_ loop: TestLoop, _ endpoint: RedisEndpoint) throws -> LogClient {
        try loop.client(
            endpoint, limits: LinkLimits(answerTimeout: TestLoop.patience, probeInterval: .milliseconds(50)),
            replicasMin: 1)
    }

    @Test("a record is accepted once a replica has it; refused while none follows; accepted when one is back")
    func waits() throws {
        let pair = try Pair()
        let loop = try TestLoop()
        let client = try client(loop, pair.master.endpoint)
        try loop.run("replicated") { client.link.connectedReplicas == 1 }
        // The first attempt may have been kept before the replica followed; then a later one finds it.
        guard case .success = try loop.publishEventually(client, record("a")) else {
            Issue.record("not accepted with a replica: \(client.link.connectedReplicas) connected")
            return
        }
        pair.replica.send(signal: SIGSTOP)
        let asked = MonotonicTime.now
        let refused = try loop.publish(client, record("b"))
        #expect(refused == .failure(.tooFewReplicas(acknowledged: 0, needed: 1)))
        // The refusal holds for longer than since then. Whoever comes within it is answered before anything is sent.
        var again: PublishResult?
        client.publish(record("b")) { again = $0 }
        client.flush(now: asked)
        #expect(again == .failure(.tooFewReplicas(acknowledged: 0, needed: 1)), "refused without another wait")
        #expect(client.replicationShortfall == "0 of 1 replicas of Redis follow")
        pair.replica.send(signal: SIGCONT)
        // It was kept the first time, so that its retry finds it.
        guard case .success(.replayed(let entry)) = try loop.publishEventually(client, record("b")) else {
            Issue.record("not accepted again")
            return
        }
        #expect(entry.cursor.sequence == 2)
        #expect(client.replicationShortfall == nil)
    }

    @Test("what was published before a lost connection is not confirmed on the next one")
    func lostConnection() throws {
        let pair = try Pair()
        let loop = try TestLoop()
        let client = try client(loop, pair.master.endpoint)
        try loop.run("replicated") { client.link.connectedReplicas == 1 }
        _ = try loop.publishEventually(client, record("first"))
        var result: PublishResult?
        pair.replica.send(signal: SIGSTOP)
        client.publish(record("a")) { result = $0 }
        client.flush(now: .now)
        client.link.reconnect(reason: "cut by the test")
        #expect(result == .failure(.unavailable(reason: "connection to Redis lost: cut by the test")))
        pair.replica.send(signal: SIGCONT)
        try loop.run("up again") { client.isUp }
        guard case .success = try loop.publishEventually(client, record("a")) else {
            Issue.record("not accepted again")
            return
        }
    }

    @Test("without any replica a record is refused before it is kept")
    func none() throws {
        let server = try RedisServer()
        let loop = try TestLoop()
        let client = try client(loop, server.endpoint)
        #expect(
            try loop.publish(client, record("a")) == .failure(.tooFewReplicas(acknowledged: 0, needed: 1)))
        let length = try loop.command(client.link, "XLEN", "tocsin:{default}:log")
        #expect(length.integer == 0)
    }

    @Test("many publishers share a wait: 500 records of 50 turns")
    func shares() throws {
        let pair = try Pair()
        let loop = try TestLoop()
        let client = try client(loop, pair.master.endpoint)
        try loop.run("replicated") { client.link.connectedReplicas == 1 }
        _ = try loop.publishEventually(client, record("first"))
        var accepted = 0
        for turn in 0..<50 {
            for index in 0..<10 {
                client.publish(record("m\(turn)-\(index)")) { result in
                    if case .success(.accepted) = result { accepted += 1 }
                }
            }
            loop.turn()
        }
        try loop.run("all accepted") { accepted == 500 }
    }
}
