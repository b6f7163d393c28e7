import Codecs
import Glibc
import HTTPProtocol
import PosixIO
import ThreatFeed

/// A connection's bytes on their way through TLS. Everything above sees plaintext only.
extension EventLoop {
    /// Plaintext encrypted at once; the rest waits until the socket has taken that.
    private static let encryptedBytesMax = 64 << 10

    /// Room for the plaintext of everything that one read can bring.
    static func makePlaintextScratch(readBytes: Int) -> UnsafeMutableRawBufferPointer {
        .allocate(byteCount: readBytes + TLSSession.recordBytesMax, alignment: 16)
    }

    /// Decrypts what came and serves it.
    func receiveEncrypted(
        _ ciphertext: UnsafeBufferPointer<UInt8>, _ tls: TLSSession,
        from connection: UnsafeMutablePointer<Connection>
    ) {
        let token = connection.pointee.token
        let wasEstablished = tls.isEstablished
        do throws(TLSError) {
            let decrypted = try tls.decrypt(UnsafeRawBufferPointer(ciphertext), into: plaintextScratch)
            if tls.unsentCount > 0 { markDirty(connection) }
            if !wasEstablished, tls.isEstablished { finishHandshake(connection) }
            if decrypted.byteCount > 0 {
                // SAFETY: raw bytes may be read as octets; the scratch is not written before `receive` has copied them.
                let plaintext = UnsafeRawBufferPointer(rebasing: plaintextScratch[..<decrypted.byteCount])
                receive(plaintext.assumingMemoryBound(to: UInt8.self), from: connection)
            }
            guard connections.find(token) != nil else { return }
            // A peer that makes TLS answer and reads nothing (KeyUpdate, RFC 8446 §4.6.3).
            guard tls.unsentCount <= shared.limits.outputBytesMax + 2 * Self.encryptedBytesMax else {
                return close(connection)
            }
            if decrypted.isEnd { receivedEndOfStream(connection) }
        } catch {
            // Record types are small numbers (RFC 8446 §5.1); libssl knows only some methods of HTTP by sight.
            let isHTTP = !wasEstablished && ciphertext.first.map { (0x41...0x5A).contains($0) } == true
            refuse(isHTTP ? .plaintextHTTP : error, tls, connection, isHandshake: !wasEstablished)
        }
    }

    /// Encrypts, and hands the socket what it takes; what it does not is TLS's to keep.
    /// - Returns: How much plaintext was taken. The connection is blocked when ciphertext is left.
    func sendEncrypted(
        _ plaintext: UnsafeRawBufferPointer, _ tls: TLSSession, _ connection: UnsafeMutablePointer<Connection>
    ) -> TransferResult {
        guard tls.unsentCount == 0 else { return .wouldBlock }
        let piece = UnsafeRawBufferPointer(rebasing: plaintext.prefix(Self.encryptedBytesMax))
        do throws(TLSError) {
            try tls.encrypt(piece)
        } catch {
            return .failed(SystemError(code: EPROTO, operation: "TLS"))
        }
        switch sendCiphertext(tls, connection) {
        case .bytes, .wouldBlock: return .bytes(piece.count)
        case .endOfStream: return .endOfStream
        case .failed(let error): return .failed(error)
        }
    }

    /// The pieces of a batch as one plaintext, so that they share records.
    func sendEncrypted(
        _ batch: GatheredBytes, _ tls: TLSSession, _ connection: UnsafeMutablePointer<Connection>
    ) -> TransferResult {
        guard tls.unsentCount == 0 else { return .wouldBlock }
        var count = 0
        for piece in batch.pieces {
            let taken = min(piece.count, Self.encryptedBytesMax - count)
            // SAFETY: the batch holds the piece; the scratch is longer than `encryptedBytesMax`, and nothing else uses it
            // during this call.
            UnsafeMutableRawBufferPointer(rebasing: plaintextScratch[count...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: piece.bytes[..<taken]))
            count += taken
            guard count < Self.encryptedBytesMax else { break }
        }
        return sendEncrypted(UnsafeRawBufferPointer(rebasing: plaintextScratch[..<count]), tls, connection)
    }

    /// Sends the ciphertext that TLS keeps.
    /// - Returns: Whether the connection stands and nothing is left.
    func flushCiphertext(_ tls: TLSSession, _ connection: UnsafeMutablePointer<Connection>) -> Bool {
        guard tls.unsentCount > 0 else { return true }
        switch sendCiphertext(tls, connection) {
        case .bytes, .wouldBlock: return tls.unsentCount == 0
        case .endOfStream, .failed:
            close(connection)
            return false
        }
    }

    private func sendCiphertext(
        _ tls: TLSSession, _ connection: UnsafeMutablePointer<Connection>
    ) -> TransferResult {
        let result = tls.withUnsent { Socket.send(connection.pointee.socket, $0) }
        switch result {
        case .bytes(let count):
            connection.pointee.lastSent = tick
            tls.sent(count)
            if tls.unsentCount > 0 { block(connection) }
        case .wouldBlock: block(connection)
        case .endOfStream, .failed: break
        }
        account(connection)
        return result
    }

    private func finishHandshake(_ connection: UnsafeMutablePointer<Connection>) {
        metrics.tlsHandshakes.add(1)
        connection.pointee.deadline = tick + shared.limits.requestDeadline
    }

    /// Ends a session that cannot go on, with the alert that says why (RFC 8446 §6.2), or for a client that does not
    /// speak TLS in its own language.
    private func refuse(
        _ error: TLSError, _ tls: TLSSession, _ connection: UnsafeMutablePointer<Connection>, isHandshake: Bool
    ) {
        if isHandshake {
            metrics.tlsHandshakeFailures.add(1)
            shared.logger.limited("tls_handshake_failed", "a client's TLS handshake failed", ["reason": "\(error)"])
        } else {
            shared.logger.limited("tls_broken", "a client's TLS session broke", ["reason": "\(error)"])
        }
        leaveFeed(connection)
        connection.pointee.outbox = []
        connection.pointee.outboxBytesSent = 0
        switch error {
        case .plaintextHTTP:
            let problem = Problem(status: 400, detail: "This port speaks TLS: use https:// or wss://.")
            let context = HTTPResponseContext(keepAlive: false, date: httpDate)
            var answer: [UInt8] = []
            HTTPResponse(problem).encode(into: &answer, context: context)
            // What does not fit into a socket that was just opened, or has room for an alert, is not worth waiting for.
            _ = answer.withUnsafeBytes { Socket.send(connection.pointee.socket, $0) }
        case .configuration, .untrustedPeer, .failed:
            _ = tls.withUnsent { Socket.send(connection.pointee.socket, $0) }
        }
        connection.pointee.tls = nil
        account(connection)
        // Nothing that still comes is served: it would be taken for plaintext.
        linger(connection)
    }
}
