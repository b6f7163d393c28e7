public import HTTPProtocol
import PosixIO

/// One Server-Sent Event (HTML Living Standard §9.2).
public struct ServerSentEvent: Sendable, Equatable {
    public var id: String?
    public var type: String
    public var data: String
}

/// A stream of Server-Sent Events over its own connection. Owned and used by one thread.
public final class EventStream {
    private let transport: Transport
    private let limit: MonotonicTime
    private var decoder = HTTPResponseDecoder(bodyBytesMax: .max)
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)
    /// Bytes of a line not yet whole, bounded by `lineBytesMax`.
    private var line: [UInt8] = []
    private var partial = ServerSentEvent(id: nil, type: "message", data: "")
    private var hasData = false
    private var events: [ServerSentEvent] = []

    private static let lineBytesMax = 8 << 20

    public let status: Int
    public let headers: HTTPHeaders

    /// Connects and reads the head of the answer.
    /// - Parameter deadline: For the whole life of the stream.
    public init(
        _ url: ServerURL, path: String = "/api/threats/stream", headers: [(String, String)] = [],
        deadline: Duration
    ) throws(ClientError) {
        limit = MonotonicTime.now + deadline
        transport = try Transport.connect(to: url, until: limit)
        var text = "GET \(url.basePath)\(path) HTTP/1.1\r\nHost: \(url.authority)\r\nAccept: text/event-stream\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        try transport.sendAll(Array((text + "\r\n").utf8), until: limit)
        decoder.sentRequest(.get)
        var head: HTTPResponseHead?
        while head == nil {
            let count = try transport.receiveSome(into: &scratch, until: limit)
            guard count > 0 else { throw .connectionLost("\(url): the connection ended before an answer") }
            let received = Array(scratch[..<count])
            decoder.append(received.span)
            guard let event = try Self.next(&decoder) else { continue }
            if case .head(let received) = event { head = received }
        }
        guard let head else { throw .protocolViolation("\(url): an answer without a head") }
        status = head.status.rawValue
        self.headers = head.headers
    }

    /// The next event.
    /// - Returns: `nil` when the replica ended the stream.
    /// - Throws: `ClientError.timedOut` at the deadline.
    public func next() throws(ClientError) -> ServerSentEvent? {
        while events.isEmpty {
            while let event = try Self.next(&decoder) {
                switch event {
                case .head: break
                case .body(let bytes): try take(bytes)
                case .end: return events.isEmpty ? nil : events.removeFirst()
                }
            }
            guard events.isEmpty else { break }
            let count = try transport.receiveSome(into: &scratch, until: limit)
            guard count > 0 else { return nil }
            decoder.append(scratch.span.extracting(..<count))
        }
        return events.removeFirst()
    }

    private func take(_ bytes: [UInt8]) throws(ClientError) {
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                guard line.count < Self.lineBytesMax else { throw .protocolViolation("an event's line is too long") }
                line.append(byte)
                continue
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            takeLine(String(decoding: line, as: UTF8.self))
            line = []
        }
    }

    private func takeLine(_ text: String) {
        if text.isEmpty {
            if hasData { events.append(partial) }
            partial = ServerSentEvent(id: partial.id, type: "message", data: "")
            hasData = false
            return
        }
        let name = text.prefix { $0 != ":" }
        var value = text.dropFirst(name.count + 1)
        if value.hasPrefix(" ") { value = value.dropFirst() }
        switch name {
        case "id": partial.id = String(value)
        case "event": partial.type = String(value)
        case "data":
            partial.data += hasData ? "\n" + value : value
            hasData = true
        default: break
        }
    }

    private static func next(_ decoder: inout HTTPResponseDecoder) throws(ClientError) -> HTTPResponseEvent? {
        do throws(HTTPResponseError) {
            return try decoder.next()
        } catch {
            throw .protocolViolation("not an HTTP/1.1 answer (\(error))")
        }
    }
}
