import COpenSSL
import TestSupport
import Testing

@testable import Codecs

/// The certificates that the tests of TLS share; making them takes a second.
enum TLSFixture {
    static let authority = Result { try TestAuthority() }
    /// Nobody trusts it.
    static let stranger = Result { try TestAuthority("Stranger") }
    static let server = Result { TLSCertificate(try authority.get().issue()) }

    static func serverContext(clientAuthorities: String? = nil) throws -> TLSContext {
        try TLSContext(serving: try server.get(), clientAuthorities: clientAuthorities)
    }

    static func clientContext(
        presenting certificate: TLSCertificate? = nil, offering protocols: [String] = [], newest: TLSVersion = .tls13
    ) throws -> TLSContext {
        try TLSContext(
            trusting: .file(try authority.get().certificatePath), presenting: certificate, offering: protocols,
            newest: newest)
    }
}

@Suite("TLS sessions")
struct TLSSessionTests {
    static let versions: [TLSVersion] = [.tls12, .tls13]
    private static let mebibyte = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

    @Test("both versions carry 1 MiB both ways however the ciphertext is cut", arguments: versions, Carriage.all())
    func carries(version: TLSVersion, carriage: Carriage) throws {
        let pair = try TLSPair(
            try TLSFixture.clientContext(newest: version), try TLSFixture.serverContext(), carriage: carriage)
        #expect(pair.isEstablished, "\(pair.clientState) \(pair.serverState)")
        #expect(pair.client.version == (version == .tls12 ? "TLSv1.2" : "TLSv1.3"))
        // Byte by byte the volume teaches nothing more than three records do.
        let count = if case .bytes = carriage { 40_000 } else { Self.mebibyte.count }
        let bytes = Array(Self.mebibyte[..<count])
        try pair.sendFromClient(bytes)
        #expect(pair.serverState.received == bytes)
        try pair.sendFromServer(bytes)
        #expect(pair.clientState.received == bytes)
        #expect(pair.client.unsentCount == 0 && pair.client.ciphertext.isEmpty)
        #expect(pair.server.unsentCount == 0 && pair.server.ciphertext.isEmpty)
        try pair.sendFromClient([])
        #expect(pair.serverState.received.count == bytes.count)
    }

    @Test("RSA and P-256 certificates serve both versions", arguments: versions, TestAuthority.Key.allCases)
    func keys(version: TLSVersion, key: TestAuthority.Key) throws {
        let certificate = TLSCertificate(try TLSFixture.authority.get().issue(key: key))
        let pair = try TLSPair(
            try TLSFixture.clientContext(newest: version), try TLSContext(serving: certificate))
        #expect(pair.isEstablished, "\(pair.clientState) \(pair.serverState)")
    }

    @Test("RFC 8446 §6.1: close_notify is seen by the peer, once; the other half stays open", arguments: versions)
    func closes(version: TLSVersion) throws {
        let pair = try TLSPair(try TLSFixture.clientContext(newest: version), try TLSFixture.serverContext())
        try pair.sendFromClient([1, 2, 3])
        #expect(!pair.serverState.hasEnded)
        pair.client.close()
        let count = pair.client.unsentCount
        #expect(count > 0)
        pair.client.close()
        #expect(pair.client.unsentCount == count)
        pair.exchange()
        #expect(pair.serverState.hasEnded)
        #expect(pair.serverState.received == [1, 2, 3])
        #expect(!pair.clientState.hasEnded)
        try pair.sendFromServer([4, 5])
        #expect(pair.clientState.received == [4, 5])
        pair.server.close()
        pair.exchange()
        #expect(pair.clientState.hasEnded)
        #expect(throws: TLSError.self) { try pair.sendFromClient([6]) }
    }

    @Test("ciphertext that was cut off gives neither plaintext nor an end", arguments: versions)
    func truncated(version: TLSVersion) throws {
        let pair = try TLSPair(try TLSFixture.clientContext(newest: version), try TLSFixture.serverContext())
        try [UInt8](repeating: 7, count: 5_000).withUnsafeBytes { try pair.client.encrypt($0) }
        let record = pair.client.withUnsent { Array($0) }
        pair.client.sent(record.count)
        var state = TLSEndState()
        TLSPair.deliver(Array(record.dropLast()), to: pair.server, &state)
        #expect(state.received.isEmpty && !state.hasEnded && state.error == nil)
        TLSPair.deliver(Array(record.suffix(1)), to: pair.server, &state)
        #expect(state.received.count == 5_000)
    }

