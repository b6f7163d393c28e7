import Glibc
import PosixIO
package import TocsinClient

/// What the kernel says a child process uses (proc(5)).
extension LocalProcess {
    /// User and system time since it started.
    package func processorSeconds() throws -> Double {
        let text = try kernelText("stat")
        // The name, which may contain anything, ends with the last parenthesis; then utime is the 12th field.
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else {
            throw HarnessError("/proc/\(pid)/stat is not understood: \(text)")
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    package func residentBytes() throws -> Int { try number("VmRSS:") << 10 }

    /// The most that was resident since `forgetPeak`.
    package func peakResidentBytes() throws -> Int { try number("VmHWM:") << 10 }

    /// How many descriptors the kernel has room for before it must make a larger table.
    package func descriptorTableSize() throws -> Int { try number("FDSize:") }

    package func forgetPeak() throws {
        let raw = open("/proc/\(pid)/clear_refs", O_WRONLY | O_CLOEXEC)
        guard raw >= 0 else { throw HarnessError("/proc/\(pid)/clear_refs cannot be written") }
        let file = FileDescriptor(raw: raw)
        guard write(file.raw, "5", 1) == 1 else { throw HarnessError("the peak of \(pid) is not forgotten") }
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
    /// How much more memory a sanitizer lets a replica take for the same: shadow, red zones, what was freed.
    package static let memoryFactor = getenv("TOCSIN_SANITIZER") == nil ? 1 : 16

    /// How much longer everything may take with a sanitizer, which slows each byte that is copied.
    package static let patience = getenv("TOCSIN_SANITIZER") == nil ? 1 : 6

    /// Threats per second to post where `rate` are meant: fewer with a sanitizer, where clients that are given more than
    /// they can read fall behind until they are dropped, and never catch up.
    package static func paced(_ rate: Double) -> Double { rate / Double(patience) }
}
