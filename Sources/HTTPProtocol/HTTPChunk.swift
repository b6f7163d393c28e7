/// How the content of a streamed message is delimited (RFC 9112 §6.3).
public enum HTTPBodyFraming: Sendable, Equatable {
    /// Chunks (RFC 9112 §7.1), ended by `HTTPChunk.last`.
    case chunked
    /// Bare bytes, ended by closing the connection.
    case untilClose
}

/// Writes chunks (RFC 9112 §7.1).
public enum HTTPChunk {
    /// What follows the data of every chunk.
    public static let terminator: [UInt8] = [0x0D, 0x0A]

    /// The end of a chunked body, without trailers.
    public static let last: [UInt8] = [0x30, 0x0D, 0x0A, 0x0D, 0x0A]

    /// Appends the size line of a chunk of `byteCount` bytes, which must not be 0: that would end the body.
    public static func appendHeader(byteCount: Int, to output: inout [UInt8]) {
        precondition(byteCount > 0, "A chunk carries at least one byte; an empty one ends the body.")
        var shift = (UInt.bitWidth - UInt(byteCount).leadingZeroBitCount - 1) / 4 * 4
        while shift >= 0 {
            let digit = UInt8((byteCount >> shift) & 15)
            output.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
            shift -= 4
        }
        output.append(contentsOf: terminator)
    }

    /// Appends a whole chunk; nothing for no data.
    public static func append(_ data: some Collection<UInt8>, to output: inout [UInt8]) {
        guard !data.isEmpty else { return }
        appendHeader(byteCount: data.count, to: &output)
        output.append(contentsOf: data)
        output.append(contentsOf: terminator)
    }
}
