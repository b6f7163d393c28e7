/// Base64 of the SHA-1 of `text`'s bytes. An argument, so that the protocol needs no cryptography of its own.
public typealias AcceptDigest = (_ text: [UInt8]) -> String

/// `Sec-WebSocket-Key` and what answers it (RFC 6455 §1.3 and §4.2.2).
enum HandshakeKey {
    private static let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// The value of `Sec-WebSocket-Accept` that proves the server has read this key.
    static func accept(for key: String, digest: AcceptDigest) -> String {
        digest(Array((key + guid).utf8))
    }

    /// Whether `key` is the Base64 of 16 bytes: 22 digits, of which the last carries two bits only, and two pads.
    static func isValid(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        guard bytes.count == 24, bytes[22] == UInt8(ascii: "="), bytes[23] == UInt8(ascii: "=") else { return false }
        guard bytes[..<21].allSatisfy(isBase64Digit) else { return false }
        return "AQgw".utf8.contains(bytes[21])
    }

    private static func isBase64Digit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }
}
