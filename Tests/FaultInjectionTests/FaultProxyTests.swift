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

        func connect() throws(ClientError) -> RedisConnection {
            try RedisConnection(port: proxy.port, deadline: Harness.deadline)
        }

        /// A connection on which nobody waits for an answer.
        func exchange() throws -> RawExchange { try RawExchange(ServerURL(host: "127.0.0.1", port: proxy.port)) }
    }

    private static let ping = Array("*1\r\n$4\r\nPING\r\n".utf8)
    private static let pong = "+PONG\r\n"

    /// Asks until the proxy throws bytes away: what it is told takes effect within moments, and until then it passes on.
    /// - Returns: How many questions were answered.
    private func askUntilDropped(_ exchange: RawExchange, _ proxy: FaultProxy, answer: String) throws -> Int {
        let start = exchange.text.count
        var answers = 0
        while proxy.droppedBytes == 0 {
            try exchange.send(Self.ping)
            let isDecided = Harness.wait {
                exchange.receive(atMost: .zero) { exchange.text.count > start + answers * answer.count }
                    || proxy.droppedBytes > 0
            }
            try #require(isDecided, "a question is answered or thrown away")
            if proxy.droppedBytes == 0 { answers += 1 }
        }
        return answers
    }

    @Test("without a fault bytes pass, in small pieces and late as well")
    func passing() throws {
        let bench = try Bench()
        let long = String(repeating: "x", count: 20_000)
        for fault in [Fault.none, .slice(bytes: 64), .delay(.milliseconds(50))] {
            bench.proxy.set(fault)
            let connection = try bench.connect()
            let start = MonotonicTime.now
            #expect(try connection.command("ECHO", long) == .bulk(long))
            if case .delay(let duration) = fault { #expect(MonotonicTime.now - start >= duration * 2) }
        }
        #expect(Harness.wait { bench.proxy.connectionCount == 0 })
    }

    @Test("dropped bytes are gone, the connection stays open until it is healed, then it is reset")
    func dropping() throws {
        let bench = try Bench()
        let exchange = try bench.exchange()
        try exchange.send(Self.ping)
        #expect(exchange.receive { exchange.text == Self.pong })
        bench.proxy.set(.drop, .toClient)
        let answers = try askUntilDropped(exchange, bench.proxy, answer: Self.pong)
        #expect(bench.proxy.droppedBytes == Self.pong.utf8.count)
        exchange.receive(atMost: .zero) { false }
        #expect(exchange.ending == .open)
        bench.proxy.heal()
        #expect(exchange.receiveToEnd())
        #expect(exchange.ending == .reset)
        #expect(exchange.text == String(repeating: Self.pong, count: 1 + answers))
        #expect(Harness.wait { bench.proxy.connectionCount == 0 })
        #expect(try bench.connect().command("PING") == .simple("PONG"))
    }

    @Test("a hanging connection passes on everything once it is healed, even after its client has gone")
    func hanging() throws {
        let bench = try Bench()
        // It takes effect before any connection made later is read from.
        bench.proxy.set(.hang)
        do {
            let exchange = try bench.exchange()
            try exchange.send(Array("*3\r\n$3\r\nSET\r\n$4\r\nlate\r\n$3\r\nyes\r\n".utf8))
            #expect(Harness.wait { bench.proxy.acceptedCount == 1 })
            // Meanwhile others are served many times.
            for _ in 0..<200 { #expect(try bench.redis.command("GET", "late") == .null) }
            exchange.receive(atMost: .zero) { false }
            #expect(exchange.received.isEmpty && exchange.ending == .open)
        }
        #expect(try bench.redis.command("GET", "late") == .null)
        bench.proxy.heal()
        #expect(try Harness.wait { try bench.redis.command("GET", "late") == .bulk("yes") })
        #expect(Harness.wait { bench.proxy.connectionCount == 0 })
    }

    @Test("subscriptions and commands can be broken apart from each other")
    func scopes() throws {
        let bench = try Bench()
        let commands = try bench.connect()
        let subscription = try bench.exchange()
        try subscription.send(Array("*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n".utf8))
        let confirmation = "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
        #expect(subscription.receive { subscription.text == confirmation })
        bench.proxy.set(.drop, .both, of: .subscriptions)
        let pong = "*2\r\n$4\r\npong\r\n$0\r\n\r\n"
        let answers = try askUntilDropped(subscription, bench.proxy, answer: pong)
        #expect(try commands.command("PING") == .simple("PONG"))
        bench.proxy.cut(.subscriptions)
        #expect(subscription.receiveToEnd())
        #expect(subscription.text == confirmation + String(repeating: pong, count: answers))
        #expect(Harness.wait { bench.proxy.connectionCount == 1 })
        #expect(try commands.command("PING") == .simple("PONG"))
    }

    @Test("new connections are refused, reset or ended, and accepted again")
    func doors() throws {
        let bench = try Bench()
        bench.proxy.set(door: .refusing)
        #expect(
            Harness.wait {
                guard case .unreachable? = Self.failure({ _ = try bench.connect() }) else { return false }
                return true
            })
        for door in [ProxyDoor.resetting, .closing] {
            bench.proxy.set(door: door)
            #expect(
                Harness.wait {
                    guard case .connectionLost? = Self.failure({ try bench.connect().command("PING") }) else {
                        return false
                    }
                    return true
                })
        }
        bench.proxy.heal()
        #expect(Harness.wait { (try? bench.connect().command("PING")) == .simple("PONG") })
    }

    @Test("bytes are replaced on their way, each direction for itself")
    func rewriting() throws {
        let bench = try Bench()
        bench.proxy.set(rewrites: [ByteRewrite("ping", with: "pong", .toServer)])
        let connection = try bench.connect()
        #expect(Harness.wait { (try? connection.command("ECHO", "ping")) == .bulk("pong") })
        bench.proxy.set(rewrites: [ByteRewrite("ping", with: "pong", .toClient)])
        #expect(Harness.wait { (try? connection.command("ECHO", "ping ")) == .bulk("pong ") })
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
