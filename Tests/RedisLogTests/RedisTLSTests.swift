import Codecs
import Glibc
import PosixIO
import TestSupport
import Testing
import ThreatFeed

@testable import RedisLog

/// A redis-server that speaks TLS on a port of this machine.
final class RedisTLSServer {
    let authority: TestAuthority
    let certificate: TestCertificate
    let server: RedisServer
    let port: UInt16

    /// - Parameter asksClients: `tls-auth-clients`: whether a client needs a certificate.
    init(
        _ authority: TestAuthority, _ certificate: TestCertificate, asksClients: Bool = false,
        arguments: [String] = []
    ) throws {
        self.authority = authority
        self.certificate = certificate
        port = try ReservedPort.take()
        server = try RedisServer(
            [
                "--tls-port", String(port), "--bind", "127.0.0.1", "-::1", "--tls-auth-clients",
                asksClients ? "yes" : "no",
            ]
                + ["--tls-cert-file", certificate.chainPath, "--tls-key-file", certificate.keyPath]
                + ["--tls-ca-cert-file", authority.certificatePath] + arguments)
    }

    convenience init(asksClients: Bool = false, arguments: [String] = []) throws {
        let authority = try TestAuthority()
        try self.init(authority, try authority.issue(), asksClients: asksClients, arguments: arguments)
    }

    /// How a client trusts this server.
    func tls(presenting certificate: TestCertificate? = nil) -> RedisTLS {
        RedisTLS(
            authorities: authority.certificatePath,
            certificate: certificate.map { TLSCertificate(chainPath: $0.chainPath, keyPath: $0.keyPath) })
    }

    func endpoint(_ tls: RedisTLS, host: String = "localhost") throws -> RedisEndpoint {
        try RedisEndpoint(url: "rediss://\(host):\(port)", tls: tls)
    }
}

@Suite("Redis over TLS")
struct RedisTLSTests {
    static let quick = LinkLimits(
        connectTimeout: .seconds(1), answerTimeout: TestLoop.patience, backoffMax: .milliseconds(100))

    /// Why a link to the endpoint does not come up: the first reason that contains the text.
    private func reason(_ endpoint: RedisEndpoint, containing text: String) throws -> String {
        let loop = try TestLoop()
        let link = loop.link(endpoint, limits: Self.quick)
        var seen: [String] = []
        do {
            try loop.run(text) {
                if seen.last != link.downReason { seen.append(link.downReason) }
                return link.downReason.contains(text)
            }
        } catch {
            throw TimedOut(description: "\(text); seen: \(seen)")
        }
        #expect(!link.isUp)
        return link.downReason
    }

    @Test("a server with the right certificate is used, by name and by address", arguments: ["localhost", "127.0.0.1"])
    func works(host: String) throws {
        let tls = try RedisTLSServer()
        let loop = try TestLoop()
        let client = try loop.client(try tls.endpoint(tls.tls(), host: host))
        switch try loop.publish(client, record("a", content: String(repeating: "x", count: 100_000))) {
        case .success(.accepted(let cursor)): #expect(cursor.sequence == 1)
        case let other: Issue.record("\(other)")
        }
        let large = String(repeating: "y", count: 3 << 20)
        _ = try loop.command(client.link, "SET", "large", large)
        #expect(try loop.command(client.link, "GET", "large").bytes == Array(large.utf8))
    }

    @Test("many commands at once come back in order, and a follower follows")
    func follows() throws {
        let tls = try RedisTLSServer()
        let loop = try TestLoop()
        let client = try loop.client(try tls.endpoint(tls.tls()))
        let follower = loop.follower(try tls.endpoint(tls.tls()))
        try loop.run("follower ready") { follower.isReady }
        var answers: [Int] = []
        for number in 0..<2_000 {
            let command = RedisCommand("ECHO", "\(number)" + String(repeating: " ", count: 500))
            client.link.send(command) { result in
                if let text = try? result.get().text { answers.append(Int(text.prefix { $0 != " " }) ?? -1) }
            }
        }
        for number in 0..<300 { client.publish(record("t\(number)")) { _ in } }
        try loop.run("all") { answers.count == 2_000 && follower.entries.count == 300 }
        #expect(answers == Array(0..<2_000))
        #expect(follower.ids == (0..<300).map { "t\($0)" })
    }

    @Test("login and database work as without TLS")
    func login() throws {
        let tls = try RedisTLSServer(arguments: ["--requirepass", "secret"])
        let loop = try TestLoop()
        let link = loop.link(try RedisEndpoint(url: "rediss://:secret@localhost:\(tls.port)/3", tls: tls.tls()))
        try loop.run("up") { link.isUp }
        let info = try loop.command(link, "CLIENT", "INFO").text ?? ""
        #expect(info.contains(" db=3 "))
        let wrong = try RedisEndpoint(url: "rediss://:wrong@localhost:\(tls.port)", tls: tls.tls())
        _ = try reason(wrong, containing: "Redis refuses the user or password")
    }

