import Codecs
import PosixIO
public import WebSocketProtocol

/// How a connection to the feed ended.
public enum FeedEnding: Sendable, Equatable, CustomStringConvertible {
    /// The handshake was answered with another status; `retryAfter` is what the answer asked to wait.
    case refused(status: Int, retryAfter: Duration?)
    /// The replica closed in good order.
    case closed(CloseCode?, reason: String)
    /// The transport failed or ended without a close frame.
    case lost(String)

    /// What an answer to the handshake comes to that is not the one asked for.
    ///
    /// 404 is final only in the service's own words: there are proxies that answer it while no replica is known to them.
    init(refusedWith response: UpgradeResponse) {
        let isProblem = response.values(of: "Content-Type").first?.hasPrefix("application/problem+json") ?? false
        guard response.status != 404 || isProblem else {
            self = .lost("answered 404, not by a replica")
            return
        }
        let retryAfter = response.values(of: "Retry-After").first.flatMap { Int($0) }
        self = .refused(status: response.status, retryAfter: retryAfter.map { .seconds($0) })
    }

    /// Whether coming back would not help: the request itself is refused, or access has been taken away (contract: close
    /// codes 4500 to 4999).
    public var isFinal: Bool {
        switch self {
        case .refused(let status, _): [400, 401, 403, 404, 422].contains(status)
        case .closed(let code?, _): (4500...4999).contains(code.rawValue)
        case .closed(nil, _), .lost: false
        }
    }

    public var description: String {
        switch self {
        case .refused(let status, _): "refused with status \(status)"
        case .closed(let code, let reason):
            "closed with \(code.map { "\($0)" } ?? "no code")\(reason.isEmpty ? "" : ": \(reason)")"
        case .lost(let reason): reason
        }
    }
}

/// One WebSocket connection to the feed, driven by readiness events of its owner's poller.
final class FeedConnection {
    enum Event {
        case opened
        case message([UInt8])
        case pong([UInt8])
        case ended(FeedEnding)
    }

    private enum State {
        case connecting
        /// The TLS handshake.
        case securing
        case awaitingUpgrade(received: [UInt8])
        case open
        case ended
    }

    private let transport: Transport
    private let handshake: ClientHandshake
    private var state = State.connecting
    private var decoder = MessageDecoder(role: .client)
    private var closing = CloseHandshake(role: .client)
    private var closeReason = ""
    /// Bytes not yet taken by the socket, bounded by `outputBytesMax`.
    private var output: [UInt8] = []
    /// When the last byte came, or the attempt began.
    private(set) var lastHeard = MonotonicTime.now

    /// An initial batch holds 100 threats of 64 KiB at most.
    private static let messageBytesMax = 8 << 20
    private static let outputBytesMax = 1 << 20
    private static let noCloseFrame = "the connection ended without a close frame"

    /// - Parameter compression: What is offered, `nil` for none.
    init(
        connectingTo address: SocketAddress, url: ServerURL, target: String,
        compression: PermessageDeflate.Offer? = nil
    ) throws(ClientError) {
        transport = try Transport(connectingTo: address, url: url)
        handshake = ClientHandshake(
            host: url.authority, target: url.basePath + target, key: Base64.encode(RandomBytes.next(16)),
            compression: compression)
    }

    var descriptor: Int32 { transport.descriptor }

    /// What to watch the socket for.
    var interest: PollEvents {
        switch state {
        case .connecting: .writable
        case .securing: transport.hasUnsent ? [.readable, .writable] : .readable
        case .awaitingUpgrade, .open:
            output.isEmpty && !transport.hasUnsent ? .readable : [.readable, .writable]
        case .ended: []
        }
    }

    /// Handles one readiness event.
    /// - Parameter scratch: Where bytes are received to; its contents do not matter.
    /// - Returns: What happened, in order; after `.ended` the connection is done.
    func handle(_ events: PollEvents, scratch: inout [UInt8]) -> [Event] {
        switch state {
        case .ended: return []
        case .connecting:
            if let error = transport.connectionError { return end(.lost(error.description)) }
            if transport.isReadyToTalk { return requestUpgrade() }
            state = .securing
            if case .failed(let reason) = transport.beginHandshake() { return end(.lost(reason)) }
            return []
        case .securing:
            if case .failed(let reason) = transport.flush() { return end(.lost(reason)) }
            let happened = receive(&scratch)
            guard case .securing = state, transport.isReadyToTalk else { return happened }
            return happened + requestUpgrade()
        case .awaitingUpgrade, .open:
            var happened = events.contains(.writable) ? flush() : []
            if !events.isDisjoint(with: [.readable, .hungUp, .peerClosed]) { happened += receive(&scratch) }
            return happened
        }
    }

