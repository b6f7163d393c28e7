import CPosix
import Glibc

/// Signals as readable events (signalfd(2)), so that no code runs inside a signal handler.
public final class SignalDescriptor: Sendable {
    private let file: FileDescriptor

    /// Blocks the signals in the calling thread and in those it starts later. Call it before any thread starts.
    public init(_ signals: [Int32]) throws(SystemError) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        guard pthread_sigmask(SIG_BLOCK, &set, nil) == 0 else { throw .last("pthread_sigmask") }
        let raw = signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
        guard raw >= 0 else { throw .last("signalfd") }
        file = FileDescriptor(raw: raw)
    }

    public var descriptor: Int32 { file.raw }

    /// The next signal that arrived, if any.
    public func next() -> Int32? {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        let count = retryingOnInterrupt { Glibc.read(file.raw, &info, size) }
        return count == size ? Int32(info.ssi_signo) : nil
    }
}
