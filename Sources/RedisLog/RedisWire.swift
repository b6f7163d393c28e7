import Codecs
import PosixIO

/// One connected (or connecting) socket with what belongs to it alone.
final class RedisWire {
    let socket: FileDescriptor
    let reader: ReplyReader
    private let poller: Poller
    private let token: PollToken
    /// Commands, as they are sent without TLS.
    private var output: [UInt8] = []
    private var sentCount = 0
    private var interest: PollEvents
    /// Between `output` and the socket; `nil` without TLS.
    private var session: TLSSession?
    private var hasReceived = false
    /// Redis has said, within TLS, that it sends no more.
    private(set) var hasEnded = false

    /// Registers the socket for the end of connecting.
    init(
        socket: consuming FileDescriptor, reader: ReplyReader, poller: Poller, token: PollToken
    ) throws(SystemError) {
        self.reader = reader
        self.poller = poller
        self.token = token
        interest = [.writable]
        let raw = socket.raw
        self.socket = socket
        try poller.add(raw, interest, token: token)
    }

    func connected() throws(SystemError) {
        Socket.disableDelay(socket)
        try watch([.readable, .peerClosed])
    }

    /// Begins the handshake; commands wait until it is over.
    func secure(with session: TLSSession) throws(WireError) {
        self.session = session
        do throws(TLSError) {
            try session.start()
        } catch {
            throw .tls(error)
        }
        try flush()
    }

    /// Whether commands go out as they should: at once without TLS, with it once the handshake is over.
    var isReadyToTalk: Bool { session?.isEstablished ?? true }

    func enqueue(_ command: RedisCommand) {
        command.format(into: &output)
    }

    /// Sends what is enqueued in one call, and asks for `writable` while something is left.
    func flush() throws(WireError) {
        guard session == nil else { return try flushEncrypted() }
        while sentCount < output.count {
            let result = output.withUnsafeBytes { bytes in
                Socket.send(socket, UnsafeRawBufferPointer(rebasing: bytes[sentCount...]))
            }
            switch result {
            case .bytes(let count): sentCount += count
            case .wouldBlock, .endOfStream: return try watchOrFail([.readable, .peerClosed, .writable])
            case .failed(let error): throw .system(error)
            }
        }
        sentCount = 0
        forgetOutput()
        try watchOrFail([.readable, .peerClosed])
    }

    /// Receives once, through the buffer of the link.
    /// - Returns: How many bytes came from the socket, which with TLS may have been no reply.
    func receive(through buffer: ReceiveBuffer) throws(WireError) -> TransferResult {
        guard !hasEnded else { return .endOfStream }
        let result = Socket.receive(socket, into: buffer.received)
        guard case .bytes(let count) = result else { return result }
        let received = UnsafeRawBufferPointer(rebasing: buffer.received[..<count])
        if session != nil { return try decrypt(received, through: buffer) }
        try checkFirst(received)
        try feed(received)
        return result
    }

    private func decrypt(
        _ received: UnsafeRawBufferPointer, through buffer: ReceiveBuffer
    ) throws(WireError) -> TransferResult {
        guard let session else { return .bytes(received.count) }
        let decrypted: TLSSession.Decrypted
        do throws(TLSError) {
            decrypted = try session.decrypt(received, into: buffer.plaintext)
        } catch {
            // The alert tells Redis why; whether it gets there changes nothing.
            session.withUnsent { _ = Socket.send(socket, $0) }
            throw .tls(error)
        }
        try feed(UnsafeRawBufferPointer(rebasing: buffer.plaintext[..<decrypted.byteCount]))
        if session.unsentCount > 0 { try flush() }
        hasEnded = decrypted.isEnd
        return .bytes(received.count)
    }

    private func flushEncrypted() throws(WireError) {
        guard let session else { return }
        if !output.isEmpty, session.isEstablished {
            if let error = output.withUnsafeBytes({ Self.encrypt($0, session) }) { throw .tls(error) }
            forgetOutput()
        }
        while session.unsentCount > 0 {
            switch session.withUnsent({ Socket.send(socket, $0) }) {
            case .bytes(let count): session.sent(count)
            case .wouldBlock, .endOfStream: return try watchOrFail([.readable, .peerClosed, .writable])
            case .failed(let error): throw .system(error)
            }
        }
        try watchOrFail([.readable, .peerClosed])
    }

    private static func encrypt(_ bytes: UnsafeRawBufferPointer, _ session: TLSSession) -> TLSError? {
        do throws(TLSError) {
            try session.encrypt(bytes)
            return nil
        } catch {
            return error
        }
    }

    private func forgetOutput() {
        // A buffer that one burst made large is given back.
        output.removeAll(keepingCapacity: output.capacity <= 1 << 20)
    }

    /// A server that expects TLS answers a command with an alert (RFC 8446 §5.1: content type 21, version 3.x).
    private func checkFirst(_ received: UnsafeRawBufferPointer) throws(WireError) {
        guard !hasReceived else { return }
        hasReceived = true
        if received.starts(with: [21, 3]) { throw .tlsExpected }
    }

    private func feed(_ bytes: UnsafeRawBufferPointer) throws(WireError) {
        do throws(ReplyError) {
            try reader.feed(bytes)
        } catch {
            throw .reply(error)
        }
    }

    private func watchOrFail(_ events: PollEvents) throws(WireError) {
        do throws(SystemError) {
            try watch(events)
        } catch {
            throw .system(error)
        }
    }

    private func watch(_ events: PollEvents) throws(SystemError) {
        guard events != interest else { return }
        interest = events
        try poller.modify(socket.raw, events, token: token)
    }
}

/// Why a connection is of no further use; the text for the operator is the link's.
enum WireError: Error {
    case system(SystemError)
    case reply(ReplyError)
    case tls(TLSError)
    case tlsExpected
}
