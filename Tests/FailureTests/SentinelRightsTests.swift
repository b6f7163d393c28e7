import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import TocsinClient

/// Sentinels that let a user do only so much.
@Suite(.processes) struct SentinelRights {
    /// What a replica asks a Sentinel.
    private static let rights = [
        "sentinel|get-master-addr-by-name", "sentinel|master", "client|setname", "ping",
    ]

    /// Users of Sentinel and Redis alike: one with all of these, one short of each but the first, one with the first
    /// alone.
    private static let users: [String: [String]] = {
        var users = ["all": rights, "least": [rights[0]]]
        for (index, right) in rights.enumerated().dropFirst() {
            users["short\(index)"] = rights.filter { $0 != right }
        }
        return users
    }()

    @Test(
        "each right but one withheld, or all but one: replicas start, and follow a failover of which nobody else tells",
        arguments: ["off", "on nopass -@all", "on nopass -@all +ping"])
    func short(defaultUser: String) throws {
        let bench = try Self.bench(defaultUser: defaultUser)
        let directory = try TemporaryDirectory()
        let replicas = try Self.users.keys.sorted().map { user in
            try LocalReplica(
                launcher: try Harness.program(), name: user,
                redisURL: bench.deployment.url(credentials: "\(user):secret@"), directory: directory.path)
        }
        for replica in replicas { try replica.waitUntilReady() }
        let run = try FailureRun(replicas.map(\.url), residents: replicas.count, wanderers: 2)
        let old = try bench.failOverByHand()
        try SentinelBench.expectLeft(old, run)
        try run.finish()
        withExtendedLifetime((bench, replicas)) {}
    }

    @Test("a user who may not ask for the master: the replica ends with 69, names the right, and who withholds it")
    func withoutTheQuestion() throws {
        let bench = try Self.bench(
            defaultUser: "off", more: ["user other on >secret ~* &* -@all +ping +client|setname"])
        try bench.deployment.servers[0].command("ACL", "SETUSER", "other", "on", ">secret", "~*", "&*", "+@all")
        let directory = try TemporaryDirectory()
        let replica = try LocalReplica(
            launcher: try Harness.program(), name: "replica",
            redisURL: bench.deployment.url(credentials: "other:secret@"), directory: directory.path)
        #expect(replica.child.waitForEnd(atMost: FailureBench.deadline) == .exited(code: 69))
        SentinelBench.expectTold(["sentinel", "get-master-addr-by-name"], by: replica)
        withExtendedLifetime(bench) {}
    }

    @Test("the right is taken away while replicas run, and given back: told by name, links come back all the same")
    func takenAway() throws {
        let bench = try Self.bench(defaultUser: "off", replicas: 3) { $0.url(credentials: "all:secret@") }
        let run = try bench.load()
        bench.markLogs()
        try Self.setRight("-", of: bench)
        bench.expectTold("sentinel", "get-master-addr-by-name")
        for kind in ["pubsub", "normal"] {
            try bench.cut(kind)
            run.expectRecovery()
            run.expectDelivery()
        }
        try Self.setRight("+", of: bench)
        let old = try bench.failOverByHand()
        try SentinelBench.expectLeft(old, run)
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    @Test(
        "the user's password changes at all Sentinels, then at Redis: told whose, and again when it is another reason")
    func passwordsChange() throws {
        let bench = try Self.bench(defaultUser: "off", replicas: 2) { $0.url(credentials: "all:secret@") }
        let run = try bench.load()
        bench.markLogs()
        for sentinel in bench.deployment.sentinels {
            try sentinel.command("ACL", "SETUSER", "all", "resetpass", ">other")
        }
        try bench.cut("normal")
        run.expectRecovery()
        run.expectDelivery()
        bench.expectTold("sentinel", "password")

        bench.markLogs()
        let master = bench.deployment.servers[0]
        try master.command("ACL", "SETUSER", "all", "resetpass", ">other")
        try bench.cut("normal")
        for url in bench.urls { try run.awaitRefusal(by: url) }
        let port = try #require(master.port)
        bench.expectTold("password", "\(port)")
        bench.markLogs()
        master.kill()
        bench.expectTold("refused")
        // It comes back with the users that it began with.
        try master.start()
        for sentinel in bench.deployment.sentinels { try sentinel.command("ACL", "SETUSER", "all", ">secret") }
        run.expectRecovery()
        try run.finish()
        withExtendedLifetime(bench) {}
    }

    /// - Parameter more: Lines beside those of `users`.
    private static func bench(
        defaultUser: String, more: [String] = [], replicas: Int = 0,
        url: ((SentinelDeployment) -> String)? = nil
    ) throws -> SentinelBench {
        var watchers = SentinelDeployment.Watchers.patient
        watchers.lines = more
        for (user, rights) in users {
            watchers.lines.append(
                "user \(user) on >secret ~* &* -@all \(rights.map { "+\($0)" }.joined(separator: " "))")
        }
        watchers.lines.append("user default \(defaultUser)")
        watchers.areOperators = true
        let redis = users.keys.sorted().flatMap { ["--user", $0, "on", ">secret", "~*", "&*", "+@all"] }
        return try SentinelBench(replicas: replicas, redis: redis, watchers: watchers, url: url)
    }

    private static func setRight(_ sign: String, of bench: SentinelBench) throws {
        for sentinel in bench.deployment.sentinels {
            let answer = try sentinel.command("ACL", "SETUSER", "all", "\(sign)\(rights[0])")
            #expect(answer == .simple("OK"))
        }
    }
}
