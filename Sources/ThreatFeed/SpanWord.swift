extension Span<UInt8> {
    /// Eight bytes from an offset, the first one least significant.
    /// - Precondition: They lie within the span.
    @inline(__always)
    func word(at offset: Int) -> UInt64 {
        // SAFETY: the span checks the bounds and keeps the memory alive, and every bit pattern is a UInt64.
        UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
