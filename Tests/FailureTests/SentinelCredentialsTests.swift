import ClusterSupport
import FaultInjection
import PosixIO
import TestSupport
import Testing
import TocsinClient

/// Sentinels whose user, password and TLS are not those of Redis.
@Suite(.processes) struct SentinelCredentials {
    private let directory: TemporaryDirectory
    private let authority: TestAuthority

    init() throws {
        directory = try TemporaryDirectory()
        authority = try TestAuthority()
    }

    @Test(
        "Sentinels with a user and TLS of their own, Redis with its own user and none: links come back, failovers are followed"
    )
    func sentinelsOwn() throws {
        let set = try OwnSentinels(authority)
        let bench = try SentinelBench(
            arguments: set.sentinelLogin + ["--redis-sentinel-tls", "on", "--redis-sentinel-tls-ca", set.authority],
            redis: OwnSentinels.redisUser, watchers: set.watchers, url: { _ in set.url(set.tlsPort) })
        let run = try bench.load()
        for kind in ["pubsub", "normal"] {
            try bench.cut(kind)
            run.expectRecovery()
            run.expectDelivery()
        }
        let old = try bench.failOverByHand()
        try SentinelBench.expectLeft(old, run)
        try run.finish()
        #expect(!bench.replicas.contains { $0.child.output.contains(OwnSentinels.secret) }, "secrets are not logged")
        withExtendedLifetime(bench) {}
    }

    @Test("Redis with TLS, a Sentinel without: both are found, and links come back")
    func redisOwn() throws {
        let certificate = try authority.issue()
        let files = [
            "--tls-cert-file", certificate.chainPath, "--tls-key-file", certificate.keyPath, "--tls-ca-cert-file",
            authority.certificatePath, "--tls-auth-clients", "no",
        ]
        let port = try FreePort.find()
        var options = LocalRedis.Options()
        options.arguments = ["--bind", "127.0.0.1", "--tls-port", "\(port)"] + files
        let redis = try LocalRedis(directory: directory.path, options: options)
        var watching = LocalSentinel.Options(name: SentinelDeployment.name, masterPort: port)
        watching.quorum = 1
        watching.lines = ["tls-replication yes"]
        for index in stride(from: 0, to: files.count, by: 2) {
            watching.lines.append("\(files[index].dropFirst(2)) \(files[index + 1])")
        }
        let folder = "\(directory.path)/sentinel"
        try makeDirectory(folder)
        let sentinel = try LocalSentinel(directory: folder, options: watching)
        let replica = try LocalReplica(
            launcher: try Harness.program(), name: "replica",
            redisURL: "rediss-sentinel://127.0.0.1:\(sentinel.port)/\(SentinelDeployment.name)",
            directory: directory.path,
            arguments: ["--redis-sentinel-tls", "off", "--redis-tls-ca", authority.certificatePath])
        try replica.waitUntilReady()
        let run = try FailureRun([replica.url], residents: 2, wanderers: 0)
        for kind in ["pubsub", "normal"] {
            try redis.command("CLIENT", "KILL", "TYPE", kind)
            run.expectRecovery()
            run.expectDelivery()
        }
        try run.finish()
        withExtendedLifetime((redis, sentinel, replica)) {}
    }

