import Glibc

/// Immutable bytes at an address that does not change, shared between threads and kept alive by reference.
///
/// What an array cannot promise: the pointer stays valid for as long as somebody holds the object, so it may stand in
/// an `iovec` across calls.
public final class SharedBytes: Sendable {
    public let count: Int
    // SAFETY: allocated and filled in init, never written again, freed in deinit.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer

    public init(_ bytes: [UInt8]) {
        count = bytes.count
        base = .allocate(byteCount: max(1, bytes.count), alignment: 1)
        bytes.withUnsafeBytes { source in
            UnsafeMutableRawBufferPointer(start: base, count: bytes.count).copyMemory(from: source)
        }
    }

    deinit {
        base.deallocate()
    }

    /// Valid while the object lives.
    public var pointer: UnsafeMutableRawPointer { base }

    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }
}

/// Several byte strings that are sent one after the other in one call (sendmsg(2)), kept alive together.
public final class GatheredBytes {
    public let pieces: [SharedBytes]
    /// Bytes of all pieces.
    public let count: Int
    // SAFETY: made in init, freed in deinit; each element points into a piece, which lives as long. Never written again:
    // sendmsg(2) only reads it.
    let vectors: UnsafeMutableBufferPointer<iovec>

    /// - Parameter pieces: At most 1,024 (IOV_MAX).
    public init(_ pieces: [SharedBytes]) {
        precondition(pieces.count <= 1_024, "more pieces than one call takes")
        self.pieces = pieces
        count = pieces.reduce(0) { $0 + $1.count }
        vectors = .allocate(capacity: pieces.count)
        for (index, piece) in pieces.enumerated() {
            vectors.initializeElement(at: index, to: iovec(iov_base: piece.pointer, iov_len: piece.count))
        }
    }

    deinit {
        vectors.deallocate()
    }
}
