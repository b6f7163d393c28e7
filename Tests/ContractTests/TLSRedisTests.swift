import ClusterSupport
import PosixIO
import TestSupport
import Testing
import TocsinClient

/// A replica whose Redis speaks TLS.
@Suite(.processes) struct TLSRedis {
    private let directory: TemporaryDirectory
    private let authority: TestAuthority
    private let redis: LocalProcess
    private let url: String

    /// Starts a Redis that asks its clients for certificates.
    init() throws {
        directory = try TemporaryDirectory()
        authority = try TestAuthority()
        let certificate = try authority.issue()
        let port = try FreePort.find()
        url = "rediss://localhost:\(port)"
        let started = try LocalProcess(
            "redis-server",
            ["--port", "0", "--tls-port", String(port), "--bind", "127.0.0.1", "-::1", "--save", ""]
                + ["--tls-cert-file", certificate.chainPath, "--tls-key-file", certificate.keyPath]
                + ["--tls-ca-cert-file", authority.certificatePath, "--tls-auth-clients", "yes"]
                + ["--dir", directory.path],
            outputPath: "\(directory.path)/redis.log")
        redis = started
        let isReady = Harness.wait { started.output.contains("Ready to accept connections") }
        guard isReady else { throw HarnessError("redis-server did not start: \(started.outputTail)") }
    }

    private func serve(_ arguments: [String]) throws -> (code: ChildExit?, output: String) {
        let child = try LocalProcess(
            try Harness.program(), ["serve", "--port", "0", "--event-loops", "1"] + arguments,
            outputPath: "\(directory.path)/serve-\(UInt64.random(in: 0...UInt64.max))")
        return (child.waitForEnd(atMost: Harness.deadline), child.output)
    }

    @Test("rediss:// with the right authority and certificate carries threats")
    func works() throws {
        let own = try authority.issue("replica", names: "")
        let replica = try LocalReplica(
            launcher: try Harness.program(), name: "tls", redisURL: url, directory: directory.path,
            arguments: ["--redis-tls-ca", authority.certificatePath, "--redis-tls-certificate", own.chainPath]
                + ["--redis-tls-key", own.keyPath])
        try replica.waitUntilReady()
        let socket = try WebSocketClient(replica.url, target: "/ws?history=0", deadline: Harness.connectionLife)
        _ = try socket.nextJSON()
        let stored = try Harness.trigger(replica.url, #"{"id":"a","threat_type":"malware"}"#)
        #expect(try socket.nextJSON()?["data"] == stored)
        replica.kill()
    }

    @Test("a Redis that is not trusted, or does not trust the replica, ends the start with 69 and the reason")
    func refused() throws {
        let stranger = try TestAuthority("Stranger")
        let untrusted = try serve(["--redis-url", url, "--redis-tls-ca", stranger.certificatePath])
        #expect(untrusted.code == .exited(code: 69), "\(untrusted.output)")
        #expect(untrusted.output.contains("the certificate of Redis is not trusted"), "\(untrusted.output)")
        let anonymous = try serve(["--redis-url", url, "--redis-tls-ca", authority.certificatePath])
        #expect(anonymous.code == .exited(code: 69), "\(anonymous.output)")
        #expect(anonymous.output.contains("client certificate"), "\(anonymous.output)")
        let renamed = try serve([
            "--redis-url", url, "--redis-tls-ca", authority.certificatePath, "--redis-tls-server-name",
            "redis.test",
        ])
        #expect(renamed.code == .exited(code: 69), "\(renamed.output)")
        #expect(renamed.output.contains("it is not for redis.test"), "\(renamed.output)")
    }

    @Test("settings that do not fit together end with 64 and name what is wrong")
    func wrongSettings() throws {
        let own = try authority.issue("replica", names: "")
        for (arguments, expected) in [
            (["--redis-url", url, "--redis-tls-ca", "/nowhere.pem"], "/nowhere.pem"),
            (["--redis-url", url, "--redis-tls-certificate", own.chainPath], "--redis-tls-key"),
            (["--redis-url", "redis://localhost", "--redis-tls-ca", authority.certificatePath], "rediss://"),
            (["--redis-tls-ca", authority.certificatePath], "--redis-url"),
        ] {
            let (code, output) = try serve(arguments)
            #expect(code == .exited(code: 64), "\(arguments): \(output)")
            #expect(output.contains(expected), "\(output)")
        }
    }
}