    @Test("what is wrong in user, password, scheme or port is told: by whom it was refused, and what to write instead")
    func wrong() throws {
        let set = try OwnSentinels(authority)
        let bench = try SentinelBench(replicas: 0, redis: OwnSentinels.redisUser, watchers: set.watchers)
        let master = try #require(bench.deployment.servers[0].port)
        let sentinel = "127.0.0.2:\(set.port)"
        let node = try clusterNode()
        let tls = ["--redis-sentinel-tls", "on", "--redis-sentinel-tls-ca", set.authority]
        let login = set.sentinelLogin
        let wrongs: [(name: String, url: String, arguments: [String], words: [String])] = [
            (
                "sentinel-password", set.url(set.port),
                ["--redis-sentinel-user", "watcher", "--redis-sentinel-password", "wrong"],
                ["sentinel 127.0.0.", "refuses the user or password"]
            ),
            (
                "redis-password", set.url(set.port, user: "tocsin:wrong"), login,
                ["127.0.0.1:\(master)", "refuses the user or password"]
            ),
            ("no-login", set.url(set.port, user: nil), [], ["sentinel 127.0.0.", "password"]),
            ("plain-at-tls", set.url(set.tlsPort), login, ["sentinel", "rediss-sentinel://"]),
            ("tls-at-plain", set.url(set.port), login + tls, ["sentinel", "--redis-sentinel-tls off"]),
            (
                "sentinel-as-redis", "redis://operator:operator@\(sentinel)", [],
                ["sentinel", "redis-sentinel://"]
            ),
            ("redis-as-sentinel", "redis-sentinel://127.0.0.1:\(master)/tocsin", [], ["is no sentinel", "\(master)"]),
            ("cluster", "redis://127.0.0.1:\(try #require(node.port))", [], ["cluster"]),
            (
                "name", set.url(set.port).replacing("/\(SentinelDeployment.name)", with: "/other"), login,
                ["knows no master named other"]
            ),
        ]
        let replicas = try wrongs.map { wrong in
            try LocalReplica(
                launcher: try Harness.program(), name: wrong.name, redisURL: wrong.url, directory: directory.path,
                arguments: wrong.arguments)
        }
        for (wrong, replica) in zip(wrongs, replicas) {
            #expect(replica.child.waitForEnd(atMost: FailureBench.deadline) == .exited(code: 69), "\(wrong.name)")
            let lines = replica.child.output.split(whereSeparator: \.isNewline)
            // What stands before is the URL as it was given.
            let reason = lines.last?.split(separator: "cannot be used: ").last?.lowercased() ?? ""
            #expect(wrong.words.allSatisfy { reason.contains($0) }, "\(wrong.name): \(reason)")
            #expect(!replica.child.output.contains(OwnSentinels.secret), "\(wrong.name)")
        }
        withExtendedLifetime((bench, node)) {}
    }

    /// A node of a cluster to which no slots were given.
    private func clusterNode() throws -> LocalRedis {
        let folder = "\(directory.path)/node"
        try makeDirectory(folder)
        var options = LocalRedis.Options()
        options.port = try FreePort.find()
        options.arguments = ["--cluster-enabled", "yes", "--cluster-port", "\(try FreePort.find())"]
        return try LocalRedis(directory: folder, options: options)
    }

    /// Sentinels that speak TLS on a port of its own, and let in nobody but `watcher`.
    private struct OwnSentinels {
        let watchers: SentinelDeployment.Watchers
        let port: UInt16
        let tlsPort: UInt16
        /// The path of the authority's certificate.
        let authority: String

        static let secret = "sentinels-secret"
        static let redisUser = ["--user", "tocsin", "on", ">redis-secret", "~*", "&*", "+@all"]

        init(_ authority: TestAuthority) throws {
            var watchers = SentinelDeployment.Watchers.patient
            watchers.hosts = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
            port = try FreePort.find()
            tlsPort = try FreePort.find()
            watchers.sharedPort = port
            watchers.areOperators = true
            let names = watchers.hosts.map { "IP:\($0)" }.joined(separator: ",")
            let certificate = try authority.issue("sentinels", names: names)
            watchers.lines = [
                "tls-port \(tlsPort)", "tls-cert-file \(certificate.chainPath)", "tls-key-file \(certificate.keyPath)",
                "tls-ca-cert-file \(authority.certificatePath)", "tls-auth-clients no", "user default off",
                "user watcher on >\(Self.secret) ~* &* -@all +sentinel|get-master-addr-by-name +sentinel|master",
            ]
            self.watchers = watchers
            self.authority = authority.certificatePath
        }

        var sentinelLogin: [String] {
            ["--redis-sentinel-user", "watcher", "--redis-sentinel-password", Self.secret]
        }

        func url(_ port: UInt16, user: String? = "tocsin:redis-secret") -> String {
            let hosts = watchers.hosts.map { "\($0):\(port)" }.joined(separator: ",")
            return "redis-sentinel://\(user.map { "\($0)@" } ?? "")\(hosts)/\(SentinelDeployment.name)"
        }
    }
}
