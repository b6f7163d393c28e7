import Glibc

/// What commands read.
enum Input {
    /// A file's contents, or standard input for `-`; at most 16 MiB.
    /// - Throws: `CommandFailure` (66).
    static func contents(of path: String) throws -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure(.noInput, "\(path): \(String(cString: strerror(errno)))")
        }
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while contents.count <= 16 << 20 {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw CommandFailure(.noInput, "\(path): \(String(cString: strerror(errno)))") }
            if count == 0 { return contents }
            contents += chunk[..<count]
        }
        throw CommandFailure(.dataRejected, "\(path): larger than 16 MiB")
    }
}
