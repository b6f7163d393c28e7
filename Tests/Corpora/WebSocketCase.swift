/// What a client sends after the opening handshake, and what must become of it.
public struct WebSocketCase: Sendable, CustomStringConvertible {
    public enum Outcome: Sendable, Equatable {
        /// Everything was understood and the connection goes on.
        case open
        /// The server sends a Close frame with this code and ends the connection; `nil`: without a code.
        case closed(UInt16?)
    }

    /// Clause and rule.
    public let name: String
    public let bytes: [UInt8]
    public let outcome: Outcome
    /// Payloads of the data messages that arrive whole before the outcome.
    public let messages: [[UInt8]]
    /// Whether permessage-deflate has been negotiated, without context takeover.
    public let isDeflateNegotiated: Bool

    public init(
        _ name: String, _ bytes: [UInt8], _ outcome: Outcome, messages: [[UInt8]] = [], deflate: Bool = false
    ) {
        self.name = name
        self.bytes = bytes
        self.outcome = outcome
        self.messages = messages
        isDeflateNegotiated = deflate
    }

    public var description: String { name }

    /// Every case. Limits: messages of 64 KiB, 4,096 fragments.
    public static let all = headers + lengths + control + fragments + closing + text + deflated
}

/// One frame of a client, rules or not.
public struct WireFrame: Sendable {
    public enum Length: Sendable {
        case minimal
        /// In two bytes after 126, in eight after 127, whether needed or not.
        case two, eight
        /// In eight bytes, whatever the payload really has.
        case declared(UInt64)
    }

    public static let text: UInt8 = 0x1
    public static let binary: UInt8 = 0x2
    public static let continuation: UInt8 = 0x0
    public static let close: UInt8 = 0x8
    public static let ping: UInt8 = 0x9
    public static let pong: UInt8 = 0xA

    static let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]

    /// - Parameters:
    ///   - opcode: 0 to 15.
    ///   - rsv: The reserved bits as a number: 4 is RSV1, 2 is RSV2, 1 is RSV3.
    public static func bytes(
        _ opcode: UInt8, _ payload: [UInt8] = [], fin: Bool = true, rsv: UInt8 = 0, masked: Bool = true,
        length: Length = .minimal
    ) -> [UInt8] {
        var bytes: [UInt8] = [(fin ? 0x80 : 0) | rsv << 4 | opcode]
        let mask: UInt8 = masked ? 0x80 : 0
        switch length {
        case .minimal where payload.count <= 125: bytes.append(mask | UInt8(payload.count))
        case .minimal where payload.count <= 0xFFFF, .two:
            bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        case .minimal, .eight: bytes += [mask | 127] + eightBytes(UInt64(payload.count))
        case .declared(let count): bytes += [mask | 127] + eightBytes(count)
        }
        guard masked else { return bytes + payload }
        return bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] }
    }

    public static func bytes(_ opcode: UInt8, _ text: String, fin: Bool = true) -> [UInt8] {
        bytes(opcode, Array(text.utf8), fin: fin)
    }

    /// A Close frame with a code and a reason.
    public static func closing(_ code: UInt16, reason: [UInt8] = []) -> [UInt8] {
        bytes(close, [UInt8(code >> 8), UInt8(code & 0xFF)] + reason)
    }

    private static func eightBytes(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
    }
}
