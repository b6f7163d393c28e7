/// Compressed messages (RFC 7692 §6 and §7.2), without context takeover.
extension WebSocketCase {
    private static let hello = octets("Hello")
    /// RFC 7692 §7.2.3.1.
    private static let helloBlock: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]

    static let deflated: [WebSocketCase] = wellFormed + misplaced + broken + large

    private static func deflate(
        _ name: String, _ payload: [UInt8], _ outcome: Outcome, message: [UInt8]? = nil
    ) -> WebSocketCase {
        WebSocketCase(
            name, WireFrame.bytes(WireFrame.text, payload, rsv: 4), outcome, messages: message.map { [$0] } ?? [],
            deflate: true)
    }

    private static let wellFormed: [WebSocketCase] =
        [
            deflate("RFC 7692 §7.2.3.1: one block", helloBlock, .open, message: hello),
            deflate(
                "RFC 7692 §7.2.3.3: a block without compression",
                [0x00, 0x05, 0x00, 0xFA, 0xFF] + hello + [0x00], .open, message: hello),
            deflate(
                "RFC 7692 §7.2.3.4: a block with BFINAL",
                [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], .open, message: hello),
            deflate(
                "RFC 7692 §7.2.3.4: a block with BFINAL and nothing behind it",
                [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], .open, message: hello),
            deflate(
                "RFC 7692 §7.2.3.5: two blocks",
                [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00], .open, message: hello),
            deflate("RFC 7692 §7.2.3.6: an empty message", [0x00], .open, message: []),
            deflate("RFC 7692 §7.2.3.6: an empty message, final", [0x03, 0x00], .open, message: []),
            deflate("RFC 7692 §7.2.2: a payload of no bytes", [], .open, message: []),
            deflate(
                "RFC 7692 §7.2.1: the tail was left on", helloBlock + [0x00, 0x00, 0xFF, 0xFF], .open, message: hello),
            WebSocketCase(
                "RFC 7692 §6: an uncompressed message in between",
                WireFrame.bytes(WireFrame.text, helloBlock, rsv: 4) + WireFrame.bytes(WireFrame.text, "plain")
                    + WireFrame.bytes(WireFrame.binary, helloBlock, rsv: 4),
                .open, messages: [hello, octets("plain"), hello], deflate: true),
        ]
        + (0...helloBlock.count).map { place in
            WebSocketCase(
                "RFC 7692 §7.2.3.2: fragments cut at \(place), with a ping between",
                WireFrame.bytes(WireFrame.text, Array(helloBlock[..<place]), fin: false, rsv: 4)
                    + WireFrame.bytes(WireFrame.ping, "x")
                    + WireFrame.bytes(WireFrame.continuation, Array(helloBlock[place...])),
                .open, messages: [hello], deflate: true)
        }

    private static let misplaced: [WebSocketCase] =
        [
            WebSocketCase(
                "RFC 7692 §6.1: RSV1 on a continuation",
                WireFrame.bytes(WireFrame.text, helloBlock, fin: false, rsv: 4)
                    + WireFrame.bytes(WireFrame.continuation, rsv: 4), .closed(1002), deflate: true),
            WebSocketCase(
                "RFC 7692 §6.1: RSV1 on the continuation of an uncompressed message",
                WireFrame.bytes(WireFrame.text, "a", fin: false)
                    + WireFrame.bytes(WireFrame.continuation, helloBlock, rsv: 4), .closed(1002), deflate: true),
        ]
        + [WireFrame.close, WireFrame.ping, WireFrame.pong].map { opcode in
            WebSocketCase(
                "RFC 7692 §6.1: RSV1 on opcode \(opcode)", WireFrame.bytes(opcode, rsv: 4), .closed(1002), deflate: true
            )
        }
        + [1, 2, 3, 5, 6, 7].map { rsv in
            WebSocketCase(
                "RFC 6455 §5.2: RSV \(rsv) although only RSV1 has a meaning",
                WireFrame.bytes(WireFrame.text, helloBlock, rsv: rsv), .closed(1002), deflate: true)
        }

    /// 1007 (RFC 6455 §7.4.1: data not consistent with the type of the message); RFC 7692 names no code.
    private static let broken: [WebSocketCase] =
        [
            deflate("RFC 7692 §7.2.2: a reserved block type", [0x07], .closed(1007)),
            deflate("RFC 7692 §7.2.2: no DEFLATE", [0xFF, 0xFF, 0xFF, 0xFF], .closed(1007)),
            deflate("RFC 7692 §7.2.2: text as it is", octets("Hello"), .closed(1007)),
            deflate(
                "RFC 7692 §7.2.2: lengths of a stored block that contradict each other",
                [0x00, 0x05, 0x00, 0x05, 0x00] + hello, .closed(1007)),
            deflate(
                "RFC 7692 §7.2.2: a stored block that lacks its end", [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48],
                .closed(1007)),
            deflate(
                "RFC 7692 §7.1.1.2: a reference into the last message", [0xF2, 0x00, 0x11, 0x00, 0x00], .closed(1007)),
            deflate("RFC 6455 §8.1: not UTF-8 once inflated", stored([0xC3, 0x28]), .closed(1007)),
            deflate("RFC 6455 §8.1: ends within a character once inflated", stored([0x61, 0xE2, 0x82]), .closed(1007)),
        ]
        + (1..<helloBlock.count - 1).map { count in
            deflate(
                "RFC 7692 §7.2.2: \(count) of \(helloBlock.count) bytes", Array(helloBlock[..<count]), .closed(1007))
        }

    private static let large: [WebSocketCase] = [
        deflate(
            "RFC 7692 §8: inflates to the limit", run(matches: 254), .open,
            message: [UInt8](repeating: 0x61, count: 1 + 254 * 258)),
        deflate("RFC 7692 §8: inflates beyond the limit", run(matches: 255), .closed(1009)),
        deflate("RFC 7692 §8: inflates to a MiB", run(matches: 4_065), .closed(1009)),
        deflate(
            "RFC 7692 §7.2.1: data that does not compress, of the largest size",
            stored([UInt8](repeating: 0x61, count: 65_535), more: [0x61]), .open,
            message: [UInt8](repeating: 0x61, count: 65_536)),
        WebSocketCase(
            "RFC 7692 §8: a compressed message that is too large when it is announced",
            [0xC2] + WireFrame.bytes(WireFrame.binary, length: .declared(70_000)).dropFirst(), .closed(1009),
            deflate: true),
    ]

    /// Blocks without compression; each holds at most 65,535 bytes.
    private static func stored(_ bytes: [UInt8], more: [UInt8] = []) -> [UInt8] {
        let blocks = more.isEmpty ? [bytes] : [bytes, more]
        let encoded = blocks.flatMap { block -> [UInt8] in
            let count = UInt16(block.count)
            let lengths = [count, ~count].flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
            return [0x00] + lengths + block
        }
        return encoded + [0x00]
    }

    /// One block of fixed codes (RFC 1951 §3.2.6): the letter a, then copies of 258 bytes from one byte back. Each
    /// takes 13 bits.
    private static func run(matches: Int) -> [UInt8] {
        var writer = BitWriter()
        writer.append(0b010, count: 3)
        writer.appendCode(0x30 + 0x61, count: 8)
        for _ in 0..<matches {
            writer.appendCode(0b1100_0101, count: 8)
            writer.appendCode(0, count: 5)
        }
        writer.appendCode(0, count: 7)
        writer.append(0, count: 3)
        return writer.bytes
    }
}

/// Packs bits as DEFLATE does (RFC 1951 §3.1.1).
private struct BitWriter {
    var bytes: [UInt8] = []
    private var used = 8

    /// From the lowest bit on.
    mutating func append(_ value: Int, count: Int) {
        for place in 0..<count {
            if used == 8 {
                bytes.append(0)
                used = 0
            }
            bytes[bytes.count - 1] |= UInt8(value >> place & 1) << used
            used += 1
        }
    }

    /// A Huffman code, from the highest bit on.
    mutating func appendCode(_ code: Int, count: Int) {
        for place in (0..<count).reversed() { append(code >> place & 1, count: 1) }
    }
}
