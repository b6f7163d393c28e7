/// Received bytes not yet consumed. Consuming moves a mark; bytes are shifted only when at least half of the storage
/// is behind it, so that the total cost stays linear. An empty buffer owns no memory.
struct InputBuffer: Sendable {
    private(set) var bytes: [UInt8] = []
    /// Offset of the first byte not yet consumed.
    private(set) var start = 0

    var count: Int { bytes.count - start }
    var isEmpty: Bool { bytes.count == start }

    mutating func append(_ input: Span<UInt8>) {
        guard !input.isEmpty else { return }
        if start > 0, start * 2 >= bytes.count {
            bytes.removeSubrange(..<start)
            start = 0
        }
        // Growing by a repeated element and overwriting it compiles to two block operations; appending one by one
        // costs about a nanosecond per byte.
        let end = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: input.count))
        var output = bytes.mutableSpan
        for index in 0..<input.count { output[end + index] = input[index] }
    }

    mutating func consume(_ byteCount: Int) {
        start += byteCount
        if start == bytes.count {
            bytes = []
            start = 0
        }
    }

    /// Consumes and returns the first `byteCount` bytes; hands over the storage when that is all there is.
    mutating func take(_ byteCount: Int) -> [UInt8] {
        if start == 0, byteCount == bytes.count {
            let all = bytes
            bytes = []
            return all
        }
        let prefix = Array(bytes[start..<(start + byteCount)])
        consume(byteCount)
        return prefix
    }

    /// Consumes the first `byteCount` bytes and returns them without a copy, perhaps with others behind them. For a
    /// holder that lives no longer than what is behind them: the buffer is copied if it grows meanwhile.
    mutating func takeShared(_ byteCount: Int) -> [UInt8] {
        guard start == 0 else { return take(byteCount) }
        let all = bytes
        consume(byteCount)
        return all
    }

    /// Consumes the first `byteCount` bytes and appends them to `output`.
    mutating func move(_ byteCount: Int, to output: inout [UInt8]) {
        if output.isEmpty {
            output = take(byteCount)
        } else {
            output.append(contentsOf: bytes[start..<(start + byteCount)])
            consume(byteCount)
        }
    }

    mutating func takeAll() -> [UInt8] { take(count) }
}
