import Codecs
import Testing

@testable import WebSocketProtocol

private let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
private let agreedInContext = "permessage-deflate; client_no_context_takeover"

private func answer(
    _ lines: [String], windowBits: ClosedRange<Int> = 15...15, keepsContext: Bool = false
) throws(HandshakeError) -> String? {
    try PermessageDeflate.negotiate(
        offers: lines.map { Array($0.utf8)[...] },
        policy: PermessageDeflate.Policy(serverWindowBits: windowBits, serverKeepsContext: keepsContext)
    )?.headerValue
}

@Suite struct PermessageDeflateTests {
    @Test(
        "RFC 7692 §7.1: the first offer that can be met is accepted; without context by a server that keeps none",
        arguments: [
            (["permessage-deflate"], agreed),
            (["Permessage-Deflate; Client_Max_Window_Bits"], agreed),
            (["permessage-deflate; server_no_context_takeover; client_no_context_takeover"], agreed),
            (["permessage-deflate;client_max_window_bits=10"], agreed),
            (["permessage-deflate; server_max_window_bits=15"], agreed + "; server_max_window_bits=15"),
            (["permessage-deflate; server_max_window_bits=\"15\""], agreed + "; server_max_window_bits=15"),
            (["permessage-deflate; server_max_window_bits=10, permessage-deflate"], agreed),
            (
                ["permessage-deflate; unknown, permessage-deflate; server_max_window_bits=15"],
                agreed + "; server_max_window_bits=15"
            ),
            (["x-webkit-deflate-frame", ", permessage-deflate ,"], agreed),
            (["foo; a=\"b\"; c, permessage-deflate"], agreed),
        ] as [([String], String)])
    func accepts(_ lines: [String], _ expected: String) throws {
        #expect(try answer(lines) == expected)
    }

    @Test(
        "RFC 7692 §7.1.1.1: a server that is able to keeps context, unless the client asks it not to",
        arguments: [
            // Firefox and Safari; Chromium and many libraries; libraries that keep no window; others.
            (["permessage-deflate"], agreedInContext),
            (["permessage-deflate; client_max_window_bits"], agreedInContext),
            (["permessage-deflate; server_no_context_takeover; client_no_context_takeover"], agreed),
            (["permessage-deflate; client_no_context_takeover"], agreedInContext),
            (["permessage-deflate; server_no_context_takeover"], agreed),
            (["permessage-deflate; server_no_context_takeover, permessage-deflate"], agreed),
            (["permessage-deflate; server_max_window_bits=15"], agreedInContext + "; server_max_window_bits=15"),
            (["permessage-deflate; server_max_window_bits=14"], nil),
            (["permessage-deflate; server_max_window_bits=10, permessage-deflate"], agreedInContext),
            (["permessage-deflate; server_max_window_bits=10", "permessage-deflate; unknown"], nil),
        ] as [([String], String?)])
    func keepsContext(_ lines: [String], _ expected: String?) throws {
        #expect(try answer(lines, keepsContext: true) == expected)
    }

    @Test(
        "RFC 7692 §7.1: an offer with an unknown, repeated or invalid parameter is declined",
        arguments: [
            "x-webkit-deflate-frame", "", "permessage-deflate; unknown", "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=7", "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=015", "permessage-deflate; server_max_window_bits=+15",
            "permessage-deflate; server_max_window_bits=10", "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=0x0A", "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=15; server_max_window_bits=15",
        ])
    func declines(_ line: String) throws {
        #expect(try answer([line]) == nil)
    }

    @Test(
        "RFC 6455 §9.1: a header outside the grammar fails the handshake",
        arguments: [
            "permessage-deflate;", "permessage-deflate; a=", "permessage-deflate; a=\"", "permessage-deflate; a=\"\"",
            "permessage-deflate; a=\"b c\"", "; a", "permessage-deflate a", "permessage-deflate=1",
            String(repeating: "a,", count: 40), "a" + String(repeating: ";b", count: 40),
        ])
    func malformed(_ line: String) {
        #expect(throws: HandshakeError.malformedExtensions) { try answer([line]) }
    }

    @Test("RFC 7692 §7.1.2.1: a client gets the window it asks for, as far as the server has it")
    func serverWindows() throws {
        let nine = "permessage-deflate; server_max_window_bits=9"
        #expect(try answer([nine], windowBits: 9...15) == agreed + "; server_max_window_bits=9")
        #expect(try answer([nine], windowBits: 10...12) == nil)
        let thirteen = "permessage-deflate; server_max_window_bits=13"
        #expect(try answer([thirteen], windowBits: 9...15) == agreed + "; server_max_window_bits=13")
        #expect(try answer([thirteen], windowBits: 12...12) == agreed + "; server_max_window_bits=12")
        #expect(try answer(["permessage-deflate; server_max_window_bits=8"], windowBits: 9...15) == nil)
        // A client that names none reads any, so nothing need be said.
        #expect(try answer(["permessage-deflate"], windowBits: 10...12) == agreed)
    }

    @Test("RFC 7692 §7.2.3: the examples decode through the real inflater, in any splits")
    func examples() {
        let inflater = Inflater()
        let inflate: InflateMessage = { (compressed, bytesMax) throws(InflateFailure) in
            do throws(InflateError) {
                return try inflater.inflate(compressed.span, bytesMax: bytesMax)
            } catch {
                switch error {
                case .outputTooLarge: throw .outputTooLarge
                case .corrupt, .truncated: throw .corrupt
                }
            }
        }
        let bytes: [UInt8] =
            [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]  // one block
            + [0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00]  // two fragments
            + [0xc1, 0x0b, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]  // stored
            + [0xc1, 0x08, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]  // BFINAL
            + [0xc1, 0x0d, 0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]  // two blocks
            + [0xc1, 0x01, 0x00]  // nothing
        let hello = WebSocketEvent.text(Array("Hello".utf8))
        expectTranscript(Transcript([hello, hello, hello, hello, hello, .text([])]), of: bytes) {
            MessageDecoder(role: .client, inflater: inflate)
        }
    }
}
