import Broadcast
import ThreatFeed
import WebSocketProtocol

/// A message for single clients, such as a first frame or a heartbeat, which many get in the same words one after the
/// other: its deflated form is made once for all of them. Owned by one loop.
final class PrivateFrame {
    let text: [UInt8]
    /// The whole WebSocket frame, compressed by itself.
    private(set) lazy var deflated = Self.deflated(text)

    init(_ text: [UInt8]) {
        self.text = text
    }

    private static func deflated(_ text: [UInt8]) -> [UInt8] { EntryEncoding.deflatedFrame(text.span) }
}

extension EventLoop {
    /// Puts one text frame into a WebSocket client's outbox.
    func sendFrame(_ text: [UInt8], _ connection: UnsafeMutablePointer<Connection>) {
        guard connection.pointee.webSocket.windowBits != nil else {
            FrameEncoder.append(opcode: .text, payload: text.span, to: &connection.pointee.outbox)
            return markDirty(connection)
        }
        let frame = lastPrivateFrame.text == text ? lastPrivateFrame : PrivateFrame(text)
        lastPrivateFrame = frame
        send(frame, connection)
    }

    /// On a connection that agreed on compression every message is compressed, short ones too: there are clients that
    /// mishandle a mixture. What goes to one client alone then ends its window, so the next entry of the feed may not
    /// refer to the entry before.
    func send(_ frame: PrivateFrame, _ connection: UnsafeMutablePointer<Connection>) {
        if connection.pointee.webSocket.windowBits == nil {
            let text = frame.text
            FrameEncoder.append(opcode: .text, payload: text.span, to: &connection.pointee.outbox)
        } else {
            connection.pointee.client.loseContext()
            connection.pointee.outbox += frame.deflated
        }
        markDirty(connection)
    }
}
