/// The four bytes a client's payload is combined with (RFC 6455 §5.3). Applying a key twice undoes it.
public struct MaskingKey: Sendable, Equatable {
    /// The key's first byte in the low bits.
    private let word: UInt32

    public init(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
        word = UInt32(first) | UInt32(second) << 8 | UInt32(third) << 16 | UInt32(fourth) << 24
    }

    /// - Parameter random: 32 bits nobody can predict (RFC 6455 §5.3 and §10.3).
    public init(random: UInt32) {
        word = random
    }

    /// The key's byte for the payload's byte at `offset`.
    public subscript(offset: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: word >> (UInt32(truncatingIfNeeded: offset & 3) &* 8))
    }

    /// Masks or unmasks `bytes[start...]` in place.
    /// - Parameters:
    ///   - start: Index of the first byte to change.
    ///   - offset: Position of that byte within its frame's payload.
    public func apply(to bytes: inout [UInt8], from start: Int, payloadOffset offset: Int = 0) {
        // Turned so that index 0 of the slice meets the key's byte for `offset`; then the slice can be taken in
        // words, whatever part of the frame came before.
        let shift = UInt32(truncatingIfNeeded: offset & 3) &* 8
        let turned = word >> shift | word << ((32 &- shift) & 31)
        let wide = UInt64(turned) << 32 | UInt64(turned)
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        var index = start
        while index <= raw.byteCount - 8 {
            // SAFETY: the load is bounds-checked, needs no alignment, and every bit pattern is a UInt64.
            let word = raw.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            raw.storeBytes(of: word ^ wide.littleEndian, toByteOffset: index, as: UInt64.self)
            index += 8
        }
        for position in index..<max(index, raw.byteCount) {
            // SAFETY: as above, of a UInt8.
            let byte = raw.unsafeLoadUnaligned(fromByteOffset: position, as: UInt8.self)
            raw.storeBytes(of: byte ^ self[position - start + offset], toByteOffset: position, as: UInt8.self)
        }
    }
}
