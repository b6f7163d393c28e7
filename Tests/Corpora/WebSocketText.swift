/// Text that is and is not UTF-8 (RFC 6455 §8.1, RFC 3629 §4).
extension WebSocketCase {
    /// Bytes that no continuation can make text.
    static let brokenTexts: [[UInt8]] = [
        [0x80], [0xBF], [0x61, 0x80], [0xC0, 0x80], [0xC1, 0xBF],  // lone continuations, overlong ASCII
        [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],  // overlong
        [0xED, 0xA0, 0x80], [0xED, 0xAF, 0xBF], [0xED, 0xB0, 0x80], [0xED, 0xBF, 0xBF],  // surrogates
        [0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80],  // a pair of them
        [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF],
        [0xC3, 0x28], [0xE2, 0x28, 0xA1], [0xE2, 0x82, 0x28], [0xF0, 0x28, 0x8C, 0xBC], [0xF0, 0x9F, 0x28, 0x80],
        [0xF0, 0x9F, 0x98, 0x28], [0xE2, 0xC3, 0xA4], [0xC3, 0xC3, 0xA4],
    ]

    /// Beginnings of a character that lack its end.
    static let unfinishedTexts: [[UInt8]] = [
        [0xC3], [0xE2], [0xE2, 0x82], [0xED, 0x9F], [0xF0], [0xF0, 0x9F], [0xF0, 0x9F, 0x98], [0xF4, 0x8F, 0xBF],
    ]

    private static let wholeTexts: [[UInt8]] = [
        [0x00], [0x7F], [0xC2, 0x80], [0xDF, 0xBF], [0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF], [0xEE, 0x80, 0x80],
        [0xEF, 0xBF, 0xBD], [0xEF, 0xBF, 0xBE], [0xEF, 0xBF, 0xBF], [0xEF, 0xBB, 0xBF], [0xF0, 0x90, 0x80, 0x80],
        [0xF4, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98, 0x80], Array("κόσμε 😀 end".utf8),
    ]

    static let text: [WebSocketCase] = broken + unfinished + whole

    /// Alone, behind other text, cut at each place, and known before the message ends.
    private static let broken: [WebSocketCase] = brokenTexts.flatMap { bytes in
        [
            WebSocketCase("§8.1: \(bytes) in one frame", WireFrame.bytes(WireFrame.text, bytes), .closed(1007)),
            WebSocketCase(
                "§8.1: \(bytes) behind a long text",
                WireFrame.bytes(WireFrame.text, [UInt8](repeating: 0x61, count: 70) + bytes), .closed(1007)),
            WebSocketCase(
                "§8.1: \(bytes) before the message ends",
                WireFrame.bytes(WireFrame.text, bytes, fin: false), .closed(1007)),
            WebSocketCase(
                "§8.1: \(bytes) in a frame that has not ended",
                Array(WireFrame.bytes(WireFrame.text, bytes + [UInt8](repeating: 0x61, count: 40)).dropLast(30)),
                .closed(1007)),
            WebSocketCase(
                "§5.6: \(bytes) as binary", WireFrame.bytes(WireFrame.binary, bytes), .open, messages: [bytes]),
        ] + cut(bytes, .closed(1007))
    }

    private static let unfinished: [WebSocketCase] = unfinishedTexts.flatMap { bytes in
        [
            WebSocketCase(
                "§8.1: \(bytes) ends within a character", WireFrame.bytes(WireFrame.text, bytes), .closed(1007)),
            WebSocketCase(
                "§8.1: \(bytes) may go on in the next fragment",
                WireFrame.bytes(WireFrame.text, bytes, fin: false), .open),
            WebSocketCase(
                "§8.1: \(bytes) ends within a character, in an empty last fragment",
                WireFrame.bytes(WireFrame.text, bytes, fin: false) + WireFrame.bytes(WireFrame.continuation),
                .closed(1007)),
        ] + cut(bytes, .closed(1007))
    }

    private static let whole: [WebSocketCase] = wholeTexts.flatMap { bytes in
        [
            WebSocketCase(
                "§8.1: \(bytes) is text", WireFrame.bytes(WireFrame.text, bytes), .open, messages: [bytes])
        ] + cut(bytes, .open)
    }

    /// In two fragments, cut at each place, with a ping between them.
    private static func cut(_ bytes: [UInt8], _ outcome: Outcome) -> [WebSocketCase] {
        (0...bytes.count).map { place in
            WebSocketCase(
                "§8.1: \(bytes) cut at \(place)",
                WireFrame.bytes(WireFrame.text, Array(bytes[..<place]), fin: false) + WireFrame.bytes(WireFrame.ping)
                    + WireFrame.bytes(WireFrame.continuation, Array(bytes[place...])),
                outcome, messages: outcome == .open ? [bytes] : [])
        }
    }
}
