/// What a request decoder has to say.
public enum HTTPRequestEvent: Sendable {
    /// The client waits for `100 Continue` before it sends the content (RFC 9110 §10.1.1); write
    /// `HTTPResponse.continueBytes`, or answer at once and close. `HTTPRequestDecoder.pendingHead` is the request.
    case expectContinue
    /// A complete request with its content.
    case request(HTTPRequest)
}

/// Decodes the requests of one connection: bytes in, events out (RFC 9112).
///
/// Call `append` with what was received, then `next` until it returns `nil`. Once `next` has thrown it throws the
/// same error for ever: answer and close.
///
///     request line ──▶ field section ──▶ (fixed or chunked content) ──▶ request line …
///
/// The outcome does not depend on the sizes in which the bytes arrive: an error belongs to the first byte that proves
/// it. Between requests the decoder owns no memory.
public struct HTTPRequestDecoder: Sendable {
    /// What the decoders of many connections share.
    public final class Configuration: Sendable {
        /// The bounds of the head and of chunk framing.
        public let limits: HTTPLimits
        /// The most content, in bytes, that a request with this head may carry.
        public let bodyBytesMax: @Sendable (HTTPRequest) -> Int

        /// Bounds to be given to any number of decoders.
        public init(limits: HTTPLimits = HTTPLimits(), bodyBytesMax: @escaping @Sendable (HTTPRequest) -> Int) {
            self.limits = limits
            self.bodyBytesMax = bodyBytesMax
        }
    }

    private enum State {
        case requestLine
        case fieldSection(HTTPMethod, HTTPTarget)
        case fixedBody(remaining: Int)
        case chunkedBody(bytesMax: Int)
        case failed(HTTPRequestError)
    }

    private let configuration: Configuration
    private var state = State.requestLine
    private var buffer = InputBuffer()
    private var emptyLineCount = 0
    private var line = RequestLineScanner()
    private var fields = FieldSectionScanner(start: 0)
    private var chunks = ChunkedDecoder()
    private var body: [UInt8] = []
    private var isHead = false

    /// The request whose content is awaited, if any: its head is complete, its body empty.
    public private(set) var pendingHead: HTTPRequest?

    /// A decoder with bounds of its own.
    public init(limits: HTTPLimits = HTTPLimits(), bodyBytesMax: @escaping @Sendable (HTTPRequest) -> Int) {
        self.init(Configuration(limits: limits, bodyBytesMax: bodyBytesMax))
    }

    /// A decoder that shares its bounds with those of other connections.
    public init(_ configuration: Configuration) { self.configuration = configuration }

    /// Takes received bytes.
    public mutating func append(_ bytes: Span<UInt8>) {
        if case .failed = state { return }
        buffer.append(bytes)
    }

    /// The next event, or `nil` until more bytes are there.
    /// - Throws: `HTTPRequestError`: answer with its status, then close. Thrown again by every later call.
    public mutating func next() throws(HTTPRequestError) -> HTTPRequestEvent? {
        do {
            return try decode()
        } catch {
            isHead = isReceivingHead
            state = .failed(error)
            buffer = InputBuffer()
            fields = FieldSectionScanner(start: 0)
            chunks = ChunkedDecoder()
            body = []
            pendingHead = nil
            throw error
        }
    }

    /// Takes the bytes received after the last request, for a protocol that takes over the connection.
    public mutating func takeRemainder() -> [UInt8] {
        line = RequestLineScanner()
        return buffer.takeAll()
    }

    /// Whether no request has begun and nothing is buffered.
    public var isIdle: Bool {
        if case .requestLine = state { return buffer.isEmpty }
        return false
    }

    /// Whether the request that is being received, or was refused, is known to be HEAD: an answer to it carries no content
    /// (RFC 9110 §9.3.2).
    public var isReceivingHead: Bool {
        guard case .requestLine = state else { return isHead }
        return line.methodEnd == 4 && buffer.bytes[buffer.start...].prefix(4).elementsEqual("HEAD".utf8)
    }

    /// Bytes held: input not yet consumed, and content decoded so far.
    public var bufferedBytes: Int { buffer.count + body.count + (pendingHead?.headers.bytes.count ?? 0) }

    private mutating func decode() throws(HTTPRequestError) -> HTTPRequestEvent? {
        while true {
            switch state {
            case .requestLine:
                guard try skipEmptyLines(), try decodeRequestLine() else { return nil }
            case .fieldSection(let method, let target):
                guard let end = try scanFields() else { return nil }
                if let event = try finishHead(end, method, target) { return event }
            case .fixedBody(let remaining):
                let available = min(remaining, buffer.count)
                buffer.move(available, to: &body)
                guard available == remaining else {
                    state = .fixedBody(remaining: remaining - available)
                    return nil
                }
                if let event = finishBody() { return event }
            case .chunkedBody(let bytesMax):
                guard try decodeChunks(bytesMax: bytesMax) else { return nil }
                if let event = finishBody() { return event }
            case .failed(let error): throw error
            }
        }
    }

