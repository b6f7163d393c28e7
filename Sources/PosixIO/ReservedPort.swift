import Glibc
import Synchronization

/// TCP ports of this machine, each given to one caller: for servers that are told their port before they listen, as
/// tests and local clusters start them side by side.
public enum ReservedPort {
    /// Below the range from which the kernel takes the ports of outgoing connections (ip_local_port_range, ip(7)), so
    /// that none of them can take a port before its server listens, or while that restarts.
    private static let range: ClosedRange<UInt16> = 20_000...32_000
    private static let attemptsMax = 1_000

    private final class Mark: Sendable {
        private let socket: FileDescriptor

        init(_ socket: consuming FileDescriptor) {
            self.socket = socket
        }
    }

    // Owner: whoever reserves a port. Nothing is called while it is held.
    private static let marks = Mutex<[Mark]>([])

    /// Finds a port of 127.0.0.1 on which nobody listens, and that no other call is given, here or in another process,
    /// until this process ends.
    /// - Throws: EADDRINUSE when none is found; otherwise why no socket can be opened.
    public static func take() throws(SystemError) -> UInt16 {
        for _ in 0..<attemptsMax {
            let port = UInt16.random(in: range)
            guard let mark = try mark(of: port), try isFree(port) else { continue }
            marks.withLock { $0.append(mark) }
            return port
        }
        throw SystemError(code: EADDRINUSE, operation: "reserve a port")
    }

    /// A port's mark is a Unix socket bound to a name in the abstract namespace (unix(7)): the kernel gives the name to
    /// one socket at a time and lets go of it with the process, and the namespace is that of the ports.
    static func markAddress(of port: UInt16) throws(SystemError) -> SocketAddress {
        try SocketAddress(abstractName: "tocsin-port-\(port)")
    }

    private static func mark(of port: UInt16) throws(SystemError) -> Mark? {
        do throws(SystemError) {
            return Mark(try Socket.listen(on: try markAddress(of: port), sharesPort: false, backlog: 0))
        } catch {
            guard error.code == EADDRINUSE else { throw error }
            return nil
        }
    }

    private static func isFree(_ port: UInt16) throws(SystemError) -> Bool {
        do throws(SystemError) {
            _ = try Socket.listen(on: SocketAddress(loopbackPort: port), sharesPort: false)
            return true
        } catch {
            guard error.code == EADDRINUSE else { throw error }
            return false
        }
    }
}
