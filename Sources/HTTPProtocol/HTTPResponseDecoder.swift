/// Decodes the responses of one connection for our own clients: bytes in, events out (RFC 9112 §4, §6, §7).
///
/// Call `append` with what was received, then `next` (content piece by piece, for event streams) or `nextResponse`
/// (content whole) until it returns `nil`, and `finish` when the server has closed. Interim responses other than 101
/// are skipped.
public struct HTTPResponseDecoder: Sendable {
    private static let interimCountMax = 8

    private enum State {
        case statusLine
        case fieldSection
        case fixedBody(remaining: Int)
        case chunkedBody
        case bodyUntilClose
        case end(next: Next)
        case upgraded
        case closed
        case failed(HTTPResponseError)
    }

    private enum Next {
        case response
        case otherProtocol
        case nothing
    }

    private let limits: HTTPLimits
    private let bodyBytesMax: Int
    private var state = State.statusLine
    private var buffer = InputBuffer()
    private var line = StatusLineScanner()
    private var fields = FieldSectionScanner(start: 0)
    private var chunks = ChunkedDecoder()
    private var receivedBytes = 0
    private var interimCount = 0
    private var methods: [HTTPMethod] = []
    private var gatheredHead: HTTPResponseHead?
    private var gatheredBody: [UInt8] = []

    /// - Parameter bodyBytesMax: The most content of one response; `Int.max` for an endless stream read with `next`.
    public init(limits: HTTPLimits = HTTPLimits(), bodyBytesMax: Int) {
        self.limits = limits
        self.bodyBytesMax = bodyBytesMax
    }

    /// Says which request the next outstanding response answers: one to HEAD has no content. Call once per request
    /// sent; without it every response is taken to answer GET.
    public mutating func sentRequest(_ method: HTTPMethod) { methods.append(method) }

    /// Takes received bytes.
    public mutating func append(_ bytes: Span<UInt8>) {
        if case .failed = state { return }
        buffer.append(bytes)
    }

    /// The next event, or `nil` until more bytes are there.
    /// - Throws: `HTTPResponseError`: close. Thrown again by every later call.
    public mutating func next() throws(HTTPResponseError) -> HTTPResponseEvent? {
        do {
            return try decode()
        } catch {
            fail(error)
            throw error
        }
    }

    /// The next whole response, or `nil` until more bytes are there. Not to be mixed with `next` inside a response.
    /// - Throws: `HTTPResponseError`: close. Thrown again by every later call.
    public mutating func nextResponse() throws(HTTPResponseError) -> HTTPReceivedResponse? {
        while let event = try next() {
            switch event {
            case .head(let head): gatheredHead = head
            case .body(let bytes): gatheredBody += bytes
            case .end:
                guard let head = gatheredHead.take() else { continue }
                let response = HTTPReceivedResponse(head: head, body: gatheredBody)
                gatheredBody = []
                return response
            }
        }
        return nil
    }

    /// Says that the server has closed the connection. Then call `next` or `nextResponse` once more: closing is what
    /// ends a response of unknown length.
    /// - Throws: `HTTPResponseError.truncated` inside a response.
    public mutating func finish() throws(HTTPResponseError) {
        switch state {
        case .bodyUntilClose: state = .end(next: .nothing)
        case .statusLine where buffer.isEmpty: state = .closed
        case .end, .upgraded, .closed: return
        case .statusLine, .fieldSection, .fixedBody, .chunkedBody:
            fail(.truncated)
            throw .truncated
        case .failed(let error): throw error
        }
    }

    /// Takes the bytes received after a complete response, for the protocol that follows 101.
    public mutating func takeRemainder() -> [UInt8] { buffer.takeAll() }

    private mutating func fail(_ error: HTTPResponseError) {
        state = .failed(error)
        buffer = InputBuffer()
        gatheredHead = nil
        gatheredBody = []
    }
}

