internal import CZlib

/// Why a message could not be inflated.
public enum InflateError: Error, Sendable, Equatable {
    /// More than the bytes allowed would come out.
    case outputTooLarge
    /// The bytes are not DEFLATE.
    case corrupt
    /// The bytes end within a block.
    case truncated
}

/// Inflates permessage-deflate messages (RFC 7692 §7.2.2), each by itself or with the context of those before.
///
/// It holds about 56 KiB. One without context is enough for a thread; with context each connection needs its own.
public final class Inflater {
    private static let chunkBytes = 16 * 1024

    /// Heap memory, because zlib's state points back at its stream, which therefore must not move.
    private let stream: UnsafeMutablePointer<z_stream>
    /// The input so far ends with a block that was marked as the last (BFINAL).
    private var hasEnded = false
    private var chunk = [UInt8](repeating: 0, count: Inflater.chunkBytes)
    private let keepsContext: Bool

    /// - Parameter keepsContext: Whether a message may refer to the ones before it. After an error the context is lost,
    ///   and with it the connection.
    public init(keepsContext: Bool = false) {
        self.keepsContext = keepsContext
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // SAFETY: the stream is initialised, and lives where it is until `deinit`. Negative bits mean raw DEFLATE; 15
        // reads what any smaller window wrote.
        let status = inflateInit2_(stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { fatalError("zlib has no memory for an inflate stream") }
    }

    deinit {
        // SAFETY: nothing else frees the stream, and no pointer to it leaves this class.
        inflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// Inflates one message.
    /// - Parameters:
    ///   - compressed: Raw DEFLATE without the tail 00 00 FF FF.
    ///   - bytesMax: Most bytes that may come out. No more than this and one chunk of 16 KiB is ever held.
    public func inflate(_ compressed: Span<UInt8>, bytesMax: Int) throws(InflateError) -> [UInt8] {
        if !keepsContext { inflateReset(stream) }
        hasEnded = false
        var output: [UInt8] = []
        try feed(compressed, into: &output, bytesMax: bytesMax)
        // What ends with a whole block needs no tail: senders that close with BFINAL, that leave the tail on, or that
        // send nothing for an empty message make it.
        if compressed.isEmpty || hasEnded || endsBetweenBlocks { return output }
        let tail = PermessageTail.bytes
        try feed(tail.span, into: &output, bytesMax: bytesMax)
        // The tail then was the end of the last block, not part of it.
        guard endsBetweenBlocks else { throw .truncated }
        return output
    }

    /// Whether the input so far ends with a whole block, as `data_type` of zlib's manual tells: bit 7 is set between
    /// blocks, the lowest six count the bits of the last byte that are left.
    private var endsBetweenBlocks: Bool {
        stream.pointee.data_type & 128 != 0 && stream.pointee.data_type & 63 == 0
    }

    private func feed(_ input: Span<UInt8>, into output: inout [UInt8], bytesMax: Int) throws(InflateError) {
        var position = 0
        while position < input.count {
            let step = inflateStep(input.extracting(position...))
            position += step.consumed
            hasEnded = step.status == Z_STREAM_END
            guard step.produced <= bytesMax - output.count else { throw .outputTooLarge }
            output.append(contentsOf: chunk[..<step.produced])
            switch step.status {
            case Z_OK: continue
            case Z_STREAM_END:
                // A sender may end a block with BFINAL and go on with another (RFC 7692 §7.2.3.4).
                inflateResetKeep(stream)
            case Z_BUF_ERROR where step.consumed == 0 && step.produced == 0: throw .corrupt
            case Z_BUF_ERROR: continue
            default: throw .corrupt
            }
        }
        try drain(into: &output, bytesMax: bytesMax)
    }

    /// What zlib still holds after it has read all input, when the last step filled the whole chunk.
    private func drain(into output: inout [UInt8], bytesMax: Int) throws(InflateError) {
        while stream.pointee.avail_out == 0 {
            let nothing: [UInt8] = []
            let step = inflateStep(nothing.span)
            guard step.produced <= bytesMax - output.count else { throw .outputTooLarge }
            output.append(contentsOf: chunk[..<step.produced])
            switch step.status {
            case Z_OK: continue
            case Z_STREAM_END:
                hasEnded = true
                inflateResetKeep(stream)
            case Z_BUF_ERROR where step.produced == 0: return
            default: throw .corrupt
            }
        }
    }

    /// Inflates up to one chunk.
    private func inflateStep(_ input: Span<UInt8>) -> (status: Int32, consumed: Int, produced: Int) {
        // SAFETY: zlib reads at most `input.count` bytes and writes at most `chunk.count`; both live through the
        // closures, and the stream's pointers to them are cleared before those end. zlib does not write to its input.
        input.withUnsafeBufferPointer { source in
            chunk.withUnsafeMutableBufferPointer { target in
                let available = UInt32(clamping: source.count)
                stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                stream.pointee.avail_in = available
                stream.pointee.next_out = target.baseAddress
                stream.pointee.avail_out = UInt32(target.count)
                defer {
                    stream.pointee.next_in = nil
                    stream.pointee.next_out = nil
                }
                let status = CZlib.inflate(stream, Z_SYNC_FLUSH)
                let consumed = Int(available - stream.pointee.avail_in)
                return (status, consumed, target.count - Int(stream.pointee.avail_out))
            }
        }
    }
}
