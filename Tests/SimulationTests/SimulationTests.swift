import Glibc
import Testing

/// A world that once went wrong, or in which a fault made on purpose shows. The list only grows.
struct KnownWorld: CustomTestStringConvertible, Sendable {
    let kind: Profile.Kind
    let seed: UInt64
    let what: String

    var testDescription: String { "\(kind), seed \(seed): \(what)" }
}

/// Thousands of worlds, each made and run by its seed alone.
///
/// `TOCSIN_SIMULATION_SEED` sets the first seed, `TOCSIN_SIMULATION_COUNT` the number of worlds of each kind, and
/// `TOCSIN_SIMULATION_KIND` the kind: with these, what was found anywhere can be had again.
@Suite("Simulated worlds")
struct SimulationTests {
    private static let shardCount = 4
    private static let worldsPerShard: UInt64 = 210

    private static let knownWorlds = [
        KnownWorld(kind: .losses, seed: 1, what: "a fork hid entries that the log had"),
        KnownWorld(kind: .losses, seed: 362, what: "one cursor stood for two threats"),
        KnownWorld(kind: .failovers, seed: 139, what: "entries of another branch were passed over"),
        KnownWorld(kind: .failovers, seed: 458, what: "entries of a generation left early were passed over"),
        KnownWorld(kind: .failovers, seed: 37, what: "the link was down when the log was to be repaired"),
        KnownWorld(kind: .failovers, seed: 101, what: "the link was down when the log was to be repaired"),
        KnownWorld(kind: .failovers, seed: 596, what: "a former master was asked what the log lacks"),
        KnownWorld(kind: .failovers, seed: 342, what: "a former master that had forked was asked what the log lacks"),
        KnownWorld(kind: .everything, seed: 41, what: "a move behind trimmed entries was not told"),
        KnownWorld(kind: .everything, seed: 157, what: "a client stood beyond the log for good"),
        KnownWorld(kind: .everything, seed: 174, what: "a client joined the ring in a generation that was lost"),
        KnownWorld(kind: .everything, seed: 585, what: "a link that hung held up a repair until after the judgement"),
        KnownWorld(kind: .everything, seed: 2_192, what: "what a replaced server had was let go of too early"),
    ]

    @Test(
        "whatever fails: one order, nothing lost that anybody kept, nothing twice", arguments: kinds, 0..<shardCount)
    func promises(kind: Profile.Kind, shard: Int) {
        let count = Self.number("TOCSIN_SIMULATION_COUNT").map { $0 / UInt64(Self.shardCount) } ?? Self.worldsPerShard
        let base = (Self.number("TOCSIN_SIMULATION_SEED") ?? 1) + UInt64(shard) * count
        print("simulation: \(kind), seeds \(base) to \(base + count - 1)")
        var delivered = 0
        var resets = 0
        for seed in base..<(base + count) {
            let world = World(seed: seed, kind: kind)
            world.run()
            guard world.violations.isEmpty else { return report(kind, seed) }
            delivered += world.oracle.deliveredCount
            resets += world.oracle.resetCount
        }
        // Worlds in which nothing happens would keep every promise.
        #expect(delivered > 5 * Int(count))
        switch kind {
        case .network, .durableRestarts: #expect(resets == 0)
        case .trimming: break
        case .losses, .restores, .failovers, .everything: #expect(resets > Int(count) / 10)
        }
    }

    @Test("worlds that went wrong once", arguments: knownWorlds)
    func staysRight(known: KnownWorld) {
        let world = World(seed: known.seed, kind: known.kind)
        world.run()
        if !world.violations.isEmpty { report(known.kind, known.seed) }
    }

    @Test("the same seed makes the same world, event by event", arguments: Profile.Kind.allCases)
    func repeats(kind: Profile.Kind) {
        let worlds = (0..<2).map { _ in World(seed: 42, kind: kind, isTracing: true) }
        for world in worlds { world.run() }
        #expect(worlds[0].traceLines.count > 20)
        #expect(worlds[0].traceLines == worlds[1].traceLines)
    }

    /// A second run with a trace tells how it came to that.
    private func report(_ kind: Profile.Kind, _ seed: UInt64) {
        let world = World(seed: seed, kind: kind, isTracing: true)
        world.run()
        let trace = world.traceLines.joined(separator: "\n")
        Issue.record("\(kind), seed \(seed): \(world.violations)\n\(trace)")
    }

    private static var kinds: [Profile.Kind] {
        let chosen = getenv("TOCSIN_SIMULATION_KIND").flatMap { Profile.Kind(rawValue: String(cString: $0)) }
        return chosen.map { [$0] } ?? Profile.Kind.allCases
    }

    private static func number(_ variable: String) -> UInt64? {
        getenv(variable).flatMap { UInt64(String(cString: $0)) }
    }
}
