/// Frames (RFC 6455 §5).
extension WebSocketCase {
    static let headers: [WebSocketCase] = reservedOpcodes + reservedBits + unmasked

    private static let reservedOpcodes: [WebSocketCase] = [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF].flatMap { opcode in
        [
            WebSocketCase("§5.2: opcode \(opcode) is reserved", WireFrame.bytes(opcode), .closed(1002)),
            WebSocketCase(
                "§5.2: opcode \(opcode) is reserved, with a payload", WireFrame.bytes(opcode, "abc"), .closed(1002)),
            WebSocketCase(
                "§5.2: opcode \(opcode) is reserved between fragments",
                WireFrame.bytes(WireFrame.text, "a", fin: false) + WireFrame.bytes(opcode), .closed(1002)),
        ]
    }

    private static let reservedBits: [WebSocketCase] = [1, 2, 3, 4, 5, 6, 7].flatMap { rsv in
        [WireFrame.text, WireFrame.binary, WireFrame.ping, WireFrame.pong, WireFrame.close].map { opcode in
            WebSocketCase(
                "§5.2: RSV \(rsv) on opcode \(opcode) without an extension",
                WireFrame.bytes(opcode, rsv: rsv), .closed(1002))
        } + [
            WebSocketCase(
                "§5.2: RSV \(rsv) on a continuation",
                WireFrame.bytes(WireFrame.text, "a", fin: false)
                    + WireFrame.bytes(WireFrame.continuation, rsv: rsv), .closed(1002)),
            WebSocketCase(
                "§5.2: a message before RSV \(rsv) is delivered",
                WireFrame.bytes(WireFrame.text, "first") + WireFrame.bytes(WireFrame.text, rsv: rsv),
                .closed(1002), messages: [octets("first")]),
        ]
    }

    private static let unmasked: [WebSocketCase] =
        [
            WireFrame.continuation, WireFrame.text, WireFrame.binary, WireFrame.close, WireFrame.ping, WireFrame.pong,
        ].flatMap { opcode in
            [[], octets("hello"), [UInt8](repeating: 0x61, count: 300)].map { payload in
                WebSocketCase(
                    "§5.1: opcode \(opcode) unmasked, \(payload.count) bytes",
                    WireFrame.bytes(opcode, payload, masked: false), .closed(1002))
            }
        } + [
            WebSocketCase(
                "§5.1: an unmasked continuation of a masked frame",
                WireFrame.bytes(WireFrame.text, "a", fin: false)
                    + WireFrame.bytes(WireFrame.continuation, octets("b"), masked: false), .closed(1002))
        ]

    static let lengths: [WebSocketCase] =
        [0, 1, 125, 126, 127, 128, 65_535, 65_536].map { count in
            let payload = [UInt8](repeating: 0x61, count: count)
            return WebSocketCase(
                "§5.2: a message of \(count) bytes", WireFrame.bytes(WireFrame.text, payload), .open,
                messages: [payload])
        }
        + [0, 1, 125].flatMap { count in
            [WireFrame.Length.two, .eight].map { length in
                WebSocketCase(
                    "§5.2: \(count) bytes declared in \(length)",
                    WireFrame.bytes(WireFrame.text, [UInt8](repeating: 0x61, count: count), length: length),
                    .closed(1002))
            }
        }
        + [126, 65_535].map { count in
            WebSocketCase(
                "§5.2: \(count) bytes declared in eight",
                WireFrame.bytes(WireFrame.binary, [UInt8](repeating: 0x61, count: count), length: .eight),
                .closed(1002))
        }
        + [1 << 63, 1 << 63 | 1, .max].map { count in
            WebSocketCase(
                "§5.2: the most significant bit of the length is set, \(count)",
                WireFrame.bytes(WireFrame.binary, length: .declared(count)), .closed(1002))
        }
        + [65_537, 1 << 20, 1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1].map { count in
            WebSocketCase(
                "§7.4.1: a message of \(count) bytes is refused when it is announced",
                WireFrame.bytes(WireFrame.binary, length: .declared(count)), .closed(1009))
        }
        + [
            WebSocketCase(
                "§7.4.1: fragments that add up to more than the limit are refused when that is announced",
                WireFrame.bytes(WireFrame.binary, [UInt8](repeating: 1, count: 60_000), fin: false)
                    + WireFrame.bytes(WireFrame.continuation, [UInt8](repeating: 1, count: 5_537)).prefix(8),
                .closed(1009)),
            WebSocketCase(
                "§7.4.1: fragments that add up to the limit",
                WireFrame.bytes(WireFrame.binary, [UInt8](repeating: 1, count: 60_000), fin: false)
                    + WireFrame.bytes(WireFrame.continuation, [UInt8](repeating: 1, count: 5_536)),
                .open, messages: [[UInt8](repeating: 1, count: 65_536)]),
        ]

