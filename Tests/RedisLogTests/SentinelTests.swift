import Glibc
import PosixIO
import Testing
import ThreatFeed

@testable import RedisLog

@Suite("Redis found by Sentinels")
struct SentinelTests {
    static let quick = LinkLimits(
        connectTimeout: .milliseconds(500), sentinelTimeout: .milliseconds(200), answerTimeout: TestLoop.patience,
        probeInterval: .milliseconds(50), backoffMin: .milliseconds(5), backoffMax: .milliseconds(50))

    private func waitUntilListening(_ port: UInt16) throws {
        let loop = try TestLoop()
        let link = loop.link(RedisEndpoint(location: .tcp(host: "127.0.0.1", port: port)), limits: Self.quick)
        try loop.run("listening") { link.isUp }
    }

    @Test("RFC 3986 and what follows it: hosts, master, database, password, TLS")
    func urls() throws {
        let endpoint = try RedisEndpoint(url: "redis-sentinel://user:p%40ss@one,[::1]:26380,three:1/threats?db=3")
        #expect(
            endpoint
                == RedisEndpoint(
                    location: .sentinel(
                        [
                            .init(host: "one", port: 26379), .init(host: "::1", port: 26380),
                            .init(host: "three", port: 1),
                        ], master: "threats"),
                    user: "user", password: "p@ss", database: 3))
        #expect("\(endpoint)" == "redis-sentinel://user:***@one:26379,[::1]:26380,three:1/threats?db=3")
        #expect(try RedisEndpoint(url: "rediss-sentinel://one/threats").tls != nil)
    }

    @Test(
        "what is no such URL names the part that is wrong",
        arguments: [
            ("redis-sentinel://one", RedisEndpointError.master), ("redis-sentinel://one/", .master),
            ("redis-sentinel://one/a/b", .master), ("redis-sentinel:///m", .host),
            ("redis-sentinel://one,,two/m", .host), ("redis-sentinel://one:0/m", .port("0")),
            ("redis-sentinel://one/m?x=1", .unexpected("query other than db=N")),
            ("redis-sentinel://one/m?db=x", .database("x")), ("redis-sentinel://one/m#f", .unexpected("fragment")),
        ])
    func badURLs(url: String, error: RedisEndpointError) {
        #expect(throws: error) { try RedisEndpoint(url: url) }
    }

    @Test("the master is asked for at every connect, past Sentinels that are away, silent or ignorant")
    func followsTheMaster() throws {
        let (portOne, portTwo) = (try ReservedPort.take(), try ReservedPort.take())
        let (silentPort, sentinelPort) = (try ReservedPort.take(), try ReservedPort.take())
        let one = try RedisServer(["--port", String(portOne), "--repl-diskless-sync-delay", "0"])
        let two = try RedisServer(["--port", String(portTwo), "--replicaof", "127.0.0.1", String(portOne)])
        let silent = try RedisServer(["--port", String(silentPort)])
        try waitUntilListening(silentPort)
        silent.send(signal: SIGSTOP)
        defer { silent.send(signal: SIGCONT) }
        let sentinel = try TestSentinel(port: sentinelPort, master: portOne)
        let endpoint = RedisEndpoint(
            location: .sentinel(
                [
                    // Nobody listens here; and this one is a Redis that knows no Sentinel command.
                    .init(host: "127.0.0.1", port: try ReservedPort.take()), .init(host: "127.0.0.1", port: portOne),
                    .init(host: "127.0.0.1", port: silentPort), .init(host: "127.0.0.1", port: sentinelPort),
                ], master: "threats"))
        let loop = try TestLoop()
        let link = loop.link(endpoint, limits: Self.quick)
        try loop.run("up") { link.isUp }
        #expect(link.server?.keepsAllAnswered == false)
        #expect(try loop.command(link, "CONFIG", "GET", "port").elements?.last?.text == String(portOne))
        one.crash()
        try loop.run("down") { !link.isUp }
        let operatorLink = loop.link(two.endpoint, mode: .subscriber)
        try loop.run("connected") { operatorLink.isUp }
        _ = try loop.command(operatorLink, "REPLICAOF", "NO", "ONE")
        try sentinel.monitor(portTwo, loop)
        try loop.run("up at the new master") { link.isUp }
        #expect(try loop.command(link, "CONFIG", "GET", "port").elements?.last?.text == String(portTwo))
        withExtendedLifetime((one, two, silent, sentinel)) {}
    }

    @Test("when Sentinels name another master every link moves there")
    func leavesReplacedMaster() throws {
        let (portOne, portTwo, sentinelPort) = (
            try ReservedPort.take(), try ReservedPort.take(), try ReservedPort.take()
        )
        let one = try RedisServer(["--port", String(portOne), "--repl-diskless-sync-delay", "0"])
        let two = try RedisServer(["--port", String(portTwo), "--replicaof", "127.0.0.1", String(portOne)])
        let loop = try TestLoop()
        let operatorLink = loop.link(two.endpoint, mode: .subscriber)
        let master = loop.link(one.endpoint, limits: Self.quick)
        try loop.run("replicated") { operatorLink.isUp && master.connectedReplicas == 1 }
        let sentinel = try TestSentinel(port: sentinelPort, master: portOne)
        let probe = loop.follower(
            RedisEndpoint(location: .sentinel([.init(host: "127.0.0.1", port: sentinelPort)], master: "threats")),
            limits: Self.quick)
        var moves: [MasterMove] = []
        probe.follower.onSentinelNews = { if case .moved(let move) = $0 { moves.append(move) } }
        try loop.run("ready") { probe.isReady }
        _ = try loop.publish(probe.follower.client, record("a"))
        // The replica has it before it takes the master's place.
        try loop.run("received") { (try? loop.command(operatorLink, "EXISTS", "tocsin:{default}:log").integer) == 1 }
        try sentinel.failOver(loop)
        try loop.run("ready at the new master") {
            probe.isReady && moves.last?.address == "127.0.0.1:\(portTwo)"
        }
        let port = try loop.command(probe.follower.client.link, "CONFIG", "GET", "port")
        #expect(port.elements?.last?.text == String(portTwo))
        #expect(moves.map(\.isFirst) == [true, false])
        withExtendedLifetime((one, two, sentinel)) {}
    }

    @Test("a name that no Sentinel knows is the reason told")
    func unknownMaster() throws {
        let sentinelPort = try ReservedPort.take()
        let server = try RedisServer()
        let sentinel = try TestSentinel(port: sentinelPort, master: 1)
        let loop = try TestLoop()
        let link = loop.link(
            RedisEndpoint(location: .sentinel([.init(host: "127.0.0.1", port: sentinelPort)], master: "others")),
            limits: Self.quick)
        try loop.run("told") { link.downReason == "Sentinel 127.0.0.1:\(sentinelPort) knows no master named others" }
        withExtendedLifetime((server, sentinel)) {}
    }
}
