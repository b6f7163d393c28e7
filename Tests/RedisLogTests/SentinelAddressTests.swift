import Glibc
import PosixIO
import Testing

@testable import RedisLog

@Suite("Names with several addresses, and names without an answer")
struct SentinelAddressTests {
    /// Loopback addresses of which each may have its own listener on one port.
    private static let addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.1"]

    private func link(
        _ endpoint: RedisEndpoint, _ servers: NameServers, _ loop: TestLoop, mode: RedisLink.Mode = .commands,
        lookupTimeout: Duration = .seconds(1)
    ) -> RedisLink {
        var limits = SentinelTests.quick
        limits.lookupTimeout = lookupTimeout
        return loop.link(
            endpoint, mode: mode, limits: limits, directory: LinkDirectory(endpoint, lookups: servers.lookups()))
    }

    @Test("a Sentinel's first address accepts and is silent, its second closes: the third is asked, by links and watch")
    func sentinels() throws {
        let master = try ReservedPort.take()
        let server = try RedisServer(["--port", String(master)])
        let sentinel = try TestSentinel(master: master, epoch: 1)
        let silent = try UselessPeer(Self.addresses[0], sentinel.port)
        let closing = try UselessPeer(Self.addresses[1], sentinel.port)
        let servers = NameServers(["sentinels": Self.addresses])
        let endpoint = RedisEndpoint(
            location: .sentinel([.init(host: "sentinels", port: sentinel.port)], master: "threats"))
        let loop = try TestLoop()
        let directory = LinkDirectory(endpoint, lookups: servers.lookups())
        let link = loop.link(endpoint, limits: SentinelTests.quick, directory: directory)
        try loop.run("up") {
            closing.closeAll()
            return link.isUp
        }
        let probe = loop.follower(endpoint, limits: SentinelTests.quick, directory: directory)
        var news: [SentinelNews] = []
        probe.follower.onSentinelNews = { news.append($0) }
        try loop.run("followed") {
            closing.closeAll()
            return probe.isReady
        }
        // Whichever address has its turn first, the watch gets its answer.
        try sentinel.operate(loop) { _ = try $0.command("SENTINEL", "REMOVE", "threats") }
        try loop.run("all of them told") {
            closing.closeAll()
            return news.contains { news in
                if case .silent(let reason) = news {
                    Self.addresses.allSatisfy { reason.contains("sentinels:\(sentinel.port) (\($0))") }
                } else {
                    false
                }
            }
        }
        withExtendedLifetime((server, silent)) {}
    }

    @Test("a Redis whose first address accepts and is silent, and whose second closes, is found at the third")
    func redis() throws {
        let port = try ReservedPort.take()
        let server = try RedisServer(["--port", String(port), "--bind", "127.0.0.1"])
        let silent = try UselessPeer(Self.addresses[0], port)
        let closing = try UselessPeer(Self.addresses[1], port)
        let servers = NameServers(["redis": Self.addresses])
        let loop = try TestLoop()
        for mode in [RedisLink.Mode.commands, .subscriber] {
            let link = link(RedisEndpoint(location: .tcp(host: "redis", port: port)), servers, loop, mode: mode)
            try loop.run("up: \(mode)") {
                closing.closeAll()
                return link.isUp
            }
        }
        withExtendedLifetime((server, silent)) {}
    }

    @Test("of a name with a replica and a master the master is found")
    func masterAmongAddresses() throws {
        let port = try ReservedPort.take()
        let master = try RedisServer(["--port", String(port), "--bind", "127.0.0.1"])
        let replica = try RedisServer([
            "--port", String(port), "--bind", "127.0.0.2", "--replicaof", "127.0.0.1", String(port),
        ])
        let servers = NameServers(["redis": ["127.0.0.2", "127.0.0.1"]])
        let loop = try TestLoop()
        let link = link(RedisEndpoint(location: .tcp(host: "redis", port: port)), servers, loop)
        try loop.run("up") { link.isUp }
        #expect(try loop.command(link, "CONFIG", "GET", "bind").elements?.last?.text == "127.0.0.1")
        withExtendedLifetime((master, replica)) {}
    }

    @Test("a name without an answer costs its bound, is named in the reason, and the next Sentinel is asked")
    func silentNames() throws {
        let master = try ReservedPort.take()
        let server = try RedisServer(["--port", String(master)])
        let sentinel = try TestSentinel(master: master)
        let servers = NameServers(["three": ["127.0.0.1"]], silent: ["one", "two"])
        defer { servers.answerAll() }
        let hosts = ["one", "two", "three"].map { RedisEndpoint.Sentinel(host: $0, port: sentinel.port) }
        let loop = try TestLoop()
        let found = link(
            RedisEndpoint(location: .sentinel(hosts, master: "threats")), servers, loop,
            lookupTimeout: .milliseconds(50))
        try loop.run("up") { found.isUp }
        let lost = link(
            RedisEndpoint(location: .sentinel(Array(hosts.prefix(2)), master: "threats")), servers, loop,
            lookupTimeout: .milliseconds(50))
        try loop.run("named") {
            lost.downReason.contains("one: no answer to its look-up within") && lost.downReason.contains("two: ")
        }
        // However often they are asked for, each is looked up once in each directory of names.
        #expect(servers.asked.count { $0 == "one" } == 2)
        withExtendedLifetime((server, sentinel)) {}
    }

    @Test("a slow name server is enough: what it says too late for one attempt serves the next")
    func slowNames() throws {
        let port = try ReservedPort.take()
        let server = try RedisServer(["--port", String(port), "--bind", "127.0.0.1"])
        let servers = NameServers(["redis": ["127.0.0.1"]], silent: ["redis"])
        let loop = try TestLoop()
        let link = link(
            RedisEndpoint(location: .tcp(host: "redis", port: port)), servers, loop, lookupTimeout: .milliseconds(20))
        try loop.run("too late") { link.downReason.contains("redis: no answer to its look-up within") }
        #expect(servers.asked.count == 1)
        servers.answerAll()
        try loop.run("up") { link.isUp }
        withExtendedLifetime(server) {}
    }

    @Test("a name that leads elsewhere after a while is followed there")
    func changedName() throws {
        let ports = try (0..<2).map { _ in try ReservedPort.take() }
        let server = try RedisServer(["--port", String(ports[0])])
        let sentinel = try TestSentinel(master: ports[0])
        let servers = NameServers(["sentinels": ["127.0.0.9"]])
        let loop = try TestLoop()
        let link = link(
            RedisEndpoint(location: .sentinel([.init(host: "sentinels", port: sentinel.port)], master: "threats")),
            servers, loop)
        try loop.run("refused") { link.downReason.contains("Sentinel sentinels:\(sentinel.port): ") }
        servers.set("sentinels", ["127.0.0.1"])
        try loop.run("up") { link.isUp }
        withExtendedLifetime((server, sentinel)) {}
    }
}
