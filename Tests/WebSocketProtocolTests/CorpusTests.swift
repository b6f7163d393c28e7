import Codecs
import Corpora
import TestSupport
import Testing

@testable import WebSocketProtocol

extension Inflater {
    /// As the server inflates.
    func message(_ compressed: [UInt8], _ bytesMax: Int) throws(InflateFailure) -> [UInt8] {
        do throws(InflateError) {
            return try inflate(compressed.span, bytesMax: bytesMax)
        } catch {
            switch error {
            case .outputTooLarge: throw .outputTooLarge
            case .corrupt, .truncated: throw .corrupt
            }
        }
    }
}

@Suite struct WebSocketCorpusTests {
    @Test(
        "RFC 6455 §5 and §8, RFC 7692 §7.2: every case of the corpus, whole, byte by byte and in random splits",
        arguments: WebSocketCase.all)
    func frames(_ tried: WebSocketCase) {
        let inflater = Inflater()
        for cutting in Cutting.all(seed: TestSeed.value) {
            let decoder =
                tried.isDeflateNegotiated
                ? MessageDecoder(role: .server, inflater: inflater.message) : MessageDecoder(role: .server)
            let transcript = Transcript(cutting.pieces(of: tried.bytes), decoder)
            let messages = transcript.events.compactMap { event -> [UInt8]? in
                switch event {
                case .text(let payload), .binary(let payload): payload
                case .ping, .pong, .close: nil
                }
            }
            #expect(messages == tried.messages, "\(cutting)")
            #expect(outcome(of: transcript) == tried.outcome, "\(cutting)")
        }
    }

    private func outcome(of transcript: Transcript) -> WebSocketCase.Outcome {
        if let error = transcript.error { return .closed(error.closeCode.rawValue) }
        guard case .close(let code, _) = transcript.events.last else { return .open }
        return .closed(code?.rawValue)
    }

    @Test("RFC 6455 §4.2, RFC 7692 §7.1: every handshake of the corpus", arguments: WebSocketHandshakeCase.all)
    func handshakes(_ tried: WebSocketHandshakeCase) {
        do throws(HandshakeError) {
            let acceptance = try ServerHandshake.decide(
                method: tried.method, version: tried.version == "1.1" ? (1, 1) : (1, 0),
                compression: PermessageDeflate.Policy(serverKeepsContext: true),
                header: { tried.values(of: $0).map { Array($0.utf8)[...] } },
                acceptDigest: { Base64.encode(SHA1.hash($0)) })
            #expect(tried.status == 101)
            #expect((acceptance.compression != nil) == tried.isCompressed)
            #expect((acceptance.compression?.serverKeepsContext ?? false) == tried.keepsContext)
            if tried.values(of: "Sec-WebSocket-Key") == [WebSocketHandshakeCase.key] {
                #expect(acceptance.accept == WebSocketHandshakeCase.accept)
            }
            let agreed = acceptance.compression?.headerValue ?? "client_no_context_takeover"
            #expect(agreed.contains("client_no_context_takeover"), "no context is kept to inflate with")
        } catch {
            #expect(error.status == tried.status)
            #expect(error.headers.contains { $0 == ("Sec-WebSocket-Version", "13") } == (error.status == 426))
        }
    }
}
