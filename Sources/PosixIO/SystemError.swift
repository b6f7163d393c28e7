import Glibc

/// A system call that failed: its name and `errno` (errno(3)).
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    public let code: Int32
    public let operation: String

    public init(code: Int32, operation: String) {
        self.code = code
        self.operation = operation
    }

    /// Takes `errno` as the failed call left it; call it at once.
    static func last(_ operation: String) -> SystemError {
        SystemError(code: errno, operation: operation)
    }

    /// For example `bind: Address already in use`.
    public var description: String {
        "\(operation): \(String(cString: strerror(code)))"
    }
}

/// Runs a system call until a signal no longer interrupts it.
///
/// EBADF and EFAULT are broken invariants of this program, not conditions of the world: they trap.
@inline(__always)
func retryingOnInterrupt<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 { return result }
        let code = errno
        precondition(code != EBADF && code != EFAULT, "a system call was given a bad descriptor or address")
        if code != EINTR { return result }
    }
}
