import HTTPProtocol
import ThreatFeed
import WebSocketProtocol

@testable import RedisLog

/// Bytes of a peer that become something.
enum WireWorkloads {
    static var all: [Workload] { [frame, request, reply, message] }

    /// A client's filter message: masked, as all that clients send.
    private static var frame: Workload {
        let text = Array(#"{"type":"filter","min_severity":"HIGH","threat_type":["bot_attack","crypto_surge"]}"#.utf8)
        let bytes = FrameEncoder.frame(
            opcode: .text, payload: text.span, maskingKey: MaskingKey(0x37, 0xfa, 0x21, 0x3d))
        var decoder = MessageDecoder(role: .server)
        return Workload(name: "websocket-message") {
            decoder.append(bytes.span)
            while let event = try? decoder.next() { blackHole(event) }
        }
    }

    private static var request: Workload {
        let head = """
            POST /api/threats/trigger HTTP/1.1\r
            Host: tocsin.example:8000\r
            User-Agent: publisher/1.0\r
            Accept: */*\r
            Content-Type: application/json\r
            Content-Length: \(Samples.threat.count)\r
            \r

            """
        let bytes = Array(head.utf8) + Samples.threat
        var decoder = HTTPRequestDecoder { _ in 64 << 10 }
        return Workload(name: "http-post") {
            decoder.append(bytes.span)
            while let event = try? decoder.next() { blackHole(event) }
        }
    }

    /// One entry by pub/sub, as RESP.
    private static var reply: Workload {
        let bytes = Samples.message(sequence: 1_000_000)
        let reader = ReplyReader(replyBytesMax: 1 << 20)
        return Workload(name: "redis-reply") {
            bytes.withUnsafeBytes { try? reader.feed($0) }
            blackHole(try? reader.next())
        }
    }

    /// The entries in the message.
    private static var message: Workload {
        let reader = ReplyReader(replyBytesMax: 1 << 20)
        Samples.message(sequence: 1_000_000).withUnsafeBytes { try? reader.feed($0) }
        guard let reply = try? reader.next(), let payload = reply.elements?.last?.bytes else {
            fatalError("the sample is a reply")
        }
        return Workload(name: "feed-message") { blackHole(FeedMessage(payload)) }
    }
}
