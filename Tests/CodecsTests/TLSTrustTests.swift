import Codecs
import TestSupport
import Testing

@Suite("TLS trust and configuration")
struct TLSTrustTests {
    private let authority: TestAuthority

    init() throws {
        authority = try TLSFixture.authority.get()
    }

    private func clientError(_ certificate: TestCertificate, _ version: TLSVersion) throws -> TLSError? {
        let pair = try TLSPair(
            try TLSFixture.clientContext(newest: version), try TLSContext(serving: TLSCertificate(certificate)))
        #expect(!pair.isEstablished)
        #expect(pair.serverState.error != nil, "the server is told")
        return pair.clientState.error
    }

    @Test("a server's certificate that is not right is refused, and why", arguments: TLSSessionTests.versions)
    func untrustedServer(version: TLSVersion) throws {
        #expect(
            try clientError(try TLSFixture.stranger.get().issue(), version)
                == .untrustedPeer("it is signed by an authority that is not among the trusted ones"))
        #expect(
            try clientError(try authority.selfSigned(), version)
                == .untrustedPeer("it is signed by itself and not among the trusted ones"))
        #expect(try clientError(try authority.issue(days: -1), version) == .untrustedPeer("it has expired"))
        #expect(
            try clientError(try authority.issue(names: "DNS:example.test"), version)
                == .untrustedPeer("it is not for localhost"))
        #expect(
            TLSError.untrustedPeer("it has expired").description
                == "the peer's certificate is not trusted: it has expired")
    }

    @Test("the system's authorities do not know a test's; who trusts anybody does not care")
    func otherTrust() throws {
        let server = try TLSFixture.serverContext()
        let system = try TLSPair(try TLSContext(trusting: .system), server)
        guard case .untrustedPeer = system.clientState.error else {
            Issue.record("\(system.clientState)")
            return
        }
        let anybody = try TLSPair(try TLSContext(trusting: .anybody), server, serverName: "elsewhere.test")
        #expect(anybody.isEstablished)
    }

    @Test(
        "a client's certificate is optional; one from another authority is refused", arguments: TLSSessionTests.versions
    )
    func clientCertificates(version: TLSVersion) throws {
        let server = try TLSFixture.serverContext(clientAuthorities: authority.certificatePath)
        let anonymous = try TLSPair(try TLSFixture.clientContext(newest: version), server)
        #expect(anonymous.isEstablished && !anonymous.server.hasVerifiedPeer && anonymous.client.hasVerifiedPeer)
        let own = TLSCertificate(try authority.issue("publisher", names: ""))
        let known = try TLSPair(try TLSFixture.clientContext(presenting: own, newest: version), server)
        #expect(known.isEstablished && known.server.hasVerifiedPeer)
        let notAsked = try TLSPair(
            try TLSFixture.clientContext(presenting: own, newest: version), try TLSFixture.serverContext())
        #expect(notAsked.isEstablished && !notAsked.server.hasVerifiedPeer)
        let foreign = TLSCertificate(try TLSFixture.stranger.get().issue("publisher", names: ""))
        let stranger = try TLSPair(try TLSFixture.clientContext(presenting: foreign, newest: version), server)
        #expect(
            stranger.serverState.error
                == .untrustedPeer("it is signed by an authority that is not among the trusted ones"))
        #expect(!stranger.server.hasVerifiedPeer)
        let told = try #require(stranger.clientState.error).description
        #expect(told.hasPrefix("the peer does not trust the certificate of this side"), "\(told)")
        let expired = TLSCertificate(try authority.issue("publisher", names: "", days: -1))
        let late = try TLSPair(try TLSFixture.clientContext(presenting: expired, newest: version), server)
        #expect(late.serverState.error == .untrustedPeer("it has expired"))
    }

    private func received(_ bytes: [UInt8]) throws -> (session: TLSSession, state: TLSEndState) {
        let session = try TLSSession(try TLSFixture.serverContext())
        var state = TLSEndState()
        TLSPair.deliver(bytes, to: session, &state)
        return (session, state)
    }

    @Test(
        "HTTP without TLS is told apart",
        arguments: ["GET / HTTP/1.1\r\n", "POST /x HTTP/1.1\r\n", "HEAD / HTTP/1.0\r\n"])
    func plaintextHTTP(request: String) throws {
        #expect(try received(Array(request.utf8)).state.error == .plaintextHTTP)
    }

    @Test("garbage ends the session")
    func garbage() throws {
        for bytes in [
            [UInt8](repeating: 0, count: 64), [UInt8](repeating: 0xFF, count: 64), Array("\r\n\r\n....".utf8),
        ] {
            guard case .failed(let text) = try received(bytes).state.error else {
                Issue.record("accepted \(bytes)")
                continue
            }
            #expect(!text.isEmpty)
        }
    }

    @Test("RFC 8996: TLS 1.1 is refused with an alert")
    func oldVersion() throws {
        // A ClientHello of TLS 1.1 without extensions: one cipher suite, no compression.
        let hello: [UInt8] = [3, 2] + [UInt8](repeating: 9, count: 32) + [0, 0, 2, 0xC0, 0x13, 1, 0]
        let handshake = [1, 0, 0, UInt8(hello.count)] + hello
        let (session, state) = try received([22, 3, 1, 0, UInt8(handshake.count)] + handshake)
        let error = try #require(state.error).description
        #expect(error.contains("no version of TLS in common"), "\(error)")
        // Level fatal, protocol_version (RFC 8446 §6).
        #expect(session.withUnsent { Array($0.suffix(2)) } == [2, 70])
    }

    @Test("a file that is not usable is named, and why")
    func configuration() throws {
        let good = try authority.issue()
        let other = try authority.issue(key: .rsa2048)
        let sameKind = try authority.issue()
        let encrypted = try authority.encrypted(good)
        let empty = try authority.file("")
        let missing = "\(authority.directory)/missing.pem"
        func serving(_ chain: String, _ key: String) -> TLSError? {
            do throws(TLSError) {
                _ = try TLSContext(serving: TLSCertificate(chainPath: chain, keyPath: key))
                return nil
            } catch {
                return error
            }
        }
        func expect(_ error: TLSError?, names file: String, because reason: String) {
            guard case .configuration(let text) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(text.hasPrefix(file), "\(text)")
            #expect(text.contains(reason), "\(text)")
        }
        #expect(serving(good.chainPath, good.keyPath) == nil)
        expect(serving(missing, good.keyPath), names: missing, because: "No such file")
        expect(serving(good.chainPath, missing), names: missing, because: "No such file")
        expect(serving(empty, good.keyPath), names: empty, because: "no start line")
        expect(serving(good.chainPath, empty), names: empty, because: "PEM private key")
        expect(serving(good.chainPath, encrypted.keyPath), names: encrypted.keyPath, because: "passphrase")
        expect(serving(good.chainPath, sameKind.keyPath), names: sameKind.keyPath, because: "mismatch")
        expect(serving(good.chainPath, other.keyPath), names: other.keyPath, because: good.chainPath)
        func trusting(_ file: String) -> TLSError? {
            do throws(TLSError) {
                _ = try TLSContext(trusting: .file(file))
                return nil
            } catch {
                return error
            }
        }
        expect(trusting(missing), names: missing, because: "No such file")
        expect(trusting(empty), names: empty, because: "authorities")
        expect(trusting(good.keyPath), names: good.keyPath, because: "authorities")
        let server = TLSCertificate(good)
        #expect(throws: TLSError.self) { try TLSContext(serving: server, clientAuthorities: missing) }
        #expect(throws: TLSError.self) { try TLSContext(serving: server, clientAuthorities: empty) }
    }

    @Test("what cannot be a name is refused")
    func serverNameRefused() throws {
        let client = try TLSFixture.clientContext()
        #expect(throws: TLSError.self) { try TLSSession(client, serverName: String(repeating: "a", count: 300)) }
    }
}
