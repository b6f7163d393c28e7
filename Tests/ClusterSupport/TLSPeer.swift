package import Codecs
import Glibc
import PosixIO
package import TestSupport
package import TocsinClient

/// What the tests of TLS have in common: an authority, and a replica whose certificate is from it.
package final class TLSReplica {
    package let authority: TestAuthority
    package let certificate: TestCertificate
    package let cluster: LocalCluster

    /// - Parameters:
    ///   - wantsPublisherCertificates: `--tls-client-ca` with the same authority.
    ///   - arguments: More of `tocsin serve`'s flags.
    package init(wantsPublisherCertificates: Bool = false, arguments: [String] = []) throws {
        let authority = try TestAuthority()
        self.authority = authority
        certificate = try authority.issue()
        let clients = wantsPublisherCertificates ? ["--tls-client-ca", authority.certificatePath] : []
        cluster = try LocalCluster(
            launcher: try Harness.program(), replicas: 1,
            arguments: ["--tls-certificate", certificate.chainPath, "--tls-key", certificate.keyPath] + clients
                + arguments,
            tls: try ClientTLS(trusting: .file(authority.certificatePath)))
    }

    package var replica: LocalReplica { cluster.replicas[0] }
    package var url: ServerURL { replica.url }

    /// The replica as a client sees it that trusts and shows something else than usual.
    package func url(
        trusting authority: TestAuthority? = nil, presenting certificate: TestCertificate? = nil,
        newest: TLSVersion = .tls13
    ) throws -> ServerURL {
        let own = certificate.map { TLSCertificate(chainPath: $0.chainPath, keyPath: $0.keyPath) }
        let tls = try ClientTLS(
            trusting: .file((authority ?? self.authority).certificatePath), presenting: own, newest: newest)
        return ServerURL(host: url.host, port: url.port, tls: tls)
    }

    package func context(newest: TLSVersion = .tls13, offering protocols: [String] = []) throws -> TLSContext {
        try TLSContext(trusting: .file(authority.certificatePath), offering: protocols, newest: newest)
    }
}

/// One TLS connection, step by step, for what no client of ours would do.
package final class TLSPeer {
    package let session: TLSSession
    private let socket: FileDescriptor
    private let poller: Poller
    private let deadline = MonotonicTime.now + Harness.connectionLife
    private var hasEnded = false
    private var ciphertext = [UInt8](repeating: 0, count: 64 << 10)
    private var plaintext = [UInt8](repeating: 0, count: 64 << 10 + TLSSession.recordBytesMax)
    private static let token = PollToken(slot: 0, generation: 0)

    /// Connects and does the handshake.
    /// - Parameter receiveBufferBytes: What the kernel keeps for this socket (SO_RCVBUF).
    package init(
        _ url: ServerURL, _ context: TLSContext, resuming resumption: TLSResumption? = nil,
        receiveBufferBytes: Int32? = nil
    ) throws {
        session = try TLSSession(context, serverName: url.host, resuming: resumption)
        socket = try Socket.connect(to: try SocketAddress.resolve(host: url.host, port: url.port)[0])
        if var bytes = receiveBufferBytes {
            setsockopt(socket.raw, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
        poller = try Poller()
        try poller.add(socket.raw, .writable, token: Self.token)
        _ = poller.wait(timeoutMilliseconds: Harness.deadlineMilliseconds)
        try session.start()
        while !session.isEstablished { _ = try receive() }
        try flush()
    }

    package func send(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try session.encrypt($0) }
        try flush()
    }

    /// Sends bytes past TLS.
    package func sendInClear(_ bytes: [UInt8]) throws {
        let result = bytes.withUnsafeBytes { Socket.send(socket, $0) }
        guard result == .bytes(bytes.count) else { throw HarnessError("not sent: \(result)") }
    }

    /// Says that nothing more comes: in TLS, and in TCP if wanted.
    package func finishSending(closesSocket: Bool) throws {
        session.close()
        try flush()
        if closesSocket { Socket.finishSending(socket) }
    }

    /// - Returns: Some plaintext, perhaps none; `nil` when the peer has ended TLS.
    /// - Throws: When TLS fails, when the socket ends without TLS's own end, or after `Harness.connectionLife`.
    package func receive() throws -> [UInt8]? {
        guard !hasEnded else { return nil }
        try flush()
        try poller.modify(socket.raw, .readable, token: Self.token)
        while MonotonicTime.now < deadline {
            switch ciphertext.withUnsafeMutableBytes({ Socket.receive(socket, into: $0) }) {
            case .bytes(let count):
                let decrypted = try ciphertext.withUnsafeBytes { input in
                    try plaintext.withUnsafeMutableBytes { output in
                        try session.decrypt(UnsafeRawBufferPointer(rebasing: input[..<count]), into: output)
                    }
                }
                hasEnded = decrypted.isEnd
                if decrypted.byteCount == 0, hasEnded { return nil }
                return Array(plaintext[..<decrypted.byteCount])
            case .wouldBlock: _ = poller.wait(timeoutMilliseconds: 1_000)
            case .endOfStream: throw HarnessError("the socket ended without close_notify")
            case .failed(let error): throw error
            }
        }
        throw HarnessError("nothing came in time")
    }

    /// Reads until the text has come.
    package func receive(until text: String) throws -> String {
        var received: [UInt8] = []
        while !String(decoding: received, as: UTF8.self).contains(text) {
            guard let bytes = try receive() else { throw HarnessError("the end came before '\(text)'") }
            received += bytes
        }
        return String(decoding: received, as: UTF8.self)
    }

    /// Reads to the end that TLS itself announces.
    package func receiveToEnd() throws -> String {
        var received: [UInt8] = []
        while let bytes = try receive() { received += bytes }
        return String(decoding: received, as: UTF8.self)
    }

    private func flush() throws {
        while session.unsentCount > 0 {
            guard MonotonicTime.now < deadline else { throw HarnessError("the peer takes no more") }
            switch session.withUnsent({ Socket.send(socket, $0) }) {
            case .bytes(let count): session.sent(count)
            case .wouldBlock, .endOfStream:
                try poller.modify(socket.raw, .writable, token: Self.token)
                _ = poller.wait(timeoutMilliseconds: 1_000)
            case .failed(let error): throw error
            }
        }
    }
}