extension HTTPResponseDecoder {
    private mutating func decode() throws(HTTPResponseError) -> HTTPResponseEvent? {
        while true {
            switch state {
            case .statusLine:
                guard try decodeStatusLine() else { return nil }
            case .fieldSection:
                guard let end = try scanFields() else { return nil }
                if let event = try finishHead(end) { return event }
            case .fixedBody(let remaining):
                guard let piece = takePiece(remaining) else { return nil }
                state =
                    piece.count == remaining ? .end(next: .response) : .fixedBody(remaining: remaining - piece.count)
                return .body(piece)
            case .chunkedBody:
                var piece: [UInt8] = []
                if try decodeChunks(into: &piece) { state = .end(next: .response) }
                if !piece.isEmpty { return .body(piece) }
                guard case .end = state else { return nil }
            case .bodyUntilClose:
                guard let piece = takePiece(Int.max) else { return nil }
                receivedBytes += piece.count
                if receivedBytes > bodyBytesMax { throw .message(.bodyTooLarge(bytesMax: bodyBytesMax)) }
                return .body(piece)
            case .end(let next):
                switch next {
                case .response: state = .statusLine
                case .otherProtocol: state = .upgraded
                case .nothing: state = .closed
                }
                return .end
            case .upgraded, .closed: return nil
            case .failed(let error): throw error
            }
        }
    }

    private mutating func takePiece(_ bytesMax: Int) -> [UInt8]? {
        buffer.isEmpty ? nil : buffer.take(min(bytesMax, buffer.count))
    }

    private mutating func decodeStatusLine() throws(HTTPResponseError) -> Bool {
        let storage = buffer.bytes
        guard let end = try line.scan(storage.span, base: buffer.start, limits: limits) else { return false }
        fields = FieldSectionScanner(start: end)
        state = .fieldSection
        return true
    }

    private mutating func scanFields() throws(HTTPResponseError) -> Int? {
        let storage = buffer.bytes
        do {
            return try fields.scan(
                storage.span, base: buffer.start, bytesMax: limits.headerBytesMax, countMax: limits.fieldCountMax)
        } catch { throw .message(error) }
    }

    private mutating func decodeChunks(into piece: inout [UInt8]) throws(HTTPResponseError) -> Bool {
        do {
            return try chunks.decode(&buffer, into: &piece, bodyBytesMax: bodyBytesMax, limits: limits)
        } catch { throw .message(error) }
    }

    /// Settles how the content is delimited (RFC 9112 §6.3).
    private mutating func finishHead(_ end: Int) throws(HTTPResponseError) -> HTTPResponseEvent? {
        let status = line.status
        let version = line.version
        let framing = try framing()
        let lines = fields.fields
        line = StatusLineScanner()
        fields = FieldSectionScanner(start: 0)
        let headers = HTTPHeaders(bytes: buffer.take(end), fields: lines)
        if status.isInformational, status != .switchingProtocols {
            interimCount += 1
            if interimCount > Self.interimCountMax { throw .tooManyInterimResponses(countMax: Self.interimCountMax) }
            state = .statusLine
            return nil
        }
        interimCount = 0
        receivedBytes = 0
        let method = methods.isEmpty ? HTTPMethod.get : methods.removeFirst()
        var keepAlive = !framing.closes && (version == .http11 || framing.keepsAlive)
        if status == .switchingProtocols {
            state = .end(next: .otherProtocol)
        } else if method == .head || !status.allowsContent {
            state = .end(next: .response)
        } else if framing.isChunked {
            chunks = ChunkedDecoder()
            state = .chunkedBody
        } else if let length = framing.contentLength {
            guard length <= bodyBytesMax else { throw .message(.bodyTooLarge(bytesMax: bodyBytesMax)) }
            state = length == 0 ? .end(next: .response) : .fixedBody(remaining: length)
        } else {
            keepAlive = false
            state = .bodyUntilClose
        }
        return .head(HTTPResponseHead(status: status, version: version, headers: headers, keepAlive: keepAlive))
    }

    private func framing() throws(HTTPResponseError) -> MessageFraming {
        let storage = buffer.bytes
        do {
            let framing = try MessageFraming(storage.span, base: buffer.start, fields: fields.fields)
            try framing.validateTransferEncoding()
            return framing
        } catch { throw .message(error) }
    }
}
