/// Close frames (RFC 6455 §5.5.1 and §7.4).
extension WebSocketCase {
    static let closing: [WebSocketCase] = allowedCodes + forbiddenCodes + payloads + afterwards

    private static let allowedCodes: [WebSocketCase] = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4001, 4999,
    ].map { code in
        WebSocketCase("§7.4.1: close code \(code) is answered with itself", WireFrame.closing(code), .closed(code))
    }

    private static let forbiddenCodes: [WebSocketCase] = [
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32_768, 65_535,
    ].flatMap { code in
        [
            WebSocketCase("§7.4: close code \(code) must not be sent", WireFrame.closing(code), .closed(1002)),
            WebSocketCase(
                "§7.4: close code \(code) must not be sent, with a reason",
                WireFrame.closing(code, reason: octets("reason")), .closed(1002)),
        ]
    }

    private static let payloads: [WebSocketCase] =
        [
            WebSocketCase("§5.5.1: no payload", WireFrame.bytes(WireFrame.close), .closed(nil)),
            WebSocketCase("§5.5.1: a payload of one byte", WireFrame.bytes(WireFrame.close, [3]), .closed(1002)),
            WebSocketCase(
                "§5.5.1: a reason", WireFrame.closing(1000, reason: Array("good bye, κόσμε".utf8)), .closed(1000)),
            WebSocketCase(
                "§5.5.1: a reason of 123 bytes",
                WireFrame.closing(1000, reason: [UInt8](repeating: 0x61, count: 123)), .closed(1000)),
            WebSocketCase(
                "§5.5: a reason of 124 bytes",
                WireFrame.closing(1000, reason: [UInt8](repeating: 0x61, count: 124)), .closed(1002)),
        ]
        + brokenTexts.map { broken in
            WebSocketCase(
                "§8.1: a reason that is no text, \(broken)", WireFrame.closing(1000, reason: broken), .closed(1007))
        }

    private static let afterwards: [WebSocketCase] = [
        WebSocketCase(
            "§5.5.1: a message after Close is not read",
            WireFrame.closing(1000) + WireFrame.bytes(WireFrame.text, "late"), .closed(1000)),
        WebSocketCase(
            "§5.5.1: a ping after Close is not answered",
            WireFrame.closing(1000) + WireFrame.bytes(WireFrame.ping, "late"), .closed(1000)),
        WebSocketCase(
            "§5.5.1: a second Close", WireFrame.closing(1000) + WireFrame.closing(1001), .closed(1000)),
        WebSocketCase(
            "§5.5.1: garbage after Close", WireFrame.closing(1001) + [UInt8](repeating: 0xFF, count: 64),
            .closed(1001)),
        WebSocketCase(
            "§5.5.1: a message before Close",
            WireFrame.bytes(WireFrame.text, "in time") + WireFrame.closing(1000), .closed(1000),
            messages: [octets("in time")]),
    ]
}
