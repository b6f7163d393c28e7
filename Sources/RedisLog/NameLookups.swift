import Glibc
import PosixIO
import Synchronization

/// A look-up of a host name that is under way or has ended.
final class NameLookup: Sendable {
    struct Failure: Error, Hashable, CustomStringConvertible {
        let description: String
    }

    typealias Answer = Result<[SocketAddress], Failure>

    private struct State {
        var answer: Answer?
        var endedAt = MonotonicTime(nanoseconds: 0)
        var isTaken = false
    }

    // Owner: the thread that looks up until it has ended, then whoever asks. Nothing is called while it is held.
    private let state = Mutex(State())

    fileprivate init() {}

    /// - Returns: `nil` until it has ended.
    func take() -> Answer? {
        state.withLock { state in
            if state.answer != nil { state.isTaken = true }
            return state.answer
        }
    }

    fileprivate func end(_ answer: Answer) {
        state.withLock { state in
            state.answer = answer
            state.endedAt = .now
        }
    }

    var isUnderWay: Bool { state.withLock { $0.answer == nil } }

    /// Whether whoever asks may have its answer, be it that it comes too late for the one who began it.
    fileprivate func isGood(now: MonotonicTime) -> Bool {
        state.withLock { $0.answer == nil || !$0.isTaken && now - $0.endedAt < NameLookups.untakenLife }
    }
}

/// Looks host names up, each on a thread of its own, because getaddrinfo(3) may block for many seconds and cannot be
/// called off. So their number is bounded, and whoever asks for a name that is being looked up waits for the same answer.
public final class NameLookups: Sendable {
    /// Gives the addresses of a host; may block.
    typealias Resolver = @Sendable (_ host: String, _ port: UInt16) throws(ResolveError) -> [SocketAddress]

    private struct Name: Hashable {
        let host: String
        let port: UInt16
    }

    /// How long an answer that nobody waited for is kept for the next who asks.
    fileprivate static let untakenLife = Duration.seconds(10)

    private let underWayMax: Int
    private let resolver: Resolver
    // Owner: whoever asks. Nothing is called while it is held but the look-ups' own locks.
    private let lookups = Mutex<[Name: NameLookup]>([:])

    /// - Parameter underWayMax: Look-ups, and so threads, at a time.
    public convenience init(underWayMax: Int = 8) {
        self.init(underWayMax: underWayMax) { host, port throws(ResolveError) in
            try SocketAddress.resolve(host: host, port: port)
        }
    }

    init(underWayMax: Int, resolver: @escaping Resolver) {
        self.underWayMax = underWayMax
        self.resolver = resolver
    }

    /// How many are under way.
    public var underWay: Int { lookups.withLock { $0.values.count(where: \.isUnderWay) } }

    /// Begins a look-up, or joins the one that is under way.
    /// - Returns: `nil` when too many are.
    func begin(host: String, port: UInt16, now: MonotonicTime) -> NameLookup? {
        let name = Name(host: host, port: port)
        let (lookup, isNew): (NameLookup?, Bool) = lookups.withLock { lookups in
            lookups = lookups.filter { $0.value.isGood(now: now) }
            if let lookup = lookups[name] { return (lookup, false) }
            guard lookups.values.count(where: \.isUnderWay) < underWayMax else { return (nil, false) }
            let lookup = NameLookup()
            lookups[name] = lookup
            return (lookup, true)
        }
        if let lookup, isNew { start(lookup, name) }
        return lookup
    }

    private func start(_ lookup: NameLookup, _ name: Name) {
        do throws(SystemError) {
            let thread = try Thread.start(name: "resolve") { [resolver] in
                do throws(ResolveError) {
                    lookup.end(.success(try resolver(name.host, name.port)))
                } catch {
                    lookup.end(.failure(NameLookup.Failure(description: "\(error)")))
                }
            }
            // Nobody waits for it; it ends when the look-up does.
            thread.detach()
        } catch {
            lookup.end(.failure(NameLookup.Failure(description: "\(name.host): \(error)")))
        }
    }

    /// Whether a host is an address already, which is looked up without asking anybody.
    static func isLiteral(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1 || host.contains("%")
    }
}
