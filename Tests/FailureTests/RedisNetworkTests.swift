import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import TocsinClient

/// What lies between a replica and Redis breaks; the other replicas have nothing to do with it.
@Suite(.processes) struct RedisNetwork {
    @Test("half-open connections, both directions or one: noticed, and mended by a new connection")
    func halfOpen() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        for direction in [FaultDirection.both, .toClient, .toServer] {
            try Self.awaitSteady(cluster, 0)
            cluster.proxies[0].set(.drop, direction)
            try Self.expectNoticed(cluster, 0)
            // The others work on.
            run.expectRecovery(of: Array(cluster.urls.dropFirst()))
            cluster.proxies[0].heal()
            run.expectRecovery()
        }
        let records = try run.finish()
        #expect(records.allSatisfy { $0.resets.isEmpty })
        #expect(records.prefix(run.residents).allSatisfy { $0.connections == 1 })
        withExtendedLifetime(cluster) {}
    }

    @Test("a replica cut off for long: its clients are handed on to the others and miss nothing")
    func handedOn() throws {
        let cluster = try FailureBench.cluster(handOnSeconds: 1)
        let run = try FailureRun(cluster.urls, residents: 0, wanderers: 0, visitors: 9)
        // Nobody is handed on by a replica that has not seen the others.
        let seesAll = try Harness.wait(atMost: FailureBench.deadline) {
            try FailureBench.metric("tocsin_log_followers", of: cluster.urls[0]) == 3
        }
        try #require(seesAll)
        cluster.proxies[0].set(.drop)
        let areAway = run.fleet.wait(atMost: FailureBench.deadline) { records in
            records.allSatisfy { $0.isConnected && $0.url != cluster.urls[0] }
        }
        #expect(areAway)
        try run.awaitAcknowledgements(100)
        cluster.proxies[0].heal()
        run.expectRecovery()
        let records = try run.finish()
        #expect(records.contains { $0.firstEnding?.description.contains("no log here since") == true })
        withExtendedLifetime(cluster) {}
    }

    @Test("a subscription alone half-open: /ready turns red although commands are answered")
    func halfOpenSubscription() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        cluster.proxies[0].set(.drop, .toClient, of: .subscriptions)
        try Self.expectNoticed(cluster, 0)
        cluster.proxies[0].heal()
        run.expectRecovery()
        try Self.awaitSteady(cluster, 0)
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("a subscription to nothing that still answers pings: found by a message that must come back")
    func detachedSubscription() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        // From the next SUBSCRIBE on, Redis hears another channel's name, and the replica the one it asked for.
        let channel = "tocsin:{default}:feed"
        let other = "tocsin:{default}:FEED"
        cluster.proxies[0].set(rewrites: [
            ByteRewrite(
                "SUBSCRIBE\r\n$\(channel.utf8.count)\r\n\(channel)",
                with: "SUBSCRIBE\r\n$\(other.utf8.count)\r\n\(other)",
                .toServer),
            ByteRewrite(
                "subscribe\r\n$\(other.utf8.count)\r\n\(other)",
                with: "subscribe\r\n$\(channel.utf8.count)\r\n\(channel)",
                .toClient),
        ])
        cluster.proxies[0].cut(.subscriptions)
        // Not ready, and not by subscribing anew either.
        let client = HTTPClient(cluster.urls[0], deadline: FailureBench.answerDeadline)
        var connectionsWhenReady = cluster.proxies[0].acceptedCount
        let isFound = try Harness.wait(atMost: FailureBench.deadline) {
            if try client.get("/ready").status == 200 { connectionsWhenReady = cluster.proxies[0].acceptedCount }
            return cluster.proxies[0].acceptedCount >= connectionsWhenReady + 2
        }
        #expect(isFound)
        cluster.proxies[0].heal()
        cluster.proxies[0].cut(.subscriptions)
        run.expectRecovery()
        try Self.awaitSteady(cluster, 0)
        let records = try run.finish()
        #expect(records.allSatisfy { $0.resets.isEmpty })
        withExtendedLifetime(cluster) {}
    }

    @Test("connections that hang, then deliver late what was sent: no threat twice, no order broken")
    func hangingThenLate() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        for _ in 0..<2 {
            try Self.awaitSteady(cluster, 1)
            cluster.proxies[1].set(.hang)
            try Self.expectNoticed(cluster, 1)
            cluster.proxies[1].heal()
            run.expectRecovery()
        }
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("a replica cut off while the others get a new generation: its clients are told and miss nothing")
    func partitionedDuringFork() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        cluster.proxies[0].set(.hang)
        try Self.expectNoticed(cluster, 0)
        try cluster.redis.command("FLUSHALL")
        run.expectRecovery(of: Array(cluster.urls.dropFirst()))
        try run.awaitAcknowledgements(100)
        cluster.proxies[0].heal()
        run.expectRecovery()
        #expect(run.awaitResets(1))
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("connections refused and reset again and again: posts get 503, then succeed")
    func refusedAndReset() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls)
        for door in [ProxyDoor.refusing, .resetting] {
            for proxy in cluster.proxies {
                proxy.set(door: door)
                proxy.cut()
            }
            for url in cluster.urls { try run.awaitRefusal(by: url) }
            if door == .resetting { try Self.awaitConnections(cluster, 5) }
            for proxy in cluster.proxies { proxy.heal() }
            run.expectRecovery()
        }
        try run.finish()
        withExtendedLifetime(cluster) {}
    }

    @Test("a slow network that cuts everything into small pieces: slower, nothing else")
    func slowAndSliced() throws {
        let cluster = try FailureBench.cluster()
        let run = try FailureRun(cluster.urls, rate: 50)
        cluster.proxies[0].set(.slice(bytes: 7))
        cluster.proxies[1].set(.delay(.milliseconds(150)))
        cluster.proxies[2].set(.slice(bytes: 61), .toClient)
        try run.awaitAcknowledgements(100)
        for proxy in cluster.proxies { proxy.heal() }
        let records = try run.finish()
        #expect(run.pool.refusalCount == 0)
        #expect(records.allSatisfy { $0.resets.isEmpty })
        withExtendedLifetime(cluster) {}
    }

    /// Waits until every replica has tried to connect so many more times.
    private static func awaitConnections(_ cluster: FaultyCluster, _ count: Int) throws {
        let before = cluster.proxies.map(\.acceptedCount)
        try #require(
            Harness.wait(atMost: FailureBench.deadline) {
                zip(cluster.proxies, before).allSatisfy { $0.acceptedCount >= $1 + count }
            })
    }

    /// The replica says that it is not ready.
    ///
    /// That it does so within five seconds follows from the times of its links, which have tests on a virtual clock.
    private static func expectNoticed(_ cluster: FaultyCluster, _ index: Int) throws {
        let client = HTTPClient(cluster.urls[index], deadline: FailureBench.answerDeadline)
        let start = MonotonicTime.now
        let noticed = try Harness.wait(atMost: FailureBench.deadline) { try client.get("/ready").status == 503 }
        #expect(noticed)
        print("\(FailureBench.testName): noticed after \(MonotonicTime.now - start)")
    }

    /// Waits until the replica has said many times in a row that it is ready: what a fault before has left behind is
    /// over.
    private static func awaitSteady(_ cluster: FaultyCluster, _ index: Int) throws {
        let client = HTTPClient(cluster.urls[index], deadline: FailureBench.answerDeadline)
        var answersInARow = 0
        let isSteady = try Harness.wait(atMost: FailureBench.deadline) {
            answersInARow = try client.get("/ready").status == 200 ? answersInARow + 1 : 0
            return answersInARow == 50
        }
        #expect(isSteady)
    }
}
