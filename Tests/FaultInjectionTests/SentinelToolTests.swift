import ClusterSupport
import FaultInjection
import PosixIO
import Testing
import TocsinClient

/// The tools around Sentinels themselves.
@Suite(.processes) struct SentinelTools {
    @Test("false names are found in their order, changed while a process runs, and others as ever")
    func names() throws {
        let directory = try TemporaryDirectory()
        let resolver = try FakeResolver(directory: directory.path)
        try resolver.write(["two.test": .init(["127.0.0.9", "127.0.0.2"]), "none.test": .init([])])
        #expect(try Self.addresses("two.test", resolver, directory) == ["127.0.0.9", "127.0.0.2"])
        #expect(try Self.addresses("none.test", resolver, directory) == [])
        #expect(try Self.addresses("127.0.0.7", resolver, directory) == ["127.0.0.7"])
        try resolver.write(["none.test": .init(["127.0.0.3"])])
        #expect(try Self.addresses("none.test", resolver, directory) == ["127.0.0.3"])
    }

    @Test("Sentinels set up anew have forgotten their epoch and who they were; started again they have not")
    func anew() throws {
        guard ChildProcess.find("redis-server") != nil else { throw HarnessError(LocalRedis.installHint) }
        let directory = try TemporaryDirectory()
        var watchers = SentinelDeployment.Watchers()
        watchers.epoch = 7
        let deployment = try SentinelDeployment(directory: directory.path, watchers: watchers)
        let sentinel = deployment.sentinels[0]
        let before = try Self.identity(of: sentinel)
        #expect(before.epoch == "7")
        sentinel.kill()
        try sentinel.start()
        #expect(try Self.identity(of: sentinel) == before)
        try deployment.setUpSentinelsAnew(master: try #require(deployment.servers[0].port))
        let after = try Self.identity(of: sentinel)
        #expect(after.epoch == "0" && after.id != before.id)
        try deployment.awaitSettled()
        #expect(deployment.master === deployment.servers[0])
    }

    private struct Identity: Equatable {
        let id: String?
        let epoch: String?
    }

    private static func identity(of sentinel: LocalSentinel) throws -> Identity {
        var identity: Identity?
        _ = Harness.wait {
            guard let id = try? sentinel.command("SENTINEL", "MYID").text,
                let master = try? sentinel.command("SENTINEL", "MASTER", SentinelDeployment.name)
            else { return false }
            identity = Identity(id: id, epoch: master["config-epoch"])
            return true
        }
        return try #require(identity)
    }

    /// What getaddrinfo(3) finds, each address once.
    private static func addresses(
        _ name: String, _ resolver: FakeResolver, _ directory: TemporaryDirectory
    ) throws -> [String] {
        let path = "\(directory.path)/getent-\(MonotonicTime.now.nanoseconds).log"
        let command = try LocalProcess(
            "getent", ["ahosts", name], environment: resolver.environment, outputPath: path)
        #expect(command.waitForEnd(atMost: Harness.deadline) != nil)
        return command.output.split(whereSeparator: \.isNewline).filter { $0.contains("STREAM") }
            .compactMap { $0.split(separator: " ").first.map(String.init) }
    }
}