    /// Sends a text message.
    func send(text: [UInt8]) -> [Event] {
        send(.text, text)
    }

    /// Sends a ping (RFC 6455 §5.5.2).
    func ping(_ payload: [UInt8] = []) -> [Event] {
        send(.ping, payload)
    }

    /// Begins the closing handshake; `.ended` follows when the replica has answered.
    func close(_ code: CloseCode) -> [Event] {
        perform(closing.sendClose(code))
    }

    private func requestUpgrade() -> [Event] {
        state = .awaitingUpgrade(received: [])
        output = handshake.request()
        return flush()
    }

    private func receive(_ scratch: inout [UInt8]) -> [Event] {
        switch transport.receive(into: &scratch) {
        case .bytes(let count):
            lastHeard = .now
            let happened = received(scratch[..<count])
            return transport.hasEnded ? happened + transportEnded(Self.noCloseFrame) : happened
        case .wouldBlock: return []
        case .endOfStream: return transportEnded(Self.noCloseFrame)
        case .failed(let reason): return transportEnded(reason)
        }
    }

    private func received(_ bytes: ArraySlice<UInt8>) -> [Event] {
        switch state {
        case .connecting, .securing, .ended: return []
        case .awaitingUpgrade(var received):
            received += bytes
            state = .awaitingUpgrade(received: received)
            return upgrade(received)
        case .open:
            decoder.append(bytes.span)
            return decode()
        }
    }

    private func upgrade(_ received: [UInt8]) -> [Event] {
        do throws(HandshakeError) {
            guard let (response, length) = try UpgradeResponse.decode(received) else { return [] }
            guard response.status == 101 else {
                return end(FeedEnding(refusedWith: response))
            }
            let compression = try handshake.check(response) { Base64.encode(SHA1.hash($0)) }
            decoder = MessageDecoder(
                clientWith: WebSocketLimits(messageBytesMax: Self.messageBytesMax), compression)
            state = .open
            let frames = Array(received[length...])
            decoder.append(frames.span)
            return [.opened] + decode()
        } catch {
            return end(.lost(error.detail))
        }
    }

    private func decode() -> [Event] {
        var happened: [Event] = []
        do throws(FrameError) {
            while let event = try decoder.next() {
                switch event {
                case .text(let text): happened.append(.message(text))
                case .binary: happened += perform(closing.fail(.unsupportedData))
                case .ping(let payload): happened += send(.pong, payload)
                case .pong(let payload): happened.append(.pong(payload))
                case .close(let code, let reason):
                    closeReason = String(decoding: reason, as: UTF8.self)
                    happened += perform(closing.receivedClose(code))
                }
            }
        } catch {
            happened += perform(closing.fail(error.closeCode))
        }
        return happened
    }

    private func perform(_ action: CloseAction) -> [Event] {
        switch action {
        case .none: return []
        case .sendClose(let code):
            return send(.close, FrameEncoder.closePayload(code))
        case .sendCloseThenCloseTransport(let code):
            return send(.close, FrameEncoder.closePayload(code)) + transportEnded("the replica broke the protocol")
        case .closeTransport: return transportEnded("the connection was closed")
        }
    }

    private func send(_ opcode: Opcode, _ payload: [UInt8]) -> [Event] {
        guard case .open = state else { return [] }
        guard output.count + payload.count <= Self.outputBytesMax else {
            return end(.lost("the replica does not read what this client sends"))
        }
        FrameEncoder.append(
            opcode: opcode, payload: payload.span, maskingKey: MaskingKey(random: RandomBytes.nextUInt32()),
            to: &output)
        return flush()
    }

    private func flush() -> [Event] {
        while !output.isEmpty {
            switch transport.send(output[...]) {
            case .bytes(let count): output.removeFirst(count)
            case .wouldBlock: return []
            case .endOfStream: return transportEnded("the connection ended")
            case .failed(let reason): return transportEnded(reason)
            }
        }
        if case .failed(let reason) = transport.flush() { return transportEnded(reason) }
        return []
    }

    private func transportEnded(_ reason: String) -> [Event] {
        _ = closing.transportClosed()
        switch closing.closeCode {
        case CloseCode.abnormalClosure?, nil: return end(.lost(reason))
        case CloseCode.noStatusReceived?: return end(.closed(nil, reason: closeReason))
        case let code?: return end(.closed(code, reason: closeReason))
        }
    }

    private func end(_ ending: FeedEnding) -> [Event] {
        if case .ended = state { return [] }
        state = .ended
        return [.ended(ending)]
    }
}
