import CPosix
import Glibc

/// Facts about the machine and the process.
public enum SystemFigures {
    public static var pageBytes: Int { Int(sysconf(Int32(_SC_PAGESIZE))) }

    /// Processors this process may use; at least 1.
    public static var processorCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// The machine's name, cut at 255 bytes; `localhost` when it has none.
    public static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.isEmpty ? "localhost" : text
    }

    /// Bytes that this process's allocator has handed out and not got back (mallinfo(3)). Unlike resident memory it does
    /// not depend on what the allocator keeps for later, nor on which pages the kernel has given. All arenas are locked
    /// one after the other while it is read. Near 0 where a sanitizer has put its own allocator in place of glibc's.
    public static var heapBytes: Int { Int(clamping: tocsin_heap_bytes()) }

    /// How many entries a directory has, `.` and `..` aside; 0 when it cannot be read.
    public static func entryCount(ofDirectory path: String) -> Int {
        guard let directory = opendir(path) else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return max(0, count - 2)
    }

    /// Raises the limit on open descriptors to what the system allows (setrlimit(2)).
    /// - Returns: The limit in force.
    @discardableResult
    public static func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        let soft = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return Int(clamping: soft) }
        return Int(clamping: limit.rlim_cur)
    }

    /// Makes room in the process's table of descriptors, so that it need not grow later.
    ///
    /// Each time the table of a process with several threads doubles, the thread that opened one more descriptor waits
    /// until all processors have let go of the old table (an RCU grace period, some 10 ms), and so does every other thread
    /// that opens one meanwhile. Before the first thread starts there is nothing to wait for. Without the room all
    /// works, with those pauses.
    /// - Parameter count: How many will be open at once. The kernel rounds it up to a power of two and takes some 8 bytes
    ///   for each at once.
    public static func reserveDescriptors(_ count: Int) {
        let last = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, Int32(clamping: count - 1))
        if last >= 0 { _ = FileDescriptor(raw: last) }
    }
}
