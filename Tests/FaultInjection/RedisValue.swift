/// A reply of Redis or Sentinel (RESP 2).
public indirect enum RedisValue: Sendable, Equatable {
    case simple(String)
    case error(String)
    case integer(Int)
    case bulk(String)
    case array([RedisValue])
    case null

    /// The text of a simple or bulk string.
    public var text: String? {
        switch self {
        case .simple(let text), .bulk(let text): text
        case .error, .integer, .array, .null: nil
        }
    }

    public var number: Int? {
        switch self {
        case .integer(let number): number
        case .simple, .error, .bulk, .array, .null: nil
        }
    }

    /// The elements of an array; none for anything else.
    public var elements: [RedisValue] {
        switch self {
        case .array(let elements): elements
        case .simple, .error, .integer, .bulk, .null: []
        }
    }

    /// The value after a name in a flat array of names and values, as CONFIG GET and SENTINEL MASTER answer.
    public subscript(name: String) -> String? {
        let elements = elements
        guard let index = elements.firstIndex(where: { $0.text == name }), index + 1 < elements.count else {
            return nil
        }
        return elements[index + 1].text
    }

    /// Reads one reply from the beginning of the bytes.
    /// - Returns: The reply and where the next one begins; `nil` until it is there whole.
    static func parse(_ bytes: ArraySlice<UInt8>) -> (value: RedisValue, end: Int)? {
        guard let first = bytes.first, let lineEnd = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = String(decoding: bytes[(bytes.startIndex + 1)..<(lineEnd - 1)], as: UTF8.self)
        let next = lineEnd + 1
        switch first {
        case UInt8(ascii: "+"): return (.simple(line), next)
        case UInt8(ascii: "-"): return (.error(line), next)
        case UInt8(ascii: ":"): return (.integer(Int(line) ?? 0), next)
        case UInt8(ascii: "$"):
            guard let count = Int(line), count >= 0 else { return (.null, next) }
            guard bytes.endIndex >= next + count + 2 else { return nil }
            return (.bulk(String(decoding: bytes[next..<(next + count)], as: UTF8.self)), next + count + 2)
        case UInt8(ascii: "*"):
            guard let count = Int(line), count >= 0 else { return (.null, next) }
            var elements: [RedisValue] = []
            var start = next
            for _ in 0..<count {
                guard let (element, end) = parse(bytes[start...]) else { return nil }
                elements.append(element)
                start = end
            }
            return (.array(elements), start)
        default: return (.error("not a reply: \(line)"), next)
        }
    }
}
