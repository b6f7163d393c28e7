import Glibc
import Synchronization
import Testing

@testable import PosixIO
@testable import RedisLog

/// Name servers that answer when a test lets them.
final class NameServers: Sendable {
    // Owner: the test and the threads that look up. Nothing is called while it is held.
    private let state: Mutex<State>

    private struct State {
        var addresses: [String: [String]]
        var silent: Set<String>
        var asked: [String] = []
    }

    /// - Parameters:
    ///   - addresses: What each name is told; others are not known.
    ///   - silent: Names that get no answer for the moment.
    init(_ addresses: [String: [String]] = [:], silent: Set<String> = []) {
        state = Mutex(State(addresses: addresses, silent: silent))
    }

    deinit { answerAll() }

    var asked: [String] { state.withLock { $0.asked } }

    func answerAll() {
        state.withLock { $0.silent = [] }
    }

    func set(_ name: String, _ addresses: [String]) {
        state.withLock { $0.addresses[name] = addresses }
    }

    func lookups(underWayMax: Int = 8) -> NameLookups {
        NameLookups(underWayMax: underWayMax) { [self] host, port throws(ResolveError) in
            state.withLock { $0.asked.append(host) }
            while state.withLock({ $0.silent.contains(host) }) { usleep(1_000) }
            var found: [SocketAddress] = []
            for address in state.withLock({ $0.addresses[host] ?? [] }) {
                found += try SocketAddress.resolve(host: address, port: port)
            }
            guard !found.isEmpty else { throw ResolveError(host: host, reason: "Name or service not known") }
            return found
        }
    }
}

@Suite("Look-ups of host names")
struct NameLookupsTests {
    private func wait(_ what: String, until condition: () -> Bool) throws {
        let deadline = MonotonicTime.now + TestLoop.patience
        while !condition() {
            guard MonotonicTime.now < deadline else { throw TimedOut(description: what) }
            usleep(1_000)
        }
    }

    @Test("whoever asks for a name that is being looked up waits for the same answer")
    func joined() throws {
        let servers = NameServers(["redis": ["127.0.0.1"]], silent: ["redis"])
        let lookups = servers.lookups()
        let one = try #require(lookups.begin(host: "redis", port: 1, now: .now))
        let two = try #require(lookups.begin(host: "redis", port: 1, now: .now))
        #expect(one === two)
        #expect(one.take() == nil)
        #expect(lookups.underWay == 1)
        servers.answerAll()
        try wait("answered") { lookups.underWay == 0 }
        #expect(try one.take()?.get().map { "\($0)" } == ["127.0.0.1:1"])
        #expect(try two.take()?.get().count == 1)
        #expect(servers.asked == ["redis"])
    }

    @Test("what was answered is asked for again by the next, but not what came too late for everybody")
    func late() throws {
        let servers = NameServers(["redis": ["127.0.0.1"]])
        let lookups = servers.lookups()
        _ = try #require(lookups.begin(host: "redis", port: 1, now: .now))
        // Nobody has taken it.
        try wait("answered") { lookups.underWay == 0 }
        let late = try #require(lookups.begin(host: "redis", port: 1, now: .now))
        #expect(late.take() != nil)
        #expect(servers.asked.count == 1)
        _ = try #require(lookups.begin(host: "redis", port: 1, now: .now))
        try wait("asked again") { servers.asked.count == 2 }
        try wait("answered again") { lookups.underWay == 0 }
        // An answer that nobody wanted for long is no longer good.
        _ = try #require(lookups.begin(host: "redis", port: 1, now: .now + .seconds(60)))
        try wait("asked a third time") { servers.asked.count == 3 }
    }

    @Test("they are bounded in number; names that are being looked up may still be joined")
    func bounded() throws {
        let names = (0..<4).map { "host\($0)" }
        let servers = NameServers(silent: Set(names))
        let lookups = servers.lookups(underWayMax: 3)
        for name in names.prefix(3) { _ = try #require(lookups.begin(host: name, port: 1, now: .now)) }
        #expect(lookups.begin(host: names[3], port: 1, now: .now) == nil)
        #expect(lookups.begin(host: names[0], port: 1, now: .now) != nil)
        #expect(lookups.underWay == 3)
        servers.answerAll()
        try wait("room again") { lookups.begin(host: names[3], port: 1, now: .now) != nil }
    }

    @Test("a name that is not known says so")
    func unknown() throws {
        let servers = NameServers()
        let lookup = try #require(servers.lookups().begin(host: "nowhere", port: 1, now: .now))
        try wait("answered") { lookup.isUnderWay == false }
        #expect(throws: NameLookup.Failure.self) { try lookup.take()?.get() }
    }
}
