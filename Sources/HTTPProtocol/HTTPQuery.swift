/// A decoded query string: `name=value` pairs joined with `&`, `+` for space (application/x-www-form-urlencoded).
public struct HTTPQuery: Sendable {
    /// Decoded pairs in the order received; a name without `=` has an empty value.
    public let pairs: [(name: String, value: String)]

    /// Decodes the text after `?`.
    /// - Throws: `HTTPQueryError` for the first pair that is not well-formed.
    public init(parsing text: some Collection<UInt8>) throws(HTTPQueryError) {
        var pairs: [(name: String, value: String)] = []
        guard !text.isEmpty else {
            self.pairs = pairs
            return
        }
        var rest = Array(text)[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "&")) ?? rest.endIndex
            let pair = rest[..<end]
            rest = end == rest.endIndex ? [] : rest[(end + 1)...]
            if pair.isEmpty { continue }
            let nameEnd = pair.firstIndex(of: ASCII.equals) ?? pair.endIndex
            let name = try Self.decode(pair[..<nameEnd], parameter: pair[..<nameEnd])
            let value = try Self.decode(pair[nameEnd...].dropFirst(), parameter: pair[..<nameEnd])
            pairs.append((name, value))
        }
        self.pairs = pairs
    }

    /// The value of the first pair of this name.
    public func first(_ name: String) -> String? { pairs.first { $0.name == name }?.value }

    /// The values of all pairs of this name, in the order received.
    public func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

    /// Whether there is no pair at all.
    public var isEmpty: Bool { pairs.isEmpty }

    private static func decode(
        _ text: ArraySlice<UInt8>, parameter: ArraySlice<UInt8>
    ) throws(HTTPQueryError) -> String {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            if byte == ASCII.percent {
                let end = min(index + 3, text.endIndex)
                guard end == index + 3, let high = ASCII.hexValue(text[index + 1]),
                    let low = ASCII.hexValue(text[index + 2])
                else {
                    throw .malformedPercentEncoding(
                        parameter: String(decoding: parameter, as: UTF8.self),
                        text: String(decoding: text[index..<end], as: UTF8.self))
                }
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(byte == UInt8(ascii: "+") ? ASCII.space : byte)
                index += 1
            }
        }
        guard let string = String(validating: decoded, as: UTF8.self) else {
            throw .notUTF8(parameter: String(decoding: parameter, as: UTF8.self))
        }
        return string
    }
}

/// Why a query string was refused; answered 400.
public enum HTTPQueryError: Error, Equatable, Sendable {
    /// `%` not followed by two hexadecimal digits (RFC 3986 §2.1). `parameter` is the name as received.
    case malformedPercentEncoding(parameter: String, text: String)
    /// The decoded octets are not UTF-8.
    case notUTF8(parameter: String)

    /// The status to answer with.
    public var status: HTTPStatus { .badRequest }

    /// One sentence: what was wrong and what is accepted.
    public var detail: String {
        switch self {
        case .malformedPercentEncoding(let parameter, let text):
            "Query parameter \"\(parameter)\" has malformed percent-encoding at \"\(text)\"; "
                + "write % followed by two hexadecimal digits."
        case .notUTF8(let parameter):
            "Query parameter \"\(parameter)\" is not UTF-8 after percent-decoding; send UTF-8."
        }
    }
}
