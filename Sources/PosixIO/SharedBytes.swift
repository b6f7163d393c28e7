import Glibc

/// Immutable bytes at an address that does not change, shared between threads and kept alive by reference.
///
/// What an array cannot promise: the pointer stays valid for as long as somebody holds the object, so it may stand in
/// an `iovec` across calls.
///
/// `@unchecked Sendable`: written in init, before anybody else has them, and never again.
public struct SharedBytes: @unchecked Sendable {
    /// Their number, and behind it the bytes: one allocation for all.
    private typealias Storage = ManagedBuffer<Int, UInt8>
    private let storage: Storage

    public init(_ bytes: [UInt8]) {
        storage = Storage.create(minimumCapacity: bytes.count) { _ in bytes.count }
        storage.withUnsafeMutablePointerToElements { target in
            bytes.withUnsafeBufferPointer { source in
                // SAFETY: there is room for as many, and new memory overlaps nothing.
                if let base = source.baseAddress { target.initialize(from: base, count: source.count) }
            }
        }
    }

    public var count: Int { storage.withUnsafeMutablePointerToHeader { $0.pointee } }

    /// Valid while somebody holds these bytes.
    // SAFETY: elements of an object do not move.
    public var pointer: UnsafeMutableRawPointer {
        storage.withUnsafeMutablePointerToElements { UnsafeMutableRawPointer($0) }
    }

    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointer, count: count) }

    public func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        // SAFETY: the bytes are never written again, and the object outlives the call.
        withExtendedLifetime(storage) { bytes.withMemoryRebound(to: UInt8.self) { body($0.span) } }
    }
}

/// Several byte strings that are sent one after the other in one call (sendmsg(2)), kept alive together.
public final class GatheredBytes {
    public let pieces: [SharedBytes]
    /// Bytes of all pieces.
    public let count: Int
    // SAFETY: made in init, freed in deinit; each element points into a piece, which lives as long. Never written
    // again: sendmsg(2) only reads it.
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
