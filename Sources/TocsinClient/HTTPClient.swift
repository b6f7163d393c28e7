public import HTTPProtocol
import PosixIO

/// One answer.
public struct HTTPAnswer: Sendable {
    public let status: Int
    public let headers: HTTPHeaders
    public let body: [UInt8]

    /// The body as text.
    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as a tree; `nil` when it is not JSON.
    public var json: JSONValue? { try? JSONValue(parsing: body) }

    /// What `Retry-After` asks to wait, given in seconds (RFC 9110 §10.2.3).
    public var retryAfter: Duration? {
        headers.first("Retry-After").flatMap { Int($0) }.map { .seconds($0) }
    }
}

/// HTTP/1.1 over one kept connection, one request at a time. Owned and used by one thread.
public final class HTTPClient {
    public let url: ServerURL
    /// How long a whole exchange may take, connecting included.
    public let deadline: Duration
    private var connection: Connection?
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)

    private static let answerBytesMax = 64 << 20

    private final class Connection {
        let transport: Transport
        var decoder = HTTPResponseDecoder(bodyBytesMax: HTTPClient.answerBytesMax)
        var isReused = false

        init(_ transport: Transport) {
            self.transport = transport
        }
    }

    public init(_ url: ServerURL, deadline: Duration = .seconds(10)) {
        self.url = url
        self.deadline = deadline
    }

    public func get(_ path: String, headers: [(String, String)] = []) throws(ClientError) -> HTTPAnswer {
        try request(.get, path, headers: headers)
    }

    public func post(
        _ path: String, _ body: [UInt8], contentType: String = "application/json"
    ) throws(ClientError) -> HTTPAnswer {
        try request(.post, path, headers: [("Content-Type", contentType)], body: body)
    }

    /// Sends one request and waits for its answer.
    /// - Parameters:
    ///   - path: Path and query, beginning with `/`.
    ///   - body: Sent with its length; `nil` for none.
    /// - Throws: `ClientError.connectionLost` or `timedOut` when it is unknown whether the request took effect.
    public func request(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) throws(ClientError) -> HTTPAnswer {
        var text = "\(method) \(url.basePath)\(path) HTTP/1.1\r\nHost: \(url.authority)\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Length: \(body.count)\r\n" }
        return try exchange(Array((text + "\r\n").utf8) + (body ?? []), method: method)
    }

    /// Sends bytes as they are and reads one answer, for requests that `request` would not write.
    public func exchange(_ bytes: [UInt8], method: HTTPMethod = .get) throws(ClientError) -> HTTPAnswer {
        let limit = MonotonicTime.now + deadline
        let reused = connection != nil
        do throws(ClientError) {
            return try exchange(bytes, method, until: limit)
        } catch {
            connection = nil
            // A kept connection may have been closed by the peer while it was idle. A safe method can be sent again;
            // for others the caller decides.
            guard reused, case .connectionLost = error, method == .get || method == .head else { throw error }
            do throws(ClientError) {
                return try exchange(bytes, method, until: limit)
            } catch {
                connection = nil
                throw error
            }
        }
    }

    /// Closes the kept connection.
    public func close() {
        connection = nil
    }

    private func exchange(
        _ bytes: [UInt8], _ method: HTTPMethod, until limit: MonotonicTime
    ) throws(ClientError) -> HTTPAnswer {
        let current: Connection
        if let connection {
            current = connection
        } else {
            current = Connection(try Transport.connect(to: url, until: limit))
            connection = current
        }
        current.decoder.sentRequest(method)
        try current.transport.sendAll(bytes, until: limit)
        while true {
            if let answer = try nextAnswer(current) { return answer }
            let count = try current.transport.receiveSome(into: &scratch, until: limit)
            do throws(HTTPResponseError) {
                if count == 0 {
                    try current.decoder.finish()
                } else {
                    current.decoder.append(scratch.span.extracting(..<count))
                }
            } catch {
                throw .connectionLost("\(url): the connection ended in the middle of an answer")
            }
            if count == 0 {
                connection = nil
                if let answer = try nextAnswer(current) { return answer }
                throw .connectionLost("\(url): the connection ended before an answer")
            }
        }
    }

    private func nextAnswer(_ current: Connection) throws(ClientError) -> HTTPAnswer? {
        do throws(HTTPResponseError) {
            guard let response = try current.decoder.nextResponse() else { return nil }
            if !response.head.keepAlive { connection = nil }
            return HTTPAnswer(
                status: response.head.status.rawValue, headers: response.head.headers, body: response.body)
        } catch {
            throw .protocolViolation("\(url): not an HTTP/1.1 answer (\(error))")
        }
    }
}
