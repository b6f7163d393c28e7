import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

@Suite("A Redis that makes room by itself")
struct EvictionTests {
    @Test("what may be thrown away is told by bound and policy")
    func policies() {
        func eviction(_ bound: String, _ policy: String) -> Eviction? {
            Eviction(
                info: Array("# Memory\r\nused_memory:1\r\nmaxmemory:\(bound)\r\nmaxmemory_policy:\(policy)\r\n".utf8))
        }
        for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
            #expect(eviction("1000", policy) == .anyKey(policy: policy))
            #expect(eviction("0", policy) == nil)
        }
        for policy in ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"] {
            #expect(eviction("1000", policy) == .leasedKeys(policy: policy))
            #expect(eviction("0", policy) == nil)
        }
        #expect(eviction("1000", "noeviction") == nil)
        #expect(Eviction(info: []) == nil)
    }

    @Test("is told at the connect and when it changes, and told off when it keeps everything")
    func told() throws {
        let server = try RedisServer(["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"])
        let loop = try TestLoop()
        let probe = loop.follower(server.endpoint)
        try loop.run("ready") { probe.isReady }
        try loop.run("told") { probe.evictions == [.anyKey(policy: "allkeys-lru")] }
        let link = probe.follower.client.link
        _ = try loop.command(link, "CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
        try loop.run("changed") { probe.evictions.last == .leasedKeys(policy: "volatile-ttl") }
        _ = try loop.command(link, "CONFIG", "SET", "maxmemory-policy", "noeviction")
        try loop.run("over") { probe.evictions.last == .some(nil) }
        _ = try loop.command(link, "CONFIG", "SET", "maxmemory-policy", "allkeys-random", "maxmemory", "0")
        _ = try loop.publish(probe.follower.client, record("a")).get()
        try loop.run("delivered") { probe.entries.count == 1 }
        #expect(probe.evictions.count == 3)
    }

    @Test(
        "whatever it throws away of a log, each loss is told, and nothing that a ring holds is missing in the end",
        arguments: ["allkeys-lru", "allkeys-random", "allkeys-lfu"])
    func evicts(policy: String) throws {
        let server = try RedisServer(["--maxmemory-policy", policy])
        let loop = try TestLoop()
        let link = loop.link(server.endpoint)
        let probe = loop.follower(server.endpoint)
        try loop.run("ready") { probe.isReady && link.isUp }
        let client = probe.follower.client
        let padding = String(repeating: "x", count: 900)
        var published = 0
        func publishSome() throws {
            for _ in 0..<40 {
                let new = record("k\(published)", content: padding, customer: "C\(published % 5)")
                _ = try loop.publishEventually(client, new).get()
                published += 1
            }
        }
        func standing() throws -> Int64? {
            let keys = LogKeys()
            return try loop.command(link, "EXISTS", keys.log, keys.ids, keys.counts, keys.meta).integer
        }
        func usedMemory() throws -> Int {
            let text = String(decoding: try loop.command(link, "INFO", "memory").bytes ?? [], as: UTF8.self)
            let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory:") }
            return try #require(line.flatMap { Int($0.dropFirst("used_memory:".count)) })
        }
        for round in 1...4 {
            try publishSome()
            try loop.run("delivered") { probe.follower.head >= client.knownHead && probe.follower.status != nil }
            // Too little for what stands: one of the keys at least has to go.
            let evicted = try evictedKeys(loop, link)
            _ = try loop.command(link, "CONFIG", "SET", "maxmemory", String(try usedMemory() - 10_000))
            let deadline = MonotonicTime.now + TestLoop.patience
            while try evictedKeys(loop, link) == evicted {
                _ = try loop.command(link, "SET", "filler", padding)
                try #require(MonotonicTime.now < deadline, "something is thrown away in round \(round)")
            }
            _ = try loop.command(link, "CONFIG", "SET", "maxmemory", "0")
        }
        try publishSome()
        let ids = Set((0..<published).map { "k\($0)" })
        try loop.run("all is there again") {
            probe.follower.status?.retained == published && probe.follower.status?.head.cursor == probe.follower.head
        }
        let page: Result<LogPage, LogError> = try loop.value("all") { client.newest(limit: 1_000, completion: $0) }
        #expect(Set(try page.get().entries.map(\.record.id)) == ids)
        try expectNothingLeftBehind(loop, link, retained: published)
        #expect(try standing() == 4)
        #expect(probe.entries.map(\.cursor) == probe.entries.map(\.cursor).sorted())
        let retry = record("k3", content: padding, customer: "C3")
        guard case .success(.replayed) = try loop.publish(client, retry) else {
            Issue.record("a retry is no second threat")
            return
        }
    }

    private func evictedKeys(_ loop: TestLoop, _ link: RedisLink) throws -> String? {
        let text = String(decoding: try loop.command(link, "INFO", "stats").bytes ?? [], as: UTF8.self)
        return text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("evicted_keys:") }.map(String.init)
    }
}
