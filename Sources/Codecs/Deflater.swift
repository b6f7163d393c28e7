internal import CZlib

/// Compresses messages for permessage-deflate (RFC 7692 §7.2.1): each by itself, or after one that the receiver has
/// inflated last.
///
/// It remembers no message, so one is enough for a thread: it holds about 256 KiB and is used again for every message.
public final class Deflater {
    /// Base-2 logarithms of the windows zlib compresses with. Of 256 bytes it makes no raw DEFLATE.
    public static let windowBitsAllowed = 9...15

    /// Scratch room kept between messages; what a larger message needed is let go.
    private static let scratchBytesKept = 128 * 1024

    /// Heap memory, because zlib's state points back at its stream, which therefore must not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private var scratch: [UInt8] = []

    /// - Parameters:
    ///   - level: 1 (fast) to 9 (small).
    ///   - windowBits: Base-2 logarithm of the window, 9 to 15.
    public init(level: Int = 6, windowBits: Int = 15) {
        precondition(
            (1...9).contains(level) && Self.windowBitsAllowed.contains(windowBits), "no such deflate level or window")
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // SAFETY: the stream is initialised, and lives where it is until `deinit`. Negative bits mean raw DEFLATE.
        let status = deflateInit2_(
            stream, Int32(level), Z_DEFLATED, Int32(-windowBits), 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { fatalError("zlib has no memory for a deflate stream") }
    }

    deinit {
        // SAFETY: nothing else frees the stream, and no pointer to it leaves this class.
        deflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// Compresses one message.
    /// - Parameter previous: What every receiver has inflated just before, to be referred to; `nil` for a message by
    ///   itself.
    /// - Returns: Raw DEFLATE without the tail 00 00 FF FF.
    public func deflate(_ message: Span<UInt8>, after previous: Span<UInt8>? = nil) -> [UInt8] {
        withDeflated(message, after: previous) { deflated in
            [UInt8](unsafeUninitializedCapacity: deflated.count) { buffer, count in
                for index in deflated.indices { buffer[index] = deflated[index] }
                count = deflated.count
            }
        }
    }

    /// Compresses one message and lends the result, so that the caller can frame it in one allocation.
    /// - Parameters:
    ///   - previous: As for `deflate`.
    ///   - body: Gets raw DEFLATE without the tail 00 00 FF FF.
    public func withDeflated<Result>(
        _ message: Span<UInt8>, after previous: Span<UInt8>? = nil, _ body: (Span<UInt8>) -> Result
    ) -> Result {
        let count = Self.zlibCount(message)
        deflateReset(stream)
        if let previous, !previous.isEmpty { refer(to: previous) }
        // `deflateBound` is for a stream that is finished; a sync flush ends with an empty block of five bytes more.
        let bound = Int(deflateBound(stream, UInt(count))) + 16
        if scratch.count < bound { scratch = [UInt8](repeating: 0, count: bound) }
        defer { if scratch.count > Self.scratchBytesKept { scratch = [] } }
        let written = compress(message, count: count)
        return body(scratch.span.extracting(0..<written))
    }

    private static func zlibCount(_ message: Span<UInt8>) -> UInt32 {
        guard let count = UInt32(exactly: message.count) else { preconditionFailure("a message is below 4 GiB") }
        return count
    }

    /// Fills the window with a message; of one that is longer, with its end, as the receiver's window is.
    private func refer(to previous: Span<UInt8>) {
        let count = Self.zlibCount(previous)
        // SAFETY: zlib copies what it needs of the bytes, which live through the closure.
        let status = previous.withUnsafeBufferPointer { deflateSetDictionary(stream, $0.baseAddress, count) }
        guard status == Z_OK else { fatalError("zlib takes a dictionary between reset and first message") }
    }

    /// - Returns: Bytes written to `scratch`, less the tail.
    private func compress(_ message: Span<UInt8>, count: UInt32) -> Int {
        // SAFETY: zlib reads `count` bytes of `message` and writes at most `scratch.count`; both live through the
        // closures, and the stream's pointers to them are cleared before those end. zlib does not write to its input.
        message.withUnsafeBufferPointer { source in
            scratch.withUnsafeMutableBufferPointer { target in
                stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                stream.pointee.avail_in = count
                stream.pointee.next_out = target.baseAddress
                stream.pointee.avail_out = UInt32(target.count)
                defer {
                    stream.pointee.next_in = nil
                    stream.pointee.next_out = nil
                }
                let status = CZlib.deflate(stream, Z_SYNC_FLUSH)
                // An empty message on a fresh stream makes no progress for zlib to report besides the flush itself.
                let isDone = (status == Z_OK || status == Z_BUF_ERROR) && stream.pointee.avail_in == 0
                guard isDone, stream.pointee.avail_out > 0 else { fatalError("zlib did not keep to its own bound") }
                return target.count - Int(stream.pointee.avail_out) - PermessageTail.bytes.count
            }
        }
    }
}

/// What ends every permessage-deflate message and is not sent (RFC 7692 §7.2.1).
enum PermessageTail {
    static let bytes: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]
}
