import Glibc
import Synchronization

/// What the commands write for people and for other programs.
enum Terminal {
    /// Text that cannot move the cursor, change colours or forge lines: control characters (C0, DEL, C1) and the
    /// characters that reorder text become visible escapes.
    static func harmless(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<0x20, 0x7F...0x9F, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
                shown += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// Writes a line to standard output at once, so that a pipe sees it when it happens.
    /// - Returns: `false` when nobody reads any more.
    @discardableResult
    static func line(_ text: String) -> Bool {
        write(Array((text + "\n").utf8), to: STDOUT_FILENO)
    }

    /// Writes bytes and a line feed to standard output.
    @discardableResult
    static func line(_ bytes: [UInt8]) -> Bool {
        write(bytes + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
    }

    /// Writes a line to standard error.
    static func note(_ text: String) {
        write(Array((text + "\n").utf8), to: STDERR_FILENO)
    }

    /// Whether standard error is a terminal, on which a line can be written again.
    static var canRewrite: Bool { isatty(STDERR_FILENO) == 1 && Environment.value("TERM") != "dumb" }

    /// Replaces the line on which the terminal of standard error stands; empty text clears it.
    static func rewrite(_ text: String) {
        write(Array("\r\u{1B}[K\(text)".utf8), to: STDERR_FILENO)
    }

    /// Whether colours are wanted on standard output (https://no-color.org).
    static var hasColour: Bool {
        isatty(STDOUT_FILENO) == 1 && Environment.value("NO_COLOR") == nil && Environment.value("TERM") != "dumb"
    }

    @discardableResult
    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            // SAFETY: the pointer is used only inside the call, while the array slice lives.
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                if code == EAGAIN {
                    var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&wanted, 1, 1_000)
                    continue
                }
                return false
            }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
