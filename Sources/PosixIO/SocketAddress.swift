import Glibc

/// Where a socket listens or connects: an IP address and port, or a Unix path.
public struct SocketAddress: Sendable, CustomStringConvertible {
    private var storage: sockaddr_storage
    private let length: socklen_t

    /// A Unix domain address (unix(7)).
    /// - Parameter unixPath: At most 107 bytes.
    public init(unixPath: String) throws(SystemError) {
        self.init(copying: try Self.unixAddress(Array(unixPath.utf8)))
    }

    /// A name that has no file and goes with the socket bound to it (unix(7)).
    /// - Parameter abstractName: At most 106 bytes.
    init(abstractName: String) throws(SystemError) {
        // The length of an abstract name counts: here all of them have the whole field's, filled up with zeros.
        self.init(copying: try Self.unixAddress(Array(abstractName.utf8), offset: 1))
    }

    /// A port of 127.0.0.1.
    init(loopbackPort port: UInt16) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        self.init(copying: address)
    }

    private static func unixAddress(_ bytes: [UInt8], offset: Int = 0) throws(SystemError) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard offset + bytes.count < MemoryLayout.size(ofValue: address.sun_path), !bytes.contains(0) else {
            throw SystemError(code: ENAMETOOLONG, operation: "unix socket path")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { path in
            UnsafeMutableRawBufferPointer(rebasing: path[offset...]).copyBytes(from: bytes)
        }
        return address
    }

    private init(copying address: some BitwiseCopyable) {
        storage = sockaddr_storage()
        // SAFETY: sockaddr_storage is larger than any socket address and aligned for all (POSIX <sys/socket.h>).
        withUnsafeMutableBytes(of: &storage) { target in
            withUnsafeBytes(of: address) { target.copyMemory(from: $0) }
        }
        length = socklen_t(MemoryLayout.size(ofValue: address))
    }

    init(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
        storage = sockaddr_storage()
        self.length = min(length, socklen_t(MemoryLayout<sockaddr_storage>.size))
        // SAFETY: the caller's address is `length` bytes long; no more is copied than the storage holds.
        withUnsafeMutableBytes(of: &storage) { target in
            target.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(self.length)))
        }
    }

    /// Looks a host up (getaddrinfo(3)). Blocks while a name server is asked; never for a literal address.
    /// - Throws: An error whose text is the resolver's own.
    public static func resolve(host: String, port: UInt16) throws(ResolveError) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else {
            throw ResolveError(host: host, reason: String(cString: gai_strerror(status)))
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        // SAFETY: the list is ours until freeaddrinfo above; every address in it is copied.
        var next = list
        while let entry = next {
            if let address = entry.pointee.ai_addr {
                addresses.append(SocketAddress(address, length: entry.pointee.ai_addrlen))
            }
            next = entry.pointee.ai_next
        }
        return addresses
    }

    public var family: Int32 { Int32(storage.ss_family) }

    /// Whether only this machine can reach it.
    public var isLoopback: Bool {
        switch family {
        case AF_UNIX: return true
        case AF_INET: return hostText.hasPrefix("127.")
        case AF_INET6: return hostText == "::1"
        default: return false
        }
    }

    /// Names the peer's network, to count what comes from it: an IPv4 address, also when mapped into IPv6, or the /64
    /// of an IPv6 address, which one customer has whole (RFC 6177). 0 for a Unix address.
    public var sourceKey: UInt64 {
        withUnsafeBytes(of: storage) { bytes in
            func number(_ range: Range<Int>) -> UInt64 {
                bytes[range].reduce(0) { $0 << 8 | UInt64($1) }
            }
            switch family {
            case AF_INET: return number(4..<8)
            case AF_INET6:
                let isMapped = number(8..<16) == 0 && number(16..<20) == 0xFFFF
                return isMapped ? number(20..<24) : number(8..<16)
            default: return 0
            }
        }
    }

    /// The address in 16 bytes, upper and lower half, an IPv4 address as it lies within IPv6 (RFC 4291 §2.5.5.2); `nil`
    /// for a Unix address.
    var ipv6Halves: (high: UInt64, low: UInt64)? {
        withUnsafeBytes(of: storage) { bytes in
            func number(_ range: Range<Int>) -> UInt64 {
                bytes[range].reduce(0) { $0 << 8 | UInt64($1) }
            }
            return switch family {
            case AF_INET: (0, 0xFFFF << 32 | number(4..<8))
            case AF_INET6: (number(8..<16), number(16..<24))
            default: nil
            }
        }
    }

    /// 0 for a Unix address.
    public var port: UInt16 {
        withUnsafeBytes(of: storage) { bytes in
            family == AF_UNIX ? 0 : UInt16(bytes[2]) << 8 | UInt16(bytes[3])
        }
    }

    /// `127.0.0.1:8000`, `[::1]:8000` or `unix`.
    public var description: String {
        switch family {
        case AF_UNIX: "unix"
        case AF_INET6: "[\(hostText)]:\(port)"
        default: "\(hostText):\(port)"
        }
    }

    /// The address without its port, as text.
    public var hostText: String {
        withPointer { address, length in
            var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            guard getnameinfo(address, length, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0 else {
                return ""
            }
            return String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafeBytes(of: storage) { bytes in
            guard let base = bytes.baseAddress else { preconditionFailure("a struct has an address") }
            // SAFETY: the pointer is used only inside this closure, while the copy of the storage lives.
            return body(base.assumingMemoryBound(to: sockaddr.self), length)
        }
    }
}

/// A host name that could not be looked up.
public struct ResolveError: Error, Sendable, CustomStringConvertible {
    public let host: String
    public let reason: String

    public var description: String { "\(host): \(reason)" }
}
