import Glibc
import PosixIO
public import TocsinClient

/// A full disk without one, for any user: no file of a process may grow beyond a size (setrlimit(2), RLIMIT_FSIZE). A
/// write past it fails as on a full disk, after part of it was written.
public enum DiskSpace {
    /// Leaves a running redis-server so many bytes at the end of its append-only file; `nil` makes room again.
    public static func limit(_ redis: LocalRedis, toBytesMore bytes: Int?) throws(ClientError) {
        var text = "unlimited"
        if let bytes { text = String(try appendOnlyBytes(of: redis) + bytes) }
        let log = "\(redis.directory)/prlimit.log"
        let command = try LocalProcess(
            "prlimit", ["--pid", String(redis.child.pid), "--fsize=\(text):unlimited"], outputPath: log)
        guard command.waitForEnd(atMost: .seconds(60)) == .exited(code: 0) else {
            throw .childFailed("prlimit (of util-linux): \(command.outputTail)")
        }
    }

    /// The size of the file that writes are appended to.
    public static func appendOnlyBytes(of redis: LocalRedis) throws(ClientError) -> Int {
        var status = stat()
        let path = try appendOnlyFile(of: redis)
        guard stat(path, &status) == 0 else { throw .childFailed("\(path): \(String(cString: strerror(errno)))") }
        return Int(status.st_size)
    }

    /// Cuts so many bytes off the end of the append-only file of a server that has ended, as a power cut loses what the
    /// disk was not given.
    public static func cutAppendOnlyFile(of redis: LocalRedis, bytes: Int) throws(ClientError) {
        let path = try appendOnlyFile(of: redis)
        let left = max(0, try appendOnlyBytes(of: redis) - bytes)
        guard truncate(path, left) == 0 else { throw .childFailed("\(path): \(String(cString: strerror(errno)))") }
    }

    /// Redis 7 keeps it in parts; the last increment is the one that grows.
    private static func appendOnlyFile(of redis: LocalRedis) throws(ClientError) -> String {
        let folder = "\(redis.directory)/appendonlydir"
        guard let directory = opendir(folder) else { throw .childFailed("\(folder): not there") }
        defer { closedir(directory) }
        var newest: (number: Int, name: String)?
        while let entry = readdir(directory) {
            // SAFETY: the entry lives until the next readdir; its name is null-terminated.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            let parts = name.split(separator: ".")
            guard parts.count >= 5, parts[parts.count - 2] == "incr", let number = Int(parts[parts.count - 3]) else {
                continue
            }
            if number >= newest?.number ?? 0 { newest = (number, name) }
        }
        guard let newest else { throw .childFailed("\(folder): no increment of an append-only file") }
        return "\(folder)/\(newest.name)"
    }
}
