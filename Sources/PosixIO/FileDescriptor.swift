import CPosix
import Glibc

/// An open file descriptor, closed when its owner lets go of it.
public struct FileDescriptor: ~Copyable, Sendable {
    /// The number, to hand to a system call while `self` lives.
    public let raw: Int32

    public init(raw: Int32) {
        precondition(raw >= 0, "a descriptor is not negative")
        self.raw = raw
    }

    /// Gives the number away: whoever takes it closes it.
    public consuming func release() -> Int32 {
        let raw = raw
        discard self
        return raw
    }

    deinit {
        // Linux releases the descriptor even when close(2) reports EINTR, so there is nothing to retry.
        _ = Glibc.close(raw)
    }
}

extension FileDescriptor {
    /// A descriptor that serves only to hold its number; `nil` when none is left.
    public static func openNull() -> FileDescriptor? {
        let raw = tocsin_open_read("/dev/null")
        return raw >= 0 ? FileDescriptor(raw: raw) : nil
    }

    /// Reads a small file whole, for example one under /proc.
    /// - Returns: `nil` when it cannot be opened.
    public static func contents(ofFile path: String, bytesMax: Int = 1 << 20) -> [UInt8]? {
        let raw = tocsin_open_read(path)
        guard raw >= 0 else { return nil }
        let file = FileDescriptor(raw: raw)
        var bytes = [UInt8]()
        while bytes.count < bytesMax {
            let chunk = [UInt8](unsafeUninitializedCapacity: min(1 << 16, bytesMax - bytes.count)) { buffer, count in
                // SAFETY: read(2) writes into the array's own storage and returns how much of it is initialised.
                count = max(0, retryingOnInterrupt { Glibc.read(file.raw, buffer.baseAddress, buffer.count) })
            }
            if chunk.isEmpty { break }
            bytes += chunk
        }
        return bytes
    }
}
