import Codecs
import HTTPProtocol
import Synchronization
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

    private let deflaters = EchoDeflaters()

    var usesLog: Bool { false }

    func route(_ request: HTTPRequest, _ ticket: ResponseTicket, on loop: EventLoop) {
        let policy = PermessageDeflate.Policy(serverWindowBits: Deflater.windowBitsAllowed)
        guard let acceptance = loop.acceptHandshake(request, policy, ticket) else { return }
        loop.upgrade(ticket, acceptance, in: loop.threats) { connection in
            // An echo client may be silent for as long as it likes.
            connection.pointee.deadline = nil
            loop.markDirty(connection)
        }
    }

    func received(_ message: WebSocketMessage, _ connection: UnsafeMutablePointer<Connection>, on loop: EventLoop) {
        switch message {
        case .text(let payload): send(.text, payload, connection)
        case .binary(let payload): send(.binary, payload, connection)
        }
        loop.markDirty(connection)
    }

    private func send(_ opcode: Opcode, _ payload: [UInt8], _ connection: UnsafeMutablePointer<Connection>) {
        if let windowBits = connection.pointee.webSocket.windowBits {
            let deflated = deflaters.deflate(payload, windowBits: Int(windowBits))
            FrameEncoder.append(
                opcode: opcode, payload: deflated.span, compressed: true, to: &connection.pointee.outbox)
        } else {
            FrameEncoder.append(opcode: opcode, payload: payload.span, to: &connection.pointee.outbox)
        }
    }
}

/// Deflates messages, each without context from the one before.
private final class EchoDeflaters: Sendable {
    // Owner: whichever loop echoes a message, one for each window. Only zlib is called while it is held.
    private let byWindowBits = Mutex<[Int: Deflater]>([:])

    func deflate(_ message: [UInt8], windowBits: Int) -> [UInt8] {
        byWindowBits.withLock { deflaters in
            let deflater = deflaters[windowBits] ?? Deflater(windowBits: windowBits)
            deflaters[windowBits] = deflater
            return deflater.deflate(message.span)
        }
    }
}
