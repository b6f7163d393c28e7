import ClusterSupport
import PosixIO
import Testing
import ThreatFeed
import TocsinClient

/// Three replicas on one Redis: what a threat's journey from one post to every dashboard must look like.
@Suite(.processes) struct Broadcast {
    @Test("a threat that was posted can be read at every replica")
    func saveAndRetrieve() throws {
        let cluster = try Harness.cluster(replicas: 3)
        let stored = try Harness.trigger(
            cluster.urls[0], #"{"id":"kept-1","threat_type":"malware","severity":"high","metadata":{"n":1.50}}"#)
        #expect(stored["severity"]?.stringValue == "HIGH")
        #expect(stored["received_by"]?.stringValue == "replica-a")
        for url in cluster.urls {
            let client = Harness.client(url)
            let one = try client.get("/api/threats/kept-1")
            #expect(one.status == 200)
            #expect(one.json == stored)
            let list = try client.get("/api/threats")
            #expect(list.json?[0] == stored)
        }
    }

    @Test("a subscriber receives a threat with the id and cursor that its publisher was told")
    func oneSubscriber() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let fleet = try Harness.fleet(cluster.urls, clients: 1)
        defer { fleet.stop() }
        let stored = try Harness.trigger(cluster.urls[0], #"{"threat_type":"malware"}"#)
        #expect(Harness.wait(fleet, for: try cursor(of: stored)))
        let record = fleet.record(0)
        #expect(record.deliveries.map(\.threatID) == [stored["id"]?.stringValue])
        #expect(record.deliveries.map(\.cursor) == [try cursor(of: stored)])
    }

    @Test("every client of one replica receives the same threats in the same order")
    func severalClientsOnOneReplica() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let fleet = try Harness.fleet(cluster.urls, clients: 5)
        defer { fleet.stop() }
        var ids: [String] = []
        var last = Cursor.zero
        for number in 0..<20 {
            let stored = try Harness.trigger(cluster.urls[0], #"{"id":"t-\#(number)","threat_type":"malware"}"#)
            ids.append("t-\(number)")
            last = try cursor(of: stored)
        }
        #expect(Harness.wait(fleet, for: last))
        for record in fleet.allRecords() { #expect(record.deliveries.map(\.threatID) == ids) }
    }

    @Test("cross-pod: clients of three replicas all receive a threat that was posted to one")
    func crossPod() throws {
        let cluster = try Harness.cluster(replicas: 3)
        let fleet = try Harness.fleet(cluster.urls, clients: 3)
        defer { fleet.stop() }
        let stored = try Harness.trigger(
            cluster.urls[0], #"{"threat_type":"bot_attack","severity":"CRITICAL","customer_name":"Acme"}"#)
        let place = try cursor(of: stored)
        #expect(Harness.wait(fleet, for: place))
        for (index, record) in fleet.allRecords().enumerated() {
            let received = record.deliveries.map { "\($0.threatID) at \($0.cursor)" }
            print("client \(index) on \(cluster.replicas[index].name) received \(received)")
            #expect(record.deliveries.map(\.threatID) == [stored["id"]?.stringValue])
            #expect(record.deliveries.map(\.cursor) == [place])
        }
    }

    @Test("600 threats posted at once to three replicas reach 60 clients in one order, as they were acknowledged")
    func orderUnderConcurrency() throws {
        let cluster = try Harness.cluster(replicas: 3)
        let fleet = try Harness.fleet(cluster.urls, clients: 60)
        defer { fleet.stop() }
        let pool = try PublisherPool(
            .init(urls: cluster.urls, publishers: 9, threats: 600, idPrefix: "order"))
        let report = pool.finish()
        #expect(report.failures == [])
        #expect(report.acknowledgements.count == 600)
        let last = try #require(report.acknowledgements.map(\.cursor).max())
        #expect(Harness.wait(fleet, for: last))
        let records = fleet.allRecords()
        let verdict = FeedVerdict(records: records, acknowledged: Harness.owed(report))
        #expect(verdict.isKept, "\(verdict.findings)")
        let answered = report.acknowledgements.sorted { $0.cursor < $1.cursor }
        for record in records {
            #expect(record.deliveries.map(\.cursor) == answered.map(\.cursor))
            #expect(record.deliveries.map(\.threatID) == answered.map(\.threatID))
            let sequences = record.deliveries.map(\.cursor.sequence)
            #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 + 1 == $1 })
        }
    }

    @Test("a client that is cut off under load resumes on another replica without gap or duplicate")
    func resumeElsewhere() throws {
        let cluster = try Harness.cluster(replicas: 3)
        let fleet = try Harness.fleet(cluster.urls, clients: 3)
        defer { fleet.stop() }
        let pool = try PublisherPool(
            .init(urls: cluster.urls, publishers: 4, threats: 400, rate: 200, idPrefix: "resume"))
        for (round, threshold) in [50, 150, 250].enumerated() {
            // Each drop cuts a connection, not an attempt at one.
            let isReached = fleet.wait {
                $0[0].deliveries.count >= threshold && $0[0].connections == round + 1
            }
            #expect(isReached)
            fleet.drop(0, next: cluster.urls[(round + 1) % 3])
        }
        let report = pool.finish()
        #expect(report.failures == [])
        let last = try #require(report.acknowledgements.map(\.cursor).max())
        // It may have had everything already when it was cut off for the last time.
        #expect(fleet.wait { $0[0].connections == 4 })
        #expect(Harness.wait(fleet, for: last))
        let records = fleet.allRecords()
        let verdict = FeedVerdict(records: records, acknowledged: Harness.owed(report))
        #expect(verdict.isKept, "\(verdict.findings)")
        #expect(verdict.acknowledged == 400)
    }

    @Test("a retry is not a second threat, also when it races the first attempt at another replica")
    func idempotentRetry() throws {
        let cluster = try Harness.cluster(replicas: 2)
        let fleet = try Harness.fleet(cluster.urls, clients: 2)
        defer { fleet.stop() }
        let body = #"{"id":"once","threat_type":"malware","title":"a"}"#
        let first = try Harness.client(cluster.urls[0]).post("/api/threats/trigger", Array(body.utf8))
        let again = try Harness.client(cluster.urls[1]).post("/api/threats/trigger", Array(body.utf8))
        #expect(first.status == 201)
        #expect(again.status == 200)
        #expect(again.body == first.body)
        let other = #"{"id":"once","threat_type":"malware","title":"b"}"#
        #expect(try Harness.client(cluster.urls[1]).post("/api/threats/trigger", Array(other.utf8)).status == 409)

        // Two pools of the same ids: each id is posted to both replicas at about the same time.
        let left = try PublisherPool(
            .init(urls: [cluster.urls[0]], publishers: 2, threats: 100, idPrefix: "race"))
        let right = try PublisherPool(
            .init(urls: [cluster.urls[1]], publishers: 2, threats: 100, idPrefix: "race"))
        let reports = [left.finish(), right.finish()]
        let all = reports.flatMap(\.acknowledgements)
        #expect(reports.flatMap(\.failures) == [])
        #expect(Set(all.map(\.threatID)).count == 100)
        for (_, pair) in Dictionary(grouping: all, by: \.threatID) {
            #expect(pair.map(\.status).sorted() == [200, 201])
            #expect(Set(pair.map(\.cursor)).count == 1)
            #expect(Set(pair.map(\.document)).count == 1)
        }
        #expect(Harness.wait(fleet, for: try #require(all.map(\.cursor).max())))
        for record in fleet.allRecords() { #expect(record.deliveries.count == 101) }
    }

    @Test("a cluster under another key prefix in the same Redis sees nothing of the first")
    func prefixesSeparate() throws {
        let first = try Harness.cluster(replicas: 1)
        let second = try Harness.cluster(
            replicas: 1, sharing: first.redis, arguments: ["--redis-prefix", "other"])
        let fleet = try Harness.fleet(first.urls + second.urls, clients: 2)
        defer { fleet.stop() }
        let mine = try Harness.trigger(first.urls[0], #"{"id":"mine","threat_type":"malware"}"#)
        let yours = try Harness.trigger(second.urls[0], #"{"id":"yours","threat_type":"malware"}"#)
        // The second threat of each comes after whatever might have crossed over.
        for (url, id) in [(first.urls[0], "mine-too"), (second.urls[0], "yours-too")] {
            try Harness.trigger(url, #"{"id":"\#(id)","threat_type":"malware"}"#)
        }
        #expect(fleet.wait { $0.allSatisfy { $0.deliveries.count >= 2 } })
        #expect(fleet.record(0).deliveries.map(\.threatID) == ["mine", "mine-too"])
        #expect(fleet.record(1).deliveries.map(\.threatID) == ["yours", "yours-too"])
        #expect(try cursor(of: mine).sequence == 1)
        #expect(try cursor(of: yours).sequence == 1)
        #expect(try Harness.client(second.urls[0]).get("/api/threats/mine").status == 404)
        #expect(try Harness.client(second.urls[0]).get("/api/threats").json?.elements?.count == 2)
    }
}
