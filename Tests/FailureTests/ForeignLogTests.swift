import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import TocsinClient

/// Two deployments on whose Redis the same stands, name of the master and prefix, meet: neither sees the other's log.
@Suite(.processes) struct ForeignLogs {
    /// How both are called, or not.
    enum Naming: CaseIterable, CustomTestStringConvertible {
        case none, both, north, south

        var testDescription: String { "\(self)" }

        func arguments(of side: String) -> [String] {
            switch self {
            case .none: []
            case .both: ["--deployment", side]
            case .north, .south: side == testDescription ? ["--deployment", side] : []
            }
        }
    }

    @Test(
        "an address is used again and two sets of Sentinels merge: told what to do, nothing seen; apart again, all is back",
        arguments: [Naming.none, .both])
    func merged(_ naming: Naming) throws {
        let sets = try Sets(naming)
        let (north, south) = (sets.north, sets.south)
        let northMaster = try #require(north.deployment.master?.port)
        let sides = try sets.sides()

        // A replica of the south comes to stand where one of the north stood, and is noticed there first.
        for sentinel in south.deployment.sentinels { try sentinel.command("SENTINEL", "DEBUG", "info-period", "200") }
        let address = north.deployment.servers[1]
        address.kill()
        var options = SentinelDeployment.serverOptions(port: try #require(address.port))
        options.role = .replica(of: try #require(south.deployment.master?.port))
        let moved = try LocalRedis(directory: sets.directory.path, options: options)
        let isMerged = Harness.wait(atMost: FailureBench.deadline, every: .milliseconds(200)) {
            south.deployment.sentinels.allSatisfy { $0.masterPort(of: SentinelDeployment.name) == northMaster }
        }
        try #require(isMerged, "\(south.deployment.sentinels[0].child.outputTail)")

        try sides.south.expectRefusing(because: "deployment")
        try Self.expectApart(sides)
        if naming == .both { try sets.expectRestartRefused(of: south.replicas[1]) }

        // The operator takes them apart: a Redis for the south, and Sentinels that know of it alone.
        for sentinel in south.deployment.sentinels { sentinel.kill() }
        moved.kill()
        for server in south.deployment.servers { server.kill() }
        try Self.forget(north.deployment)
        let port = try FreePort.find()
        let fresh = try LocalRedis(
            directory: try sets.folder("fresh"), options: SentinelDeployment.serverOptions(port: port))
        try south.deployment.setUpSentinelsAnew(master: port)
        if naming == .both { try south.replicas[1].start() }
        try Self.expectBack(sides, south)
        withExtendedLifetime((sets, fresh)) {}
    }

    @Test(
        "Sentinels are told the master of the other set by mistake: not joined, and left again with the mistake mended",
        arguments: [Naming.none, .north])
    func mistaken(_ naming: Naming) throws {
        let sets = try Sets(naming)
        let (north, south) = (sets.north, sets.south)
        let own = try #require(south.deployment.master?.port)
        let sides = try sets.sides()
        try south.deployment.setUpSentinelsAnew(master: try #require(north.deployment.master?.port))
        try sides.south.expectRefusing(because: "deployment")
        try Self.expectApart(sides)

        for sentinel in south.deployment.sentinels { sentinel.kill() }
        try Self.forget(north.deployment)
        try south.deployment.setUpSentinelsAnew(master: own)
        try Self.expectBack(sides, south)
        withExtendedLifetime(sets) {}
    }

    @Test(
        "without Sentinels, another deployment's Redis at the address: not joined, and left again with the own one back",
        arguments: Naming.allCases)
    func addressUsedAgain(_ naming: Naming) throws {
        let directory = try TemporaryDirectory()
        let names = ["north", "south"]
        var ports: [UInt16] = []
        var servers: [LocalRedis] = []
        var replicas: [[LocalReplica]] = []
        for name in names {
            let port = try FreePort.find()
            let folder = "\(directory.path)/\(name)"
            try makeDirectory(folder)
            ports.append(port)
            servers.append(try LocalRedis(directory: folder, options: SentinelDeployment.serverOptions(port: port)))
            replicas.append(
                try (0..<2).map { index in
                    try LocalReplica(
                        launcher: try Harness.program(), name: "\(name)-\(index)",
                        redisURL: "redis://127.0.0.1:\(port)",
                        directory: directory.path, arguments: naming.arguments(of: name))
                })
        }
        for replica in replicas.joined() { try replica.waitUntilReady() }
        let sides = Sides(
            north: try ForeignLogSide(replicas[0], prefix: "north", foreign: "south"),
            south: try ForeignLogSide(replicas[1], prefix: "south", foreign: "north"))
        servers[1].kill()
        servers[0].kill()
        let moved = try LocalRedis(
            directory: servers[0].directory, options: SentinelDeployment.serverOptions(port: ports[1]))
        try sides.south.expectRefusing(because: "deployment")
        try Self.expectApart(sides)
        moved.kill()
        for server in servers { try server.start() }
        sides.south.run.expectRecovery()
        sides.north.run.expectRecovery()
        try Self.expectApart(sides)
        for side in [sides.south, sides.north] { try side.finish() }
        withExtendedLifetime((servers, replicas)) {}
    }

    struct Sides {
        let north: ForeignLogSide
        let south: ForeignLogSide
    }

    /// Two sets that call their master the same; the north has had more failovers.
    private struct Sets {
        let north: SentinelBench
        let south: SentinelBench
        let directory: TemporaryDirectory

        init(_ naming: Naming) throws {
            directory = try TemporaryDirectory()
            func bench(_ name: String, epoch: Int) throws -> SentinelBench {
                var watchers = SentinelDeployment.Watchers.patient
                watchers.epoch = epoch
                return try SentinelBench(replicas: 2, arguments: naming.arguments(of: name), watchers: watchers)
            }
            north = try bench("north", epoch: 7)
            south = try bench("south", epoch: 3)
        }

        func sides() throws -> Sides {
            Sides(
                north: try ForeignLogSide(north.replicas, prefix: "north", foreign: "south"),
                south: try ForeignLogSide(south.replicas, prefix: "south", foreign: "north"))
        }

        func folder(_ name: String) throws -> String {
            let path = "\(directory.path)/\(name)"
            try makeDirectory(path)
            return path
        }

        /// A replica that has a name knows by it what is not its own, though it has seen nothing before.
        func expectRestartRefused(of replica: LocalReplica) throws {
            replica.kill()
            try replica.start()
            #expect(replica.child.waitForEnd(atMost: FailureBench.deadline) == .exited(code: 69))
            SentinelBench.expectTold(["cannot be used", "deployment"], by: replica)
        }
    }

    /// Lets Sentinels forget all but the master; they find its replicas and each other again.
    private static func forget(_ deployment: SentinelDeployment) throws {
        for sentinel in deployment.sentinels { try sentinel.command("SENTINEL", "RESET", "*") }
    }

    /// Neither side has been shown anything of the other, and the north goes on as if nothing had been.
    private static func expectApart(_ sides: Sides) throws {
        let (north, south) = (sides.north, sides.south)
        try north.expectNothingForeign(known: south.knownID, cursor: south.cursor)
        try south.expectNothingForeign(known: north.knownID, cursor: north.cursor)
    }

    /// The south accepts again, delivers again what it had, and nobody has seen anything of the other to the end.
    private static func expectBack(_ sides: Sides, _ south: SentinelBench) throws {
        sides.south.run.expectRecovery()
        sides.south.run.expectDelivery()
        sides.north.run.expectRecovery()
        sides.north.run.expectDelivery()
        try expectApart(sides)
        // What a Redis that is gone had acknowledged in its last moment no ring may hold.
        try sides.south.finish(toleratesLoss: true)
        let records = try sides.north.finish()
        #expect(records.allSatisfy { $0.resets.isEmpty })
        try expectApart(sides)
    }
}
