import Glibc
import PosixIO
package import Testing
package import TocsinClient

/// What the kernel says a child process uses (proc(5)).
extension LocalProcess {
    /// How many descriptors the kernel has room for before it must make a larger table.
    package func descriptorTableSize() throws -> Int { try number("FDSize:") }

    /// Lets it have so many more bytes of writable memory of its own than it has (RLIMIT_DATA): one that asks for more
    /// ends. Not for processes with a sanitizer, which map terabytes.
    package func limitGrowth(to bytes: Int) throws {
        let limit = (try number("VmData:") << 10) + bytes
        try setLimit("--data=\(limit):\(limit)")
    }

    /// Sets a limit of the process as it runs.
    /// - Parameter limit: In the words of prlimit(1).
    package func setLimit(_ limit: String) throws {
        let setting = try LocalProcess("prlimit", ["--pid", String(pid), limit], outputPath: "/dev/null")
        guard setting.waitForEnd(atMost: Harness.deadline) == .exited(code: 0) else {
            throw HarnessError("\(limit) cannot be set on process \(pid)")
        }
    }

    private func number(_ name: String) throws -> Int {
        let text = try kernelText("status")
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) }),
            let number = Int(line.filter(\.isNumber))
        else { throw HarnessError("/proc/\(pid)/status is not understood: \(text)") }
        return number
    }

    private func kernelText(_ file: String) throws -> String {
        guard let bytes = FileDescriptor.contents(ofFile: "/proc/\(pid)/\(file)"), !bytes.isEmpty else {
            throw HarnessError("process \(pid) is not there")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Harness {
    /// Whether what a replica's allocator has handed out can be asked for (`tocsin_heap_bytes`): a sanitizer puts its own
    /// allocator in place of the one that counts. With one, tests check what replicas do and not what it costs.
    package static let seesHeap = getenv("TOCSIN_SANITIZER") == nil

    /// How much longer everything may take with a sanitizer, which slows each byte that is copied.
    package static let patience = getenv("TOCSIN_SANITIZER") == nil ? 1 : 6

    /// Threats per second to post where `rate` are meant: fewer with a sanitizer, where clients that are given more than
    /// they can read fall behind until they are dropped, and never catch up.
    package static func paced(_ rate: Double) -> Double { rate / Double(patience) }
}

extension Harness {
    /// The value of a metric of a replica, summed over its labels.
    package static func metric(_ name: String, _ url: ServerURL) throws -> Int {
        try metric(name, inPage: try client(url).get("/metrics").text)
    }

    /// The value of a metric in a page of them, summed over its labels.
    package static func metric(_ name: String, inPage page: String) throws -> Int {
        let lines = page.split(separator: "\n").filter { $0.hasPrefix("\(name) ") || $0.hasPrefix("\(name){") }
        try #require(!lines.isEmpty, "\(name)")
        return try lines.reduce(0) { sum, line in
            sum + (try #require(line.split(separator: " ").last.flatMap { Int($0) }))
        }
    }
}

/// How much more a replica's allocator has handed out than at some moment: an exact count of bytes, which neither the
/// machine nor what the allocator keeps for later changes.
package struct HeapGrowth {
    private let url: ServerURL
    private let before: Int

    /// Counts from now on.
    package init(of url: ServerURL) throws {
        self.url = url
        before = try Harness.metric("tocsin_heap_bytes", url)
    }

    /// Expects the growth to be within a bound, once what is under way is done with, and prints it; where it can be seen
    /// (`Harness.seesHeap`).
    package func expect(
        _ what: String, atMost bytesMax: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        guard Harness.seesHeap else { return }
        var grown = 0
        let isBounded = try Harness.wait(every: .milliseconds(100)) {
            grown = try Harness.metric("tocsin_heap_bytes", url) - before
            return grown <= bytesMax
        }
        print("\(what): \(grown) bytes more, at most \(bytesMax) are right")
        #expect(isBounded, "\(what): \(grown) bytes more, \(bytesMax) allowed", sourceLocation: sourceLocation)
    }
}