    @Test("a changed byte ends the session with an alert, and it keeps failing", arguments: versions)
    func tampered(version: TLSVersion) throws {
        let pair = try TLSPair(try TLSFixture.clientContext(newest: version), try TLSFixture.serverContext())
        try [UInt8](repeating: 7, count: 100).withUnsafeBytes { try pair.client.encrypt($0) }
        var record = pair.client.withUnsent { Array($0) }
        record[40] ^= 1
        var state = TLSEndState()
        TLSPair.deliver(record, to: pair.server, &state)
        guard case .failed = try #require(state.error) else {
            Issue.record("\(state)")
            return
        }
        #expect(state.received.isEmpty)
        #expect(pair.server.unsentCount > 0, "no alert")
        state.error = nil
        TLSPair.deliver([1], to: pair.server, &state)
        #expect(state.error != nil)
        #expect(throws: TLSError.self) { try [1].withUnsafeBytes { try pair.server.encrypt($0) } }
    }

    @Test("a ticket resumes the session at the same server, and not at one with other keys", arguments: versions)
    func resumes(version: TLSVersion) throws {
        let client = try TLSFixture.clientContext(newest: version)
        let server = try TLSFixture.serverContext()
        let first = try TLSPair(client, server)
        #expect(!first.client.isResumed)
        let resumption = try #require(first.client.resumption)
        let second = try TLSPair(client, server, resuming: resumption)
        #expect(second.isEstablished && second.client.isResumed && second.server.isResumed)
        try second.sendFromClient([1])
        #expect(second.serverState.received == [1])
        let other = try TLSPair(client, try TLSFixture.serverContext(), resuming: resumption)
        #expect(other.isEstablished && !other.client.isResumed)
    }

    @Test("a resumed session still knows that the client had a certificate", arguments: versions)
    func resumesWithCertificate(version: TLSVersion) throws {
        let authority = try TLSFixture.authority.get()
        let own = TLSCertificate(try authority.issue("publisher", names: ""))
        let client = try TLSFixture.clientContext(presenting: own, newest: version)
        let server = try TLSFixture.serverContext(clientAuthorities: authority.certificatePath)
        let first = try TLSPair(client, server)
        #expect(first.server.hasVerifiedPeer)
        let resumption = try #require(first.client.resumption)
        let second = try TLSPair(client, server, resuming: resumption)
        #expect(second.server.isResumed && second.server.hasVerifiedPeer)
    }

    @Test("RFC 7301 §3.2: http/1.1 is chosen; only others is an alert; none is fine", arguments: versions)
    func applicationProtocols(version: TLSVersion) throws {
        let server = try TLSFixture.serverContext()
        let both = try TLSPair(
            try TLSFixture.clientContext(offering: ["h2", "http/1.1"], newest: version), server)
        #expect(both.isEstablished)
        #expect(both.client.applicationProtocol == "http/1.1" && both.server.applicationProtocol == "http/1.1")
        let none = try TLSPair(try TLSFixture.clientContext(newest: version), server)
        #expect(none.isEstablished && none.client.applicationProtocol == nil)
        let other = try TLSPair(try TLSFixture.clientContext(offering: ["h2"], newest: version), server)
        #expect(!other.isEstablished)
        guard case .failed(let text) = try #require(other.clientState.error) else {
            Issue.record("no alert")
            return
        }
        #expect(text.contains("no application protocol"))
    }

    @Test("the certificate must be for the name or literal address of the server", arguments: versions)
    func serverNames(version: TLSVersion) throws {
        let client = try TLSFixture.clientContext(newest: version)
        let server = try TLSFixture.serverContext()
        for name in ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "::1"] {
            #expect(try TLSPair(client, server, serverName: name).isEstablished, "\(name)")
        }
        for name in ["tocsin.example", "127.0.0.2", "::2", "sub.localhost"] {
            let pair = try TLSPair(client, server, serverName: name)
            #expect(pair.clientState.error == .untrustedPeer("it is not for \(name)"))
            #expect(!pair.server.isEstablished || pair.serverState.error != nil)
        }
    }

    @Test("post-handshake messages that ask for answers nobody reads end the session (RFC 8446 §4.6.3)")
    func keyUpdateFlood() throws {
        let pair = try TLSPair(try TLSFixture.clientContext(), try TLSFixture.serverContext())
        var state = TLSEndState()
        var updates = 0
        while state.error == nil, updates < 20_000 {
            #expect(SSL_key_update(pair.client.session, SSL_KEY_UPDATE_REQUESTED) == 1)
            try [1].withUnsafeBytes { try pair.client.encrypt($0) }
            let record = pair.client.withUnsent { Array($0) }
            pair.client.sent(record.count)
            TLSPair.deliver(record, to: pair.server, &state)
            updates += 1
        }
        #expect(state.error == .failed("the peer does not read what it asks for"))
        #expect(pair.server.unsentCount < 70 << 10)
    }

    @Test("what a slow peer has taken does not pile up")
    func slowReader() throws {
        let pair = try TLSPair(try TLSFixture.clientContext(), try TLSFixture.serverContext())
        let piece = [UInt8](repeating: 1, count: 16 << 10)
        try piece.withUnsafeBytes { try pair.server.encrypt($0) }
        for _ in 0..<200 {
            try piece.withUnsafeBytes { try pair.server.encrypt($0) }
            pair.server.sent(pair.server.unsentCount - 100)
        }
        #expect(pair.server.ciphertext.count < 256 << 10)
        #expect(pair.server.unsentCount == 100)
    }
}
