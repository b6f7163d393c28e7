/// One reply of a Redis server (RESP2).
public enum RedisReply: Hashable, Sendable {
    /// A bulk or simple string.
    case string([UInt8])
    case integer(Int64)
    case array([RedisReply])
    case null
    /// An error reply, split at its first space: `-NOSCRIPT No matching script.` has the code `NOSCRIPT`.
    case error(code: String, message: String)

    public var bytes: [UInt8]? {
        if case .string(let bytes) = self { bytes } else { nil }
    }

    public var integer: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    public var elements: [RedisReply]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// A string reply as text, its bytes being UTF-8.
    var text: String? {
        bytes.map { String(decoding: $0, as: UTF8.self) }
    }
}
