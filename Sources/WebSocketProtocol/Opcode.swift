/// What a frame carries (RFC 6455 §5.2 and §11.8).
public enum Opcode: UInt8, Sendable, Equatable, CaseIterable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    /// Control frames may stand between the fragments of a message and are never fragmented (RFC 6455 §5.5).
    public var isControl: Bool { rawValue & 0x8 != 0 }
}

/// Which end of the connection we are. Clients mask, servers do not (RFC 6455 §5.1).
public enum WebSocketRole: Sendable, Equatable {
    case server
    case client
}
