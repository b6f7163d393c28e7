import Codecs
import PosixIO
public import WebSocketProtocol

/// One WebSocket connection, read step by step, for checks that look at single frames. Owned and used by one thread.
public final class WebSocketClient {
    private let transport: Transport
    private let limit: MonotonicTime
    private var decoder: MessageDecoder
    /// What was agreed on compression, `nil` for none.
    public let compression: PermessageDeflate.Agreement?
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)

    /// Connects and does the opening handshake.
    /// - Parameters:
    ///   - target: Path and query, beginning with `/`.
    ///   - compression: What is offered, `nil` for none.
    ///   - deadline: For the whole life of the connection.
    /// - Throws: `ClientError.protocolViolation` when the handshake is refused; its text names the status.
    public init(
        _ url: ServerURL, target: String = "/ws", headers: [(name: String, value: String)] = [],
        compression offer: PermessageDeflate.Offer? = nil, deadline: Duration = .seconds(20)
    ) throws(ClientError) {
        limit = MonotonicTime.now + deadline
        transport = try Transport.connect(to: url, until: limit)
        let handshake = ClientHandshake(
            host: url.authority, target: url.basePath + target, key: Base64.encode(RandomBytes.next(16)),
            extraHeaders: headers, compression: offer)
        try transport.sendAll(handshake.request(), until: limit)
        var received: [UInt8] = []
        while true {
            let count = try transport.receiveSome(into: &scratch, until: limit)
            guard count > 0 else { throw .connectionLost("\(url): the connection ended during the handshake") }
            received += scratch[..<count]
            do throws(HandshakeError) {
                guard let (response, length) = try UpgradeResponse.decode(received) else { continue }
                compression = try handshake.check(response) { Base64.encode(SHA1.hash($0)) }
                decoder = MessageDecoder(clientWith: WebSocketLimits(messageBytesMax: 8 << 20), compression)
                let frames = Array(received[length...])
                decoder.append(frames.span)
                return
            } catch {
                throw .protocolViolation(error.detail)
            }
        }
    }

    /// Sends one frame, masked as a client's must be.
    public func send(_ opcode: Opcode, _ payload: [UInt8], isFinal: Bool = true) throws(ClientError) {
        var frame: [UInt8] = []
        FrameEncoder.append(
            opcode: opcode, payload: payload.span, isFinal: isFinal,
            maskingKey: MaskingKey(random: RandomBytes.nextUInt32()), to: &frame)
        try send(raw: frame)
    }

    public func send(text: String) throws(ClientError) {
        try send(.text, Array(text.utf8))
    }

    /// Sends bytes as they are, also ones that no encoder would write.
    public func send(raw bytes: [UInt8]) throws(ClientError) {
        try transport.sendAll(bytes, until: limit)
    }

    /// What the server says next.
    /// - Returns: `nil` when the connection has ended.
    /// - Throws: `ClientError.timedOut` at the deadline.
    public func next() throws(ClientError) -> WebSocketEvent? {
        while true {
            do throws(FrameError) {
                if let event = try decoder.next() { return event }
            } catch {
                throw .protocolViolation("the server broke RFC 6455: \(error.reason)")
            }
            let count: Int
            do throws(ClientError) {
                count = try transport.receiveSome(into: &scratch, until: limit)
            } catch {
                // A reset after the last frame is an end like any other.
                guard case .connectionLost = error else { throw error }
                return nil
            }
            guard count > 0 else { return nil }
            let received = Array(scratch[..<count])
            decoder.append(received.span)
        }
    }

    /// The next text message as a tree; other events before it are skipped.
    /// - Returns: `nil` when the connection has ended, or the message is not JSON.
    public func nextJSON() throws(ClientError) -> JSONValue? {
        while let event = try next() {
            switch event {
            case .text(let text): return try? JSONValue(parsing: text)
            case .close: return nil
            case .binary, .ping, .pong: continue
            }
        }
        return nil
    }

    /// Reads on until the server closes.
    /// - Returns: The code of its Close frame; `nil` when the connection ended without one or it had none.
    public func closeCode() throws(ClientError) -> CloseCode? {
        while let event = try next() {
            if case .close(let code, _) = event { return code }
        }
        return nil
    }
}
