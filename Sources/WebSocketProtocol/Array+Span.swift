extension Array where Element == UInt8 {
    /// Appends the bytes of a span: room first, then the bytes in place, which is several times faster than one
    /// `append` for each.
    package mutating func append(copying bytes: Span<UInt8>) {
        let start = count
        append(contentsOf: repeatElement(0, count: bytes.count))
        var target = mutableSpan
        for index in bytes.indices { target[start + index] = bytes[index] }
    }
}
