import Glibc
import PosixIO
import TocsinClient

/// What the kernel says a child process uses (proc(5)).
extension LocalProcess {
    /// User and system time since it started.
    func processorSeconds() throws -> Double {
        let text = try kernelText("stat")
        // The name, which may contain anything, ends with the last parenthesis; then utime is the 12th field.
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else {
            throw HarnessError("/proc/\(pid)/stat is not understood: \(text)")
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    func residentBytes() throws -> Int {
        let text = try kernelText("status")
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let kibibytes = Int(line.filter(\.isNumber))
        else { throw HarnessError("/proc/\(pid)/status is not understood: \(text)") }
        return kibibytes << 10
    }

    private func kernelText(_ file: String) throws -> String {
        guard let bytes = FileDescriptor.contents(ofFile: "/proc/\(pid)/\(file)"), !bytes.isEmpty else {
            throw HarnessError("process \(pid) is not there")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Harness {
    /// How much more memory a sanitizer lets a replica take for the same: shadow, red zones, what was freed.
    static let memoryFactor = getenv("TOCSIN_SANITIZER") == nil ? 1 : 16

    /// Writes a small program, for example one that starts another with fewer rights.
    static func writeProgram(_ text: String, to path: String) throws {
        let raw = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o700)
        guard raw >= 0 else { throw HarnessError("\(path): \(String(cString: strerror(errno)))") }
        let file = FileDescriptor(raw: raw)
        let bytes = Array(text.utf8)
        guard write(file.raw, bytes, bytes.count) == bytes.count else { throw HarnessError("\(path) is not written") }
    }
}
