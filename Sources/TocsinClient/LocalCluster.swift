import Glibc
import PosixIO

/// Replicas and their Redis as child processes, in a temporary directory that goes with them.
public final class LocalCluster: Sendable {
    public let redis: LocalRedis
    public let replicas: [LocalReplica]
    private let directory: TemporaryDirectory

    /// Starts everything and waits until every replica is ready.
    /// - Parameters:
    ///   - launcher: The `tocsin` executable.
    ///   - redis: A Redis to share with another cluster; `nil` starts one.
    ///   - arguments: More of `tocsin serve`'s flags.
    ///   - tls: How to trust the replicas, when their flags make them speak TLS.
    public init(
        launcher: String, replicas count: Int, sharing redis: LocalRedis? = nil, arguments: [String] = [],
        tls: ClientTLS? = nil
    ) throws(ClientError) {
        let directory = try TemporaryDirectory()
        self.directory = directory
        let shared: LocalRedis
        if let redis { shared = redis } else { shared = try LocalRedis(directory: directory.path) }
        self.redis = shared
        var started: [LocalReplica] = []
        for index in 0..<count {
            started.append(
                try LocalReplica(
                    launcher: launcher, name: "replica-\(Self.letter(index))", redisURL: shared.url,
                    directory: directory.path, arguments: arguments, tls: tls))
        }
        replicas = started
        for replica in started { try replica.waitUntilReady() }
    }

    public var urls: [ServerURL] { replicas.map(\.url) }

    /// `a`, `b`, … `z`, then numbers.
    private static func letter(_ index: Int) -> String {
        index < 26 ? String(UnicodeScalar(UInt8(ascii: "a") + UInt8(index))) : String(index)
    }
}

/// A new directory, removed with everything in it.
public final class TemporaryDirectory: Sendable {
    public let path: String

    /// Made under `$TMPDIR`, else `/tmp`; the path stays short enough for Unix sockets.
    public init() throws(ClientError) {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        let root = base.utf8.count <= 60 && !base.isEmpty ? base : "/tmp"
        var template = Array("\(root)/tocsin-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw .childFailed("\(root): \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        Self.remove(path, depth: 0)
    }

    private static func remove(_ path: String, depth: Int) {
        if unlink(path) == 0 || depth > 8 { return }
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                // SAFETY: the entry lives until the next readdir; its name is null-terminated.
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != "." && name != ".." { remove("\(path)/\(name)", depth: depth + 1) }
            }
            closedir(directory)
        }
        rmdir(path)
    }
}