    /// Skips the line ends some clients send after a body (RFC 9112 §2.2).
    private mutating func skipEmptyLines() throws(HTTPRequestError) -> Bool {
        while buffer.count > 0, buffer.bytes[buffer.start] == ASCII.carriageReturn {
            guard emptyLineCount < configuration.limits.leadingEmptyLinesMax else { throw .malformedRequestLine }
            guard buffer.count > 1 else { return false }
            guard buffer.bytes[buffer.start + 1] == ASCII.lineFeed else { throw .message(.bareCarriageReturn) }
            emptyLineCount += 1
            buffer.consume(2)
        }
        return !buffer.isEmpty
    }

    private mutating func decodeRequestLine() throws(HTTPRequestError) -> Bool {
        let storage = buffer.bytes
        let input = storage.span
        let base = buffer.start
        guard let end = try line.scan(input, base: base, limits: configuration.limits) else { return false }
        guard let method = HTTPMethod(implemented: input, base..<(base + line.methodEnd)) else {
            throw .unknownMethod
        }
        isHead = method == .head
        let target = try HTTPTarget(parsing: input, line.target, base: base, method: method)
        fields = FieldSectionScanner(start: end)
        emptyLineCount = 0
        state = .fieldSection(method, target)
        return true
    }

    private mutating func scanFields() throws(HTTPRequestError) -> Int? {
        let limits = configuration.limits
        let storage = buffer.bytes
        do {
            return try fields.scan(
                storage.span, base: buffer.start, bytesMax: limits.headerBytesMax,
                countMax: limits.fieldCountMax)
        } catch { throw .message(error) }
    }

    /// Judges the head as a whole and settles how the content is delimited (RFC 9112 §6.3).
    private mutating func finishHead(
        _ end: Int, _ method: HTTPMethod, _ target: HTTPTarget
    ) throws(HTTPRequestError) -> HTTPRequestEvent? {
        let version = line.version
        let framing = try validatedFraming(version)
        let lines = fields.fields
        line = RequestLineScanner()
        fields = FieldSectionScanner(start: 0)
        let length = framing.contentLength ?? 0
        let hasArrived = !framing.isChunked && buffer.count - end >= length
        let head = hasArrived ? buffer.takeShared(end) : buffer.take(end)
        let request = HTTPRequest(
            method: method, version: version, headers: HTTPHeaders(bytes: head, fields: lines),
            keepAlive: !framing.closes && (version == .http11 || framing.keepsAlive), target: target)
        guard framing.isChunked || length > 0 else {
            state = .requestLine
            return .request(request)
        }
        let bytesMax = max(0, configuration.bodyBytesMax(request))
        guard length <= bytesMax else { throw .message(.bodyTooLarge(bytesMax: bytesMax)) }
        pendingHead = request
        if framing.isChunked {
            state = .chunkedBody(bytesMax: bytesMax)
        } else {
            state = .fixedBody(remaining: length)
        }
        // An HTTP/1.0 client would not understand the interim response (RFC 9110 §10.1.1).
        return framing.expectsContinue && version == .http11 ? .expectContinue : nil
    }

    private func validatedFraming(_ version: HTTPVersion) throws(HTTPRequestError) -> MessageFraming {
        let input = buffer.bytes.span
        let base = buffer.start
        let framing: MessageFraming
        do {
            framing = try MessageFraming(input, base: base, fields: fields.fields)
        } catch { throw .message(error) }
        if framing.hostCount > 1 { throw .repeatedHost }
        if let host = framing.host {
            guard HTTPAuthority.isValid(input, host) else { throw .malformedHost }
        } else if version == .http11 {
            throw .missingHost
        }
        if framing.hasTransferEncoding, version == .http10 { throw .transferEncodingInHTTP10 }
        do {
            try framing.validateTransferEncoding()
        } catch { throw .message(error) }
        if framing.expectsOther { throw .unknownExpectation }
        return framing
    }

    private mutating func decodeChunks(bytesMax: Int) throws(HTTPRequestError) -> Bool {
        do {
            return try chunks.decode(
                &buffer, into: &body, bodyBytesMax: bytesMax, limits: configuration.limits)
        } catch { throw .message(error) }
    }

    private mutating func finishBody() -> HTTPRequestEvent? {
        state = .requestLine
        chunks = ChunkedDecoder()
        guard var request = pendingHead.take() else { return nil }
        swap(&request.body, &body)
        return .request(request)
    }
}
