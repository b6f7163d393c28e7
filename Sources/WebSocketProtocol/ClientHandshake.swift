/// The client's half of the opening handshake (RFC 6455 §4.1).
public struct ClientHandshake: Sendable {
    /// The value of `Host`: a name, with the port if it is not the scheme's.
    public let host: String
    /// Path and query, beginning with `/`.
    public let target: String
    /// What is offered on compression, `nil` for none.
    public let compression: PermessageDeflate.Offer?
    private let key: String
    private let extraHeaders: [(name: String, value: String)]

    /// - Parameters:
    ///   - key: Base64 of 16 fresh random bytes.
    ///   - extraHeaders: Sent as they are, after the handshake's own.
    /// - Precondition: No argument has a line break, so that none can add a header of its own.
    public init(
        host: String, target: String, key: String, extraHeaders: [(name: String, value: String)] = [],
        compression: PermessageDeflate.Offer? = nil
    ) {
        precondition(HandshakeKey.isValid(Array(key.utf8)[...]), "a handshake key is the Base64 of 16 bytes")
        precondition(target.utf8.first == UInt8(ascii: "/"), "a target begins with a slash")
        let parts = [host, target] + extraHeaders.flatMap { [$0.name, $0.value] }
        precondition(
            parts.allSatisfy { !$0.utf8.contains(where: { $0 == 0x0D || $0 == 0x0A || $0 == 0 }) },
            "a part of a request has no line breaks")
        self.host = host
        self.target = target
        self.key = key
        self.extraHeaders = extraHeaders
        self.compression = compression
    }

    /// The whole request, through the empty line.
    public func request() -> [UInt8] {
        var text = "GET \(target) HTTP/1.1\r\nHost: \(host)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        text += "Sec-WebSocket-Key: \(key)\r\nSec-WebSocket-Version: 13\r\n"
        if let compression { text += "Sec-WebSocket-Extensions: \(compression.headerValue)\r\n" }
        for header in extraHeaders { text += "\(header.name): \(header.value)\r\n" }
        text += "\r\n"
        return Array(text.utf8)
    }

    /// Checks the server's answer.
    /// - Returns: What was agreed on compression, `nil` for none.
    /// - Throws: The first condition of RFC 6455 §4.1 that does not hold.
    public func check(
        _ response: UpgradeResponse, acceptDigest: AcceptDigest
    ) throws(HandshakeError) -> PermessageDeflate.Agreement? {
        guard response.status == 101 else { throw .unexpectedStatus(response.status) }
        guard HeaderTokens.isExactly("websocket", response.lines(of: "Upgrade")) else {
            throw .responseWithoutUpgrade
        }
        guard HeaderTokens.contains("Upgrade", in: response.lines(of: "Connection")) else {
            throw .responseWithoutConnectionUpgrade
        }
        let expected = HandshakeKey.accept(for: key.utf8, digest: acceptDigest)
        guard response.values(of: "Sec-WebSocket-Accept") == [expected] else { throw .wrongAccept }
        guard response.values(of: "Sec-WebSocket-Protocol").isEmpty else { throw .unexpectedSubprotocol }
        return try PermessageDeflate.checkResponse(response.lines(of: "Sec-WebSocket-Extensions"), to: compression)
    }
}