    @Test("a certificate that is not right is refused, with the reason")
    func untrusted() throws {
        let authority = try TestAuthority()
        let tls = try RedisTLSServer(authority, try authority.issue(names: "DNS:redis.test"))
        #expect(
            try reason(try tls.endpoint(tls.tls()), containing: "not trusted")
                == "the certificate of Redis is not trusted: it is not for localhost")
        let other = RedisTLS(authorities: try TestAuthority("Other").certificatePath)
        #expect(
            try reason(try tls.endpoint(other), containing: "not trusted")
                == "the certificate of Redis is not trusted: it is signed by an authority that is not among the "
                + "trusted ones")
        _ = try reason(try tls.endpoint(RedisTLS()), containing: "not among the trusted ones")
        var named = tls.tls()
        named.serverName = "redis.test"
        let loop = try TestLoop()
        let link = loop.link(try tls.endpoint(named), limits: Self.quick)
        try loop.run("up under its own name") { link.isUp }
    }

    @Test("a server that wants client certificates refuses a client without, and says so; one with is served")
    func clientCertificates() throws {
        let tls = try RedisTLSServer(asksClients: true)
        let missing = try reason(try tls.endpoint(tls.tls()), containing: "TLS with Redis failed")
        #expect(missing.contains("the peer wants a client certificate"), "\(missing)")
        let foreign = try TestAuthority("Other").issue("replica", names: "")
        let refused = try reason(try tls.endpoint(tls.tls(presenting: foreign)), containing: "TLS with Redis failed")
        #expect(refused.contains("does not trust the certificate of this side"), "\(refused)")
        let own = try tls.authority.issue("replica", names: "")
        let loop = try TestLoop()
        let link = loop.link(try tls.endpoint(tls.tls(presenting: own)), limits: Self.quick)
        try loop.run("up") { link.isUp }
    }

    @Test("a link comes back after a restart, with files that were renewed meanwhile")
    func reconnects() throws {
        let tls = try RedisTLSServer()
        let authorities = try tls.authority.file("")
        let trusted = try #require(FileDescriptor.contents(ofFile: tls.authority.certificatePath))
        try TestAuthority.write(trusted, to: authorities)
        let settings = RedisTLS(authorities: authorities)
        #expect(throws: Never.self) { try settings.check() }
        let loop = try TestLoop()
        let client = try loop.client(try tls.endpoint(settings), limits: Self.quick)
        _ = try loop.publish(client, record("a"))
        tls.server.crash()
        try loop.run("down") { !client.isUp }
        let renewal = try TestAuthority("Next")
        try tls.authority.replace(tls.certificate, with: try renewal.issue())
        try tls.server.start()
        try loop.run("refused") { client.link.downReason.contains("not trusted") }
        let both = trusted + (FileDescriptor.contents(ofFile: renewal.certificatePath) ?? [])
        try TestAuthority.write(both, to: authorities)
        try loop.run("up again") { client.isUp }
        switch try loop.publish(client, record("b")) {
        case .success(.accepted(let cursor)): #expect(cursor.sequence == 2)
        case let other: Issue.record("\(other)")
        }
    }

    @Test("files that are not usable are named at start, and in the reason when they break later")
    func files() throws {
        let tls = try RedisTLSServer()
        let missing = "\(tls.authority.directory)/missing.pem"
        let settings = RedisTLS(authorities: missing)
        let error = #expect(throws: TLSError.self) { try settings.check() }
        #expect(error?.description.contains(missing) == true)
        let reason = try reason(try tls.endpoint(settings), containing: missing)
        #expect(reason.hasPrefix("TLS with Redis cannot be set up: "), "\(reason)")
    }

    @Test("plain text to a TLS port, and TLS to a plain one, say what is wrong; there is no way back to plain text")
    func mismatches() throws {
        let tls = try RedisTLSServer()
        _ = try reason(try RedisEndpoint(url: "redis://localhost:\(tls.port)"), containing: "use rediss://")
        let plain = try PlainRedis()
        let endpoint = try RedisEndpoint(url: "rediss://127.0.0.1:\(plain.port)", tls: tls.tls())
        let silent = try reason(endpoint, containing: "TLS")
        #expect(silent.contains("does Redis speak TLS there?") || silent.contains("is not TLS"), "\(silent)")
    }

    @Test("a peer that says nothing is given up after the time for connecting")
    func silentPeer() throws {
        let address = try #require(try SocketAddress.resolve(host: "127.0.0.1", port: 0).first)
        let listener = try Socket.listen(on: address, sharesPort: false)
        let port = try Socket.localAddress(listener).port
        let endpoint = try RedisEndpoint(url: "rediss://127.0.0.1:\(port)")
        _ = try reason(endpoint, containing: "no TLS handshake within")
    }
}

/// A redis-server without TLS on a port of this machine.
private final class PlainRedis {
    let server: RedisServer
    let port: UInt16

    init() throws {
        port = try ReservedPort.take()
        server = try RedisServer(["--port", String(port), "--bind", "127.0.0.1"])
    }
}
