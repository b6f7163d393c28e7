import Glibc
import PosixIO

/// A new directory, removed with everything in it.
public final class TemporaryDirectory: Sendable {
    /// Where the logs of directories made meanwhile go before these are removed: files of at most 16 MiB whose names end
    /// in `.log`, in a new folder for each directory.
    @TaskLocal public static var logsKept: String?

    public let path: String
    private let logsKept: String?

    /// Made under `$TMPDIR`, else `/tmp`; the path stays short enough for Unix sockets.
    public init() throws(ClientError) {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        let root = base.utf8.count <= 60 && !base.isEmpty ? base : "/tmp"
        path = try Self.make("\(root)/tocsin-XXXXXX")
        logsKept = Self.logsKept
    }

    deinit {
        if let logsKept { keepLogs(in: logsKept) }
        Self.remove(path, depth: 0)
    }

    private static func make(_ pattern: String) throws(ClientError) -> String {
        var template = Array(pattern.utf8CString)
        guard mkdtemp(&template) != nil else {
            throw .childFailed("\(pattern): \(String(cString: strerror(errno)))")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Nobody waits for the logs: what cannot be kept is left out.
    private func keepLogs(in folder: String) {
        let logs = Self.entries(of: path).filter { $0.hasSuffix(".log") }
        guard !logs.isEmpty, (try? makeDirectory(folder)) != nil, let kept = try? Self.make("\(folder)/XXXXXX") else {
            return
        }
        for log in logs {
            guard let bytes = FileDescriptor.contents(ofFile: "\(path)/\(log)", bytesMax: 16 << 20) else { continue }
            let raw = open("\(kept)/\(log)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            guard raw >= 0 else { continue }
            let file = FileDescriptor(raw: raw)
            _ = bytes.withUnsafeBytes { write(file.raw, $0.baseAddress, $0.count) }
        }
    }

    private static func entries(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            // SAFETY: the entry lives until the next readdir; its name is null-terminated.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    private static func remove(_ path: String, depth: Int) {
        if unlink(path) == 0 || depth > 8 { return }
        for name in entries(of: path) { remove("\(path)/\(name)", depth: depth + 1) }
        rmdir(path)
    }
}
