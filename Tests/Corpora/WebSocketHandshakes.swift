/// An opening handshake and what must become of it (RFC 6455 §4.2, RFC 7692 §5 and §7.1).
public struct WebSocketHandshakeCase: Sendable, CustomStringConvertible {
    public let name: String
    public let method: String
    /// As in the request line: `1.1`.
    public let version: String
    /// Every field but `Host`, in order.
    public let fields: [(name: String, value: String)]
    /// 101 for a handshake that is accepted.
    public let status: Int
    /// Whether the answer agrees to permessage-deflate.
    public let isCompressed: Bool
    /// Whether a server that is able to keeps context: nothing but this parameter forbids it.
    public var keepsContext: Bool {
        isCompressed && !values(of: "Sec-WebSocket-Extensions").contains { $0.contains("server_no_context_takeover") }
    }

    public var description: String { name }

    /// A key that is the Base64 of 16 bytes.
    public static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    /// What answers it (RFC 6455 §1.3).
    public static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    private static let plain: [(name: String, value: String)] = [
        ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"),
    ]

    /// A good handshake with the lines of some fields replaced, removed or added.
    /// - Parameter values: The lines of each of these fields; none removes it.
    init(
        _ name: String, _ status: Int, _ values: [(field: String, lines: [String])] = [], method: String = "GET",
        version: String = "1.1", isCompressed: Bool = false
    ) {
        self.name = name
        self.method = method
        self.version = version
        self.status = status
        self.isCompressed = isCompressed
        let replaced = values.map(\.field)
        fields =
            Self.plain.filter { !replaced.contains($0.name) }
            + values.flatMap { value in value.lines.map { (name: value.field, value: $0) } }
    }

