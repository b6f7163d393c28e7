import HTTPProtocol
import PosixIO

/// The path before the replica's own, of a proxy that takes it away: `/soc` where `/soc/api/threats` is asked for as
/// `/api/threats`.
enum ForwardedPrefix {
    /// Reads the value of `X-Forwarded-Prefix`.
    /// - Returns: The prefix without a final slash; `nil` for anything but an absolute path of unreserved characters
    ///   (RFC 3986 §2.3) without empty and dot segments. What begins with two slashes would name another host in a
    ///   `Location`.
    static func parse(_ value: ArraySlice<UInt8>) -> String? {
        let slash = UInt8(ascii: "/")
        let path = value.last == slash ? value.dropLast() : value
        guard !path.isEmpty else { return value.isEmpty ? nil : "" }
        guard path.first == slash else { return nil }
        for segment in path.dropFirst().split(separator: slash, omittingEmptySubsequences: false) {
            let isEmptyOrDots = segment.count <= 2 && segment.allSatisfy { $0 == UInt8(ascii: ".") }
            guard !isEmptyOrDots, segment.allSatisfy(isUnreserved) else { return nil }
        }
        return String(decoding: path, as: UTF8.self)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
        default: false
        }
    }
}

extension EventLoop {
    /// What stands before the paths of this request's answer: nothing, or what a trusted proxy has said in one
    /// `X-Forwarded-Prefix`. A wrong one counts as none.
    func pathPrefix(of request: HTTPRequest, _ ticket: ResponseTicket) -> String {
        guard let value = request.headers.onlyBytes("x-forwarded-prefix"), let prefix = ForwardedPrefix.parse(value),
            let connection = connections.find(ticket.connection),
            let peer = Socket.peerAddress(connection.pointee.socket),
            shared.configuration.trustedProxies.contain(peer)
        else { return "" }
        return prefix
    }
}
