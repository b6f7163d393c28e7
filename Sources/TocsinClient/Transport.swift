import Codecs
import Glibc
import PosixIO

/// What a transfer did; a full or empty socket is a result, not an error.
enum Transferred: Equatable {
    /// How many bytes went; at least 1.
    case bytes(Int)
    case wouldBlock
    /// Receiving only: the peer sent its last byte.
    case endOfStream
    case failed(String)
}

/// One non-blocking stream socket of a client, with TLS on it when the URL says so. Owned and used by one thread.
final class Transport {
    private let socket: FileDescriptor
    private let session: TLSSession?
    /// The peer has said within TLS that it sends no more.
    private(set) var hasEnded = false

    /// What `receive` needs as room.
    static let scratchBytes = 64 << 10
    /// Of it, where ciphertext is received to; the rest is for what TLS makes of it.
    private static let ciphertextBytes = (scratchBytes - TLSSession.recordBytesMax) / 2
    /// What one `send` encrypts at most.
    private static let encryptedBytesMax = 256 << 10

    /// Starts connecting; the socket becomes writable when that is decided.
    /// - Parameter url: Whose TLS is spoken, and whom its certificate must be for.
    init(connectingTo address: SocketAddress, url: ServerURL? = nil) throws(ClientError) {
        session = try url.flatMap { url throws(ClientError) in try Self.session(url) }
        do throws(SystemError) {
            socket = try Socket.connect(to: address)
        } catch {
            throw .unreachable(error.description)
        }
        Socket.disableDelay(socket)
    }

    deinit {
        // Says that this is the end and no attack; whether it gets there changes nothing.
        session?.close()
        _ = flush()
    }

    private static func session(_ url: ServerURL) throws(ClientError) -> TLSSession? {
        guard let tls = url.tls else { return nil }
        do throws(TLSError) {
            return try TLSSession(tls.context, serverName: url.host)
        } catch {
            throw .configuration("\(url): \(error)")
        }
    }

    var descriptor: Int32 { socket.raw }

    /// How connecting went, once the socket is writable.
    var connectionError: SystemError? { Socket.connectionError(socket) }

    /// Whether `send` may be called: at once without TLS, after its handshake with it.
    var isReadyToTalk: Bool { session?.isEstablished ?? true }

    /// Whether ciphertext waits for the socket: call `flush` when it is writable.
    var hasUnsent: Bool { (session?.unsentCount ?? 0) > 0 }

    /// Begins the TLS handshake, which goes on with `receive` and `flush` until `isReadyToTalk`. Nothing without TLS.
    func beginHandshake() -> Transferred {
        guard let session else { return .wouldBlock }
        do throws(TLSError) {
            try session.start()
        } catch {
            return .failed(error.description)
        }
        return flush()
    }

    /// Receives some bytes to the beginning of `scratch`, or behind what stands there already.
    /// - Parameters:
    ///   - scratch: With TLS, room for `scratchBytes` from `start` on.
    ///   - start: Where to.
    func receive(into scratch: inout [UInt8], from start: Int = 0) -> Transferred {
        // SAFETY: the pointer is used only inside the call, while the array is held exclusively.
        scratch.withUnsafeMutableBytes { scratch in
            let room = UnsafeMutableRawBufferPointer(rebasing: scratch[start...])
            guard let session else { return Self.transferred(Socket.receive(socket, into: room)) }
            return receive(room, session)
        }
    }

    /// Sends some bytes; with TLS they count as sent once they are encrypted, see `hasUnsent`.
    func send(_ bytes: ArraySlice<UInt8>) -> Transferred {
        // SAFETY: the pointer is used only inside the call, while the slice lives.
        bytes.withUnsafeBytes { bytes in
            guard let session else { return Self.transferred(Socket.send(socket, bytes)) }
            let flushed = flush()
            guard !hasUnsent else { return flushed }
            let piece = UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.encryptedBytesMax))
            do throws(TLSError) {
                try session.encrypt(piece)
            } catch {
                return .failed(error.description)
            }
            if case .failed(let reason) = flush() { return .failed(reason) }
            return .bytes(piece.count)
        }
    }

    /// Sends ciphertext that waits.
    func flush() -> Transferred {
        guard let session else { return .wouldBlock }
        while session.unsentCount > 0 {
            switch session.withUnsent({ Socket.send(socket, $0) }) {
            case .bytes(let count): session.sent(count)
            case .wouldBlock, .endOfStream: return .wouldBlock
            case .failed(let error): return .failed(error.description)
            }
        }
        return .wouldBlock
    }

    private func receive(_ scratch: UnsafeMutableRawBufferPointer, _ session: TLSSession) -> Transferred {
        precondition(scratch.count >= Self.scratchBytes, "no room for the plaintext")
        let plaintext = UnsafeMutableRawBufferPointer(rebasing: scratch[..<(scratch.count - Self.ciphertextBytes)])
        let ciphertext = UnsafeMutableRawBufferPointer(rebasing: scratch[plaintext.count...])
        while true {
            guard !hasEnded else { return .endOfStream }
            let count: Int
            switch Socket.receive(socket, into: ciphertext) {
            case .bytes(let received): count = received
            case .wouldBlock: return .wouldBlock
            case .endOfStream: return .failed("the connection was cut within TLS")
            case .failed(let error): return .failed(error.description)
            }
            let wasReady = isReadyToTalk
            do throws(TLSError) {
                let decrypted = try session.decrypt(
                    UnsafeRawBufferPointer(rebasing: ciphertext[..<count]), into: plaintext)
                hasEnded = decrypted.isEnd
                if case .failed(let reason) = flush() { return .failed(reason) }
                if decrypted.byteCount > 0 { return .bytes(decrypted.byteCount) }
                // Whoever waits for the handshake has something to send.
                if !wasReady && isReadyToTalk { return .wouldBlock }
            } catch {
                _ = flush()
                tlsError = error
                return .failed(error.description)
            }
        }
    }

    /// Why TLS has ended.
    private(set) var tlsError: TLSError?

    private static func transferred(_ result: TransferResult) -> Transferred {
        switch result {
        case .bytes(let count): .bytes(count)
        case .wouldBlock: .wouldBlock
        case .endOfStream: .endOfStream
        case .failed(let error): .failed(error.description)
        }
    }
}