    /// The values of every line of a field, by its name in any case.
    public func values(of name: String) -> [String] {
        fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// The whole request.
    public func request(target: String, host: String) -> [UInt8] {
        let lines = ["\(method) \(target) HTTP/\(version)", "Host: \(host)"] + fields.map { "\($0.name): \($0.value)" }
        return octets(lines.joined(separator: "\r\n") + "\r\n\r\n")
    }

    public static let all = tokens + versions + keys + requests + offers + declined + malformed

    private static let tokens: [WebSocketHandshakeCase] = [
        WebSocketHandshakeCase("§4.1: as it should be", 101),
        WebSocketHandshakeCase("§4.2.1: Upgrade in capitals", 101, [("Upgrade", ["WebSocket"])]),
        WebSocketHandshakeCase("§4.2.1: Upgrade in a list", 101, [("Upgrade", ["h2c, websocket"])]),
        WebSocketHandshakeCase("§4.2.1: Upgrade in two lines", 101, [("Upgrade", ["h2c", "WEBSOCKET"])]),
        WebSocketHandshakeCase("§4.2.1: Upgrade in a list with empty members", 101, [("Upgrade", [",, websocket ,"])]),
        WebSocketHandshakeCase("§4.2.1: no Upgrade", 426, [("Upgrade", [])]),
        WebSocketHandshakeCase("§4.2.1: an empty Upgrade", 426, [("Upgrade", [""])]),
        WebSocketHandshakeCase("§4.2.1: Upgrade to something else", 426, [("Upgrade", ["h2c"])]),
        WebSocketHandshakeCase("§4.2.1: Upgrade to what only begins alike", 426, [("Upgrade", ["websockets"])]),
        WebSocketHandshakeCase("§4.2.1: Upgrade with a version", 426, [("Upgrade", ["websocket/13"])]),
        WebSocketHandshakeCase("§4.2.1: Upgrade in quotes", 426, [("Upgrade", ["\"websocket\""])]),
        WebSocketHandshakeCase("§4.2.1: Connection in small letters", 101, [("Connection", ["upgrade"])]),
        WebSocketHandshakeCase("§4.2.1: Connection in a list", 101, [("Connection", ["keep-alive, Upgrade"])]),
        WebSocketHandshakeCase("§4.2.1: Connection in two lines", 101, [("Connection", ["keep-alive", "UPGRADE"])]),
        WebSocketHandshakeCase("§4.2.1: Connection without spaces", 101, [("Connection", ["keep-alive,Upgrade,x"])]),
        WebSocketHandshakeCase("§4.2.1: no Connection", 400, [("Connection", [])]),
        WebSocketHandshakeCase("§4.2.1: Connection without Upgrade", 400, [("Connection", ["keep-alive"])]),
        WebSocketHandshakeCase("§4.2.1: Connection with what begins alike", 400, [("Connection", ["Upgrades"])]),
        WebSocketHandshakeCase(
            "§4.2.1: Connection separated by a space", 400, [("Connection", ["keep-alive Upgrade"])]),
    ]

    private static let versions: [WebSocketHandshakeCase] =
        [
            WebSocketHandshakeCase("§4.2.1: no version", 426, [("Sec-WebSocket-Version", [])]),
            WebSocketHandshakeCase("§4.4: two lines of versions", 426, [("Sec-WebSocket-Version", ["13", "8"])]),
            WebSocketHandshakeCase("§4.1: the version twice", 426, [("Sec-WebSocket-Version", ["13", "13"])]),
            WebSocketHandshakeCase("§4.1: blanks around the version", 101, [("Sec-WebSocket-Version", [" 13\t"])]),
        ]
        + ["", "0", "7", "8", "12", "14", "25", "013", "+13", "13.0", "13, 8", "8, 13", "13;", "thirteen", "1 3"].map {
            WebSocketHandshakeCase("§4.4: version “\($0)”", 426, [("Sec-WebSocket-Version", [$0])])
        }

    private static let keys: [WebSocketHandshakeCase] =
        [
            WebSocketHandshakeCase("§4.2.1: no key", 400, [("Sec-WebSocket-Key", [])]),
            WebSocketHandshakeCase("§11.3.1: the key twice", 400, [("Sec-WebSocket-Key", [key, key])]),
            WebSocketHandshakeCase("§4.1: blanks around the key", 101, [("Sec-WebSocket-Key", [" \(key) "])]),
            WebSocketHandshakeCase("§4.1: a key of zeros", 101, [("Sec-WebSocket-Key", ["AAAAAAAAAAAAAAAAAAAAAA=="])]),
            WebSocketHandshakeCase(
                "§4.1: a key with the last two digits of Base64", 101,
                [("Sec-WebSocket-Key", ["+/+/+/+/+/+/+/+/+/+/+w=="])]),
        ]
        + [
            "", "==", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZSE=", "dGhlIHNhbXBsZSBub25jZWxvbmdlcg==",
            "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZS Bub25jZQ==", "dGhlIHNhbXBsZSBub25jZ!==",
            "dGhl-HNhbXBsZSBub25jZQ==", "dGhl_HNhbXBsZSBub25jZQ==", "================----====!!", key + ", " + key,
        ].map { WebSocketHandshakeCase("§4.2.1: key “\($0)”", 400, [("Sec-WebSocket-Key", [$0])]) }

    private static let requests: [WebSocketHandshakeCase] =
        ["POST", "PUT", "DELETE", "HEAD"].map {
            WebSocketHandshakeCase("§4.2.1: \($0) instead of GET", 405, method: $0)
        } + [
            WebSocketHandshakeCase("§4.2.1: HTTP/1.0", 400, version: "1.0"),
            WebSocketHandshakeCase(
                "§4.2.2: a subprotocol that is not served", 101, [("Sec-WebSocket-Protocol", ["chat, superchat"])]),
            WebSocketHandshakeCase("§4.1: fields nobody knows", 101, [("X-Something", ["a", "b"]), ("DNT", ["1"])]),
        ]

    private static let offers: [WebSocketHandshakeCase] = [
        ["permessage-deflate"],
        ["permessage-deflate; client_max_window_bits"],
        ["Permessage-Deflate; Client_Max_Window_Bits"],
        ["permessage-deflate; client_max_window_bits=8"],
        ["permessage-deflate; client_max_window_bits=\"10\""],
        ["permessage-deflate; server_no_context_takeover"],
        ["permessage-deflate; client_no_context_takeover"],
        ["permessage-deflate;server_no_context_takeover;client_no_context_takeover"],
        ["permessage-deflate; server_max_window_bits=15"],
        ["permessage-deflate; unknown, permessage-deflate"],
        ["permessage-deflate; server_max_window_bits=8, permessage-deflate"],
        ["x-webkit-deflate-frame", "permessage-deflate"],
        ["x-webkit-deflate-frame, foo; a=\"b\"; c, permessage-deflate"],
        [", permessage-deflate ,"],
    ].map { lines in
        WebSocketHandshakeCase(
            "RFC 7692 §7.1: \(lines) is met", 101, [("Sec-WebSocket-Extensions", lines)], isCompressed: true)
    }

    private static let declined: [WebSocketHandshakeCase] = [
        "", "x-webkit-deflate-frame", "permessage-bzip2", "permessage-deflate2",
        "permessage-deflate; unknown", "permessage-deflate; unknown=1",
        "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=7", "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=015", "permessage-deflate; server_max_window_bits=+15",
        "permessage-deflate; server_max_window_bits=-9", "permessage-deflate; server_max_window_bits=x",
        "permessage-deflate; client_max_window_bits=7", "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=0x0A", "permessage-deflate; client_max_window_bits=\"7\"",
        "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_no_context_takeover=\"x\"",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=15; server_max_window_bits=15",
        "permessage-deflate; unknown, permessage-deflate; server_max_window_bits=0",
    ].map {
        WebSocketHandshakeCase("RFC 7692 §7.1: “\($0)” is declined", 101, [("Sec-WebSocket-Extensions", [$0])])
    }

    /// RFC 6455 §9.1: what does not follow the grammar fails the handshake.
    private static let malformed: [WebSocketHandshakeCase] = [
        "permessage-deflate;", "permessage-deflate; a=", "permessage-deflate; a=\"", "permessage-deflate; a=\"\"",
        "permessage-deflate; a=\"b c\"", "; a", "permessage-deflate a", "permessage-deflate=1",
        "permessage-deflate; ;client_max_window_bits", "permessage-deflate; a=b=c", "permessage(deflate)",
    ].map { WebSocketHandshakeCase("RFC 6455 §9.1: “\($0)”", 400, [("Sec-WebSocket-Extensions", [$0])]) }
}
