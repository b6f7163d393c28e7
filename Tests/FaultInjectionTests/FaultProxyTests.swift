import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import TocsinClient

/// The proxy itself: each fault does what it says, and healing ends it.
@Suite(.processes) struct FaultProxyTests {
    private final class Bench {
        let directory: TemporaryDirectory
        let redis: LocalRedis
        let proxy: FaultProxy

        init() throws {
            guard ChildProcess.find("redis-server") != nil else { throw HarnessError(LocalRedis.installHint) }
            directory = try TemporaryDirectory()
            redis = try LocalRedis(directory: directory.path)
            proxy = try FaultProxy(to: try SocketAddress(unixPath: redis.socketPath))
        }

        func connect(deadline: Duration = .milliseconds(300)) throws(ClientError) -> RedisConnection {
            try RedisConnection(port: proxy.port, deadline: deadline)
        }
    }

    @Test("without a fault bytes pass, in small pieces and late as well")
    func passing() throws {
        let bench = try Bench()
        let long = String(repeating: "x", count: 20_000)
        for fault in [Fault.none, .slice(bytes: 64), .delay(.milliseconds(50))] {
            bench.proxy.set(fault)
            let connection = try bench.connect(deadline: .seconds(10))
            let start = MonotonicTime.now
            #expect(try connection.command("ECHO", long) == .bulk(long))
            if case .delay(let duration) = fault { #expect(MonotonicTime.now - start >= duration * 2) }
        }
        #expect(Harness.wait(atMost: .seconds(2)) { bench.proxy.connectionCount == 0 })
    }

    @Test("dropped bytes are gone, the connection stays open until it is healed, then it is reset")
    func dropping() throws {
        let bench = try Bench()
        let connection = try bench.connect()
        #expect(try connection.command("PING") == .simple("PONG"))
        bench.proxy.set(.drop, .toClient)
        #expect(throws: ClientError.timedOut("Redis did not answer in time")) { try connection.command("PING") }
        #expect(bench.proxy.droppedBytes == 7)
        bench.proxy.heal()
        #expect(Harness.wait(atMost: .seconds(2)) { bench.proxy.connectionCount == 0 })
        #expect(try bench.connect().command("PING") == .simple("PONG"))
    }

    @Test("a hanging connection passes on everything once it is healed, even after its client has gone")
    func hanging() throws {
        let bench = try Bench()
        bench.proxy.set(.hang)
        do {
            let connection = try bench.connect()
            #expect(throws: ClientError.self) { try connection.command("SET", "late", "yes") }
        }
        #expect(try bench.redis.command("GET", "late") == .null)
        bench.proxy.heal()
        #expect(try Harness.wait(atMost: .seconds(2)) { try bench.redis.command("GET", "late") == .bulk("yes") })
        #expect(Harness.wait(atMost: .seconds(2)) { bench.proxy.connectionCount == 0 })
    }

    @Test("subscriptions and commands can be broken apart from each other")
    func scopes() throws {
        let bench = try Bench()
        let commands = try bench.connect()
        let subscription = try bench.connect()
        #expect(try subscription.command("SUBSCRIBE", "a").elements.count == 3)
        bench.proxy.set(.drop, .both, of: .subscriptions)
        #expect(try commands.command("PING") == .simple("PONG"))
        #expect(throws: ClientError.self) { try subscription.command("PING") }
        bench.proxy.cut(.subscriptions)
        #expect(Harness.wait(atMost: .seconds(2)) { bench.proxy.connectionCount == 1 })
        #expect(try commands.command("PING") == .simple("PONG"))
    }

    @Test("new connections are refused or reset, and accepted again")
    func doors() throws {
        let bench = try Bench()
        bench.proxy.set(door: .refusing)
        #expect(
            Harness.wait(atMost: .seconds(2)) {
                guard case .unreachable? = Self.failure({ _ = try bench.connect() }) else { return false }
                return true
            })
        bench.proxy.set(door: .resetting)
        #expect(
            Harness.wait(atMost: .seconds(2)) {
                guard case .connectionLost? = Self.failure({ try bench.connect().command("PING") }) else {
                    return false
                }
                return true
            })
        bench.proxy.heal()
        #expect(Harness.wait(atMost: .seconds(2)) { (try? bench.connect().command("PING")) == .simple("PONG") })
    }

    @Test("bytes are replaced on their way, each direction for itself")
    func rewriting() throws {
        let bench = try Bench()
        bench.proxy.set(rewrites: [ByteRewrite("ping", with: "pong", .toServer)])
        let connection = try bench.connect()
        #expect(Harness.wait(atMost: .seconds(2)) { (try? connection.command("ECHO", "ping")) == .bulk("pong") })
        bench.proxy.set(rewrites: [ByteRewrite("ping", with: "pong", .toClient)])
        #expect(Harness.wait(atMost: .seconds(2)) { (try? connection.command("ECHO", "ping ")) == .bulk("pong ") })
    }

    private static func failure(_ body: () throws -> Void) -> ClientError? {
        do {
            try body()
            return nil
        } catch {
            return error as? ClientError
        }
    }
}
