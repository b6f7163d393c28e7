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
