/// What the encoder of a response must know of the request and the connection.
public struct HTTPResponseContext: Sendable {
    /// Whether the request was HEAD: the content is announced and not sent (RFC 9110 §9.3.2).
    public var isHead: Bool
    /// Whether the connection stays open after this response.
    public var keepAlive: Bool
    /// The request's version.
    public var version: HTTPVersion
    /// The Date field, made once a second by the caller.
    public var date: DateField

    /// Facts given one by one.
    public init(isHead: Bool = false, keepAlive: Bool = true, version: HTTPVersion = .http11, date: DateField) {
        self.isHead = isHead
        self.keepAlive = keepAlive
        self.version = version
        self.date = date
    }

    /// The facts of one request.
    public init(of request: HTTPRequest, date: DateField) {
        self.init(
            isHead: request.method == .head, keepAlive: request.keepAlive, version: request.version, date: date)
    }
}

/// One response (RFC 9112 §4).
///
/// The encoder writes Content-Length, Transfer-Encoding, Connection and Date itself and leaves out those in `headers`,
/// except Connection in a 1xx response (`101 Switching Protocols`). An Upgrade field brings its connection option along
/// (RFC 9110 §7.8).
public struct HTTPResponse: Sendable {
    /// The status; 100 to 599.
    public var status: HTTPStatus
    /// Field names and values in the order to be sent. Control characters in a value are sent as spaces.
    public var headers: [(String, String)]
    /// The content; not sent where the status forbids it.
    public var body: [UInt8]

    /// Whether the content has a length that can be told. `false` only in the answer to HEAD where GET would be
    /// answered by a stream: its length must not be told wrongly (RFC 9110 §8.6).
    public var hasKnownLength = true

    /// A response; the encoder adds the framing fields.
    public init(status: HTTPStatus, headers: [(String, String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The interim response that lets a client send its content.
    public static let continueBytes = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// Appends the whole response. 1xx, 204 and 304 carry no content and no Content-Length (RFC 9110 §8.6).
    public func encode(into output: inout [UInt8], context: HTTPResponseContext) {
        var needed = 192 + body.count
        for (name, value) in headers { needed += name.utf8.count + value.utf8.count + 4 }
        Self.reserve(needed, in: &output)
        appendHead(into: &output, context: context)
        precondition(hasKnownLength || context.isHead, "Content of unknown length is streamed.")
        if status.allowsContent, hasKnownLength { Self.appendContentLength(body.count, to: &output) }
        output.append(literal: "\r\n")
        if status.allowsContent, !context.isHead { output.append(contentsOf: body) }
    }

    /// Appends the head of a response whose content follows piece by piece; `body` is not sent.
    /// - Returns: How the caller frames the content: chunks in HTTP/1.1, bare bytes until close in HTTP/1.0.
    public func encodeStreamingHead(into output: inout [UInt8], context: HTTPResponseContext) -> HTTPBodyFraming {
        let framing: HTTPBodyFraming = context.version == .http11 ? .chunked : .untilClose
        var context = context
        if framing == .untilClose { context.keepAlive = false }
        appendHead(into: &output, context: context)
        if framing == .chunked { output.append(contentsOf: "Transfer-Encoding: chunked\r\n".utf8) }
        output.append(contentsOf: "\r\n".utf8)
        return framing
    }

    /// Appends a whole response whose fields and content are written in place, which costs no allocation.
    /// - Parameters:
    ///   - status: One that allows content.
    ///   - fields: Appends field lines by `appendField`; none of those that the encoder writes itself.
    ///   - content: Appends exactly `contentByteCount` bytes; not called for HEAD.
    public static func encode(
        _ status: HTTPStatus, into output: inout [UInt8], context: HTTPResponseContext, contentByteCount: Int,
        fields: (inout [UInt8]) -> Void, content: (inout [UInt8]) -> Void
    ) {
        precondition(status.allowsContent, "Such a response has no content.")
        reserve(512 + contentByteCount, in: &output)
        appendStatusLine(status, to: &output)
        output.append(contentsOf: context.date.line)
        appendConnection(isUpgrade: false, to: &output, context: context)
        fields(&output)
        appendContentLength(contentByteCount, to: &output)
        output.append(literal: "\r\n")
        guard !context.isHead else { return }
        let end = output.count + contentByteCount
        content(&output)
        precondition(output.count == end, "Content is as long as its field says.")
    }

    /// Appends a field line whose value is given in up to three pieces.
    public static func appendField(
        _ name: String, _ value: String, _ second: String = "", _ third: String = "", to output: inout [UInt8]
    ) {
        FieldLine.append(name, value, second, third, to: &output)
    }

    private static func appendStatusLine(_ status: HTTPStatus, to output: inout [UInt8]) {
        output.append(literal: "HTTP/1.1 ")
        DecimalText.append(status.rawValue, to: &output)
        output.append(ASCII.space)
        output.append(text: status.reasonPhrase)
        output.append(literal: "\r\n")
    }

    private static func appendContentLength(_ byteCount: Int, to output: inout [UInt8]) {
        output.append(literal: "Content-Length: ")
        DecimalText.append(byteCount, to: &output)
        output.append(literal: "\r\n")
    }

    private func appendHead(into output: inout [UInt8], context: HTTPResponseContext) {
        Self.appendStatusLine(status, to: &output)
        if !status.isInformational {
            output.append(contentsOf: context.date.line)
            let isUpgrade = headers.contains { FieldLine.isUpgrade($0.0) }
            Self.appendConnection(isUpgrade: isUpgrade, to: &output, context: context)
        }
        for (name, value) in headers where !FieldLine.isOwnedByEncoder(name, informational: status.isInformational) {
            FieldLine.append(name, value, to: &output)
        }
    }

    private static func appendConnection(
        isUpgrade: Bool, to output: inout [UInt8], context: HTTPResponseContext
    ) {
        // HTTP/1.1 connections persist without being told (RFC 9112 §9.3).
        let tellsPersistence = !context.keepAlive || context.version == .http10
        guard isUpgrade || tellsPersistence else { return }
        output.append(literal: "Connection: ")
        if isUpgrade { output.append(literal: "Upgrade") }
        if isUpgrade, tellsPersistence { output.append(literal: ", ") }
        if tellsPersistence { output.append(text: context.keepAlive ? "keep-alive" : "close") }
        output.append(literal: "\r\n")
    }

    /// Grows geometrically: many small responses appended to one buffer must not each cause a reallocation.
    private static func reserve(_ count: Int, in output: inout [UInt8]) {
        let needed = output.count + count
        if output.capacity < needed { output.reserveCapacity(max(needed, output.capacity * 2)) }
    }
}
