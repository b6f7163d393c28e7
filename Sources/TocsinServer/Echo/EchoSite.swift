import Codecs
import HTTPProtocol
import ThreatFeed
import WebSocketProtocol

/// A WebSocket at every path that sends back what it is sent: the product's stack for test suites of the protocol,
/// without a feed and without Redis.
struct EchoSite: Site {
    /// Large enough for messages of a test suite that pass the product's own limits by far.
    static let limits: Limits = {
        var limits = Limits()
        limits.messageBytesMax = 16 << 20
        limits.frameBytesMax = 16 << 20
        limits.framesPerMessageMax = 1 << 20
        limits.messagesPerSecondMax = 1_000_000
        limits.outputBytesMax = 64 << 20
        limits.bufferedBytesMax = 1 << 30
        // A test suite sends megabytes in frames of 64 bytes.
        limits.requestDeadline = .seconds(600)
        limits.idleTimeout = .seconds(600)
        return limits
    }()

    var usesLog: Bool { false }

    func route(_ request: HTTPRequest, _ ticket: ResponseTicket, on loop: EventLoop) {
        let policy = PermessageDeflate.Policy(serverWindowBits: Deflater.windowBitsAllowed)
        guard let acceptance = loop.acceptHandshake(request, policy, ticket) else { return }
        let messages = EchoMessages(acceptance.compression)
        loop.upgrade(ticket, acceptance, in: loop.threats, serving: messages) { connection in
            // An echo client may be silent for as long as it likes.
            connection.pointee.deadline = nil
            loop.markDirty(connection)
        }
    }
}

/// Sends every message back as it came, deflated where that was agreed.
private final class EchoMessages: WebSocketMessages {
    private let deflater: Deflater?

    init(_ agreement: PermessageDeflate.Agreement?) {
        deflater = agreement.map { Deflater(windowBits: $0.serverWindowBits ?? Deflater.windowBitsAllowed.upperBound) }
    }

    func received(text: [UInt8], _ connection: UnsafeMutablePointer<Connection>, on loop: EventLoop) {
        send(.text, text, connection, on: loop)
    }

    func received(binary: [UInt8], _ connection: UnsafeMutablePointer<Connection>, on loop: EventLoop) {
        send(.binary, binary, connection, on: loop)
    }

    private func send(
        _ opcode: Opcode, _ payload: [UInt8], _ connection: UnsafeMutablePointer<Connection>, on loop: EventLoop
    ) {
        if let deflater {
            deflater.withDeflated(payload.span) { deflated in
                FrameEncoder.append(
                    opcode: opcode, payload: deflated, compressed: true, to: &connection.pointee.outbox)
            }
        } else {
            FrameEncoder.append(opcode: opcode, payload: payload.span, to: &connection.pointee.outbox)
        }
        loop.markDirty(connection)
    }
}