// MARK: - For one exchange after the other

extension Transport {
    /// Connects within a deadline, TLS included, trying each address in turn.
    /// - Throws: `ClientError.unreachable` or `untrusted`.
    static func connect(to url: ServerURL, until deadline: MonotonicTime) throws(ClientError) -> Transport {
        var failure = "no address"
        for address in try url.addresses() {
            do throws(ClientError) {
                let transport = try Transport(connectingTo: address, url: url)
                guard transport.wait(for: .writable, until: deadline) else {
                    throw .unreachable(SystemError(code: ETIMEDOUT, operation: "connect").description)
                }
                if let error = transport.connectionError { throw .unreachable(error.description) }
                try transport.shakeHands(url, until: deadline)
                return transport
            } catch {
                guard case .unreachable(let reason) = error else { throw error }
                failure = reason
            }
        }
        throw .unreachable("\(url): \(failure)")
    }

    /// - Throws: `ClientError.unreachable`, or `untrusted` when no other address would do better.
    private func shakeHands(_ url: ServerURL, until deadline: MonotonicTime) throws(ClientError) {
        guard !isReadyToTalk else { return }
        if case .failed(let reason) = beginHandshake() { throw .unreachable(reason) }
        var scratch = [UInt8](repeating: 0, count: Self.scratchBytes)
        while !isReadyToTalk {
            guard wait(for: hasUnsent ? [.readable, .writable] : .readable, until: deadline) else {
                throw .unreachable("no TLS handshake in time")
            }
            switch receive(into: &scratch) {
            case .wouldBlock, .bytes: _ = flush()
            case .endOfStream: throw .unreachable("the connection ended within the TLS handshake")
            case .failed(let reason):
                if case .untrustedPeer = tlsError { throw .untrusted("\(url): \(reason)") }
                throw .unreachable("TLS: \(reason)")
            }
        }
        while hasUnsent {
            if case .failed(let reason) = flush() { throw .unreachable(reason) }
            guard !hasUnsent || wait(for: .writable, until: deadline) else {
                throw .unreachable("no TLS handshake in time")
            }
        }
    }

    /// Sleeps until the socket is ready, broken, or the time is over.
    /// - Returns: `false` when the time was over first.
    func wait(for events: PollEvents, until deadline: MonotonicTime) -> Bool {
        while true {
            let left = (deadline - MonotonicTime.now).millisecondsRoundedUp
            guard left > 0 else { return false }
            let wanted: Int32 = (events.contains(.readable) ? POLLIN : 0) | (events.contains(.writable) ? POLLOUT : 0)
            var entry = pollfd(fd: descriptor, events: Int16(wanted), revents: 0)
            let count = poll(&entry, 1, Int32(min(left, 60_000)))
            if count > 0 { return true }
        }
    }

    /// Sends everything within a deadline.
    /// - Throws: `ClientError.connectionLost` or `timedOut`.
    func sendAll(_ bytes: [UInt8], until deadline: MonotonicTime) throws(ClientError) {
        var rest = bytes[...]
        while !rest.isEmpty || hasUnsent {
            switch rest.isEmpty ? flush() : send(rest) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock:
                guard !rest.isEmpty || hasUnsent else { return }
                guard wait(for: .writable, until: deadline) else { throw .timedOut("the peer takes no more bytes") }
            case .endOfStream: throw .connectionLost("the peer closed the connection")
            case .failed(let reason): throw .connectionLost(reason)
            }
        }
    }

    /// Receives what there is within a deadline.
    /// - Returns: How many bytes stand at the beginning of `scratch`; 0 when the peer has sent its last.
    /// - Throws: `ClientError.connectionLost` or `timedOut`.
    func receiveSome(into scratch: inout [UInt8], until deadline: MonotonicTime) throws(ClientError) -> Int {
        while true {
            switch receive(into: &scratch) {
            case .bytes(let count): return count
            case .endOfStream: return 0
            case .failed(let reason): throw .connectionLost(reason)
            case .wouldBlock:
                guard wait(for: hasUnsent ? [.readable, .writable] : .readable, until: deadline) else {
                    throw .timedOut("no answer in time")
                }
                if case .failed(let reason) = flush() { throw .connectionLost(reason) }
            }
        }
    }
}
