/// Base64 of the SHA-1 of `text`'s bytes. An argument, so that the protocol needs no cryptography of its own.
public typealias AcceptDigest = (_ text: [UInt8]) -> String

/// `Sec-WebSocket-Key` and what answers it (RFC 6455 §1.3 and §4.2.2).
enum HandshakeKey {
    private static let guid = Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)

    /// The value of `Sec-WebSocket-Accept` that proves the server has read this key.
    static func accept(for key: some Collection<UInt8>, digest: AcceptDigest) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(key.count + guid.count)
        text += key
        text += guid
        return digest(text)
    }

    /// Whether `key` is the Base64 of 16 bytes: 22 digits, of which the last carries two bits only, and two pads.
    static func isValid(_ key: ArraySlice<UInt8>) -> Bool {
        guard key.count == 24, key.suffix(2).allSatisfy({ $0 == UInt8(ascii: "=") }) else { return false }
        guard key.prefix(21).allSatisfy(isBase64Digit) else { return false }
        return "AQgw".utf8.contains(key[key.startIndex + 21])
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
