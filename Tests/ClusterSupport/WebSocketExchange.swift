import Codecs
package import Corpora
import PosixIO
package import TocsinClient
package import WebSocketProtocol

/// One WebSocket on which frames are sent as they are, read whole afterwards. Owned and used by one thread.
package struct WebSocketExchange {
    private let exchange: RawExchange

    /// Sends an opening handshake, and behind it in the same piece what is to come with it.
    /// - Parameter deflate: Offers permessage-deflate, with the server's context or without.
    package init(
        _ url: ServerURL, deflate: Bool = false, keepsContext: Bool = true, followedBy frames: [UInt8] = []
    ) throws {
        exchange = try RawExchange(url)
        var request = "GET /ws?history=0 HTTP/1.1\r\nHost: \(url.authority)\r\nUpgrade: websocket\r\n"
        request += "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        request += "Sec-WebSocket-Key: \(WebSocketHandshakeCase.key)\r\n"
        let parameters = keepsContext ? "" : "; server_no_context_takeover"
        if deflate { request += "Sec-WebSocket-Extensions: permessage-deflate\(parameters)\r\n" }
        try exchange.send(octets(request + "\r\n") + frames)
    }

    /// Sends frames; the server may refuse to take them all.
    package func send(_ frames: [UInt8], _ cutting: Cutting = .whole) throws {
        try exchange.send(frames, cutting)
    }

    /// Waits for the answer to the handshake and the first frame of the feed.
    package func awaitFirstFrame() -> Bool {
        exchange.receive { (try? events().isEmpty) == false }
    }

    /// Waits for so many text frames.
    package func awaitTexts(_ count: Int) -> Bool {
        exchange.receive { (try? answerCount() >= count - 1) == true }
    }

    /// Bytes that have come, the answer to the handshake among them.
    package var byteCount: Int { exchange.received.count }

    /// Waits for the pong of a ping with this payload.
    package func awaitPong(_ payload: String) -> Bool {
        exchange.receive { (try? events().contains(.pong(octets(payload)))) == true }
    }

    /// Waits until the server has ended the connection.
    package func awaitEnd() -> Bool {
        exchange.receiveToEnd()
    }

    /// Everything the server has said since its 101.
    /// - Throws: When that breaks RFC 6455 or 7692, or is no 101.
    package func events() throws -> [WebSocketEvent] {
        guard let (response, length) = try UpgradeResponse.decode(exchange.received) else { return [] }
        guard response.status == 101 else { throw HarnessError("answered \(response.status)") }
        let extensions = response.values(of: "Sec-WebSocket-Extensions")
        let isDeflated = !extensions.isEmpty
        let inflater = Inflater(keepsContext: !extensions.contains { $0.contains("server_no_context_takeover") })
        let inflate: InflateMessage = { compressed, bytesMax throws(InflateFailure) in
            do throws(InflateError) {
                return try inflater.inflate(compressed.span, bytesMax: bytesMax)
            } catch {
                throw .corrupt
            }
        }
        var decoder = MessageDecoder(
            role: .client, limits: WebSocketLimits(messageBytesMax: 8 << 20), inflater: isDeflated ? inflate : nil)
        let frames = Array(exchange.received[length...])
        decoder.append(frames.span)
        var events: [WebSocketEvent] = []
        while let event = try decoder.next() { events.append(event) }
        return events
    }

    /// The headers of all whole frames since the 101, in order.
    package func headers() throws -> [FrameHeader] {
        guard let (_, length) = try UpgradeResponse.decode(exchange.received) else { return [] }
        var rest = exchange.received[length...]
        var headers: [FrameHeader] = []
        while let header = try FrameHeader.decode(Array(rest).span, role: .client, allowsCompression: true),
            rest.count >= header.encodedLength + header.payloadLength
        {
            headers.append(header)
            rest = rest.dropFirst(header.encodedLength + header.payloadLength)
        }
        return headers
    }

    /// How many text frames came after the first, which is the feed's.
    package func answerCount() throws -> Int {
        try events().dropFirst().count { if case .text = $0 { true } else { false } }
    }

    /// The code of the server's Close frame; `.some(nil)` for one without a code, `nil` if there is none.
    package func closeCode() throws -> UInt16?? {
        for event in try events() {
            if case .close(let code, _) = event { return .some(code?.rawValue) }
        }
        return nil
    }
}