    static let control: [WebSocketCase] =
        [WireFrame.close, WireFrame.ping, WireFrame.pong].flatMap { opcode in
            [
                WebSocketCase(
                    "§5.5: opcode \(opcode) fragmented", WireFrame.bytes(opcode, fin: false), .closed(1002)),
                WebSocketCase(
                    "§5.5: opcode \(opcode) with 126 bytes",
                    WireFrame.bytes(opcode, [UInt8](repeating: 0x61, count: 126)), .closed(1002)),
                WebSocketCase(
                    "§5.5: opcode \(opcode) with 65,536 bytes, announced",
                    WireFrame.bytes(opcode, length: .declared(65_536)), .closed(1002)),
                WebSocketCase(
                    "§5.5: opcode \(opcode) with a short length in two bytes",
                    WireFrame.bytes(opcode, [3, 0xE8], length: .two), .closed(1002)),
            ]
        } + [
            WebSocketCase(
                "§5.5.2: a ping of 125 bytes", WireFrame.bytes(WireFrame.ping, [UInt8](repeating: 0xFF, count: 125)),
                .open),
            WebSocketCase("§5.5.2: an empty ping", WireFrame.bytes(WireFrame.ping), .open),
            WebSocketCase("§5.5.3: a pong nobody asked for", WireFrame.bytes(WireFrame.pong, "unsolicited"), .open),
            WebSocketCase(
                "§5.5.2: ten pings in one write",
                (0..<10).flatMap { WireFrame.bytes(WireFrame.ping, [UInt8($0)]) }, .open),
        ]

    static let fragments: [WebSocketCase] = [
        WebSocketCase(
            "§5.4: a continuation of nothing", WireFrame.bytes(WireFrame.continuation, "a"), .closed(1002)),
        WebSocketCase(
            "§5.4: a continuation of nothing, unfinished",
            WireFrame.bytes(WireFrame.continuation, "a", fin: false), .closed(1002)),
        WebSocketCase(
            "§5.4: a continuation of a finished message",
            WireFrame.bytes(WireFrame.text, "a") + WireFrame.bytes(WireFrame.continuation, "b"), .closed(1002),
            messages: [octets("a")]),
        WebSocketCase(
            "§5.4: a continuation after the last fragment",
            WireFrame.bytes(WireFrame.text, "a", fin: false) + WireFrame.bytes(WireFrame.continuation, "b")
                + WireFrame.bytes(WireFrame.continuation, "c"), .closed(1002), messages: [octets("ab")]),
        WebSocketCase(
            "§5.4: text inside a fragmented message",
            WireFrame.bytes(WireFrame.text, "a", fin: false) + WireFrame.bytes(WireFrame.text, "b"), .closed(1002)),
        WebSocketCase(
            "§5.4: binary inside a fragmented text",
            WireFrame.bytes(WireFrame.text, "a", fin: false) + WireFrame.bytes(WireFrame.binary, "b", fin: false),
            .closed(1002)),
        WebSocketCase(
            "§5.4: text inside a fragmented binary, after a ping",
            WireFrame.bytes(WireFrame.binary, "a", fin: false) + WireFrame.bytes(WireFrame.ping)
                + WireFrame.bytes(WireFrame.text, "b"), .closed(1002)),
        WebSocketCase(
            "§5.4: control frames between fragments",
            WireFrame.bytes(WireFrame.text, "a", fin: false) + WireFrame.bytes(WireFrame.ping, "x")
                + WireFrame.bytes(WireFrame.continuation, "b", fin: false) + WireFrame.bytes(WireFrame.pong, "y")
                + WireFrame.bytes(WireFrame.continuation, "c"), .open, messages: [octets("abc")]),
        WebSocketCase(
            "§5.4: a Close frame between fragments",
            WireFrame.bytes(WireFrame.text, "a", fin: false) + WireFrame.closing(1000), .closed(1000)),
        WebSocketCase(
            "§5.4: empty fragments",
            WireFrame.bytes(WireFrame.text, "", fin: false) + WireFrame.bytes(WireFrame.continuation, "", fin: false)
                + WireFrame.bytes(WireFrame.continuation, ""), .open, messages: [[]]),
        WebSocketCase(
            "§5.4: 4,096 fragments",
            WireFrame.bytes(WireFrame.text, "", fin: false)
                + (0..<4094).flatMap { _ in WireFrame.bytes(WireFrame.continuation, "", fin: false) }
                + WireFrame.bytes(WireFrame.continuation, "end"), .open, messages: [octets("end")]),
        WebSocketCase(
            "§7.4.1: 4,097 fragments",
            WireFrame.bytes(WireFrame.text, "", fin: false)
                + (0..<4096).flatMap { _ in WireFrame.bytes(WireFrame.continuation, "", fin: false) },
            .closed(1008)),
    ]
}
