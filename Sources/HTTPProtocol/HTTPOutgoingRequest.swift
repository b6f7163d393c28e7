/// A request that one of our own clients sends (RFC 9112 §3).
public struct HTTPOutgoingRequest: Sendable {
    /// The method.
    public var method: HTTPMethod
    /// Origin-form target, percent-encoded: `/path?query`.
    public var target: String
    /// Host, with the port unless it is the scheme's default.
    public var host: String
    /// Further field names and values; Host and Content-Length are written by `encode`.
    public var headers: [(String, String)]
    /// The content; empty for none.
    public var body: [UInt8]

    /// A request to be encoded.
    public init(
        method: HTTPMethod, target: String, host: String, headers: [(String, String)] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.target = target
        self.host = host
        self.headers = headers
        self.body = body
    }

    /// Appends the request. The target must hold visible ASCII characters only.
    public func encode(into output: inout [UInt8]) {
        precondition(
            !target.isEmpty && target.utf8.allSatisfy { $0 > ASCII.space && $0 < 0x7F },
            "A request target is percent-encoded.")
        output.append(contentsOf: method.rawValue.utf8)
        output.append(ASCII.space)
        output.append(contentsOf: target.utf8)
        output.append(contentsOf: " HTTP/1.1\r\n".utf8)
        FieldLine.append("Host", host, to: &output)
        for (name, value) in headers { FieldLine.append(name, value, to: &output) }
        if !body.isEmpty || method == .post || method == .put || method == .patch {
            output.append(contentsOf: "Content-Length: ".utf8)
            DecimalText.append(body.count, to: &output)
            output.append(contentsOf: "\r\n".utf8)
        }
        output.append(contentsOf: "\r\n".utf8)
        output.append(contentsOf: body)
    }
}
