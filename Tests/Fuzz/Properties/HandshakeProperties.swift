import Codecs
import WebSocketProtocol

/// Opening handshakes. The input is a head: a first line of method and version (or a status line), then header lines.
enum HandshakeProperties {
    static func check(_ input: [UInt8]) {
        checkServer(input)
        checkClient(input)
    }

    private static func digest(_ text: [UInt8]) -> String { Base64.encode(SHA1.hash(text)) }

    // MARK: The server's half

    private static func checkServer(_ input: [UInt8]) {
        let lines = String(decoding: input, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first else { return }
        let words = first.split(separator: " ")
        let headers = lines.dropFirst().compactMap { line -> (name: String, value: String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (line[..<colon].lowercased(), String(line[line.index(after: colon)...]))
        }
        let values = { (name: String) in headers.filter { $0.name == name.lowercased() }.map(\.value) }
        let method = words.first.map(String.init) ?? ""
        let version = words.count > 1 && words[1] == "HTTP/1.0" ? (1, 0) : (1, 1)
        for (windows, keepsContext) in [(8...15, false), (10...12, false), (15...15, true)] {
            let policy = PermessageDeflate.Policy(serverWindowBits: windows, serverKeepsContext: keepsContext)
            do throws(HandshakeError) {
                let acceptance = try ServerHandshake.decide(
                    method: method, version: version, compression: policy,
                    header: { values($0).map { Array($0.utf8)[...] } }, acceptDigest: digest)
                expect(method == "GET" && version == (1, 1), "only a GET of HTTP/1.1 becomes a WebSocket")
                checkAccepted(acceptance, policy, key: values("Sec-WebSocket-Key"))
            } catch {
                expect([400, 405, 426].contains(error.status), "a refused request is answered 400, 405 or 426")
                expect(!error.detail.isEmpty, "a refusal says why")
            }
        }
        checkNegotiation(values("Sec-WebSocket-Extensions"))
    }

    private static func checkAccepted(
        _ acceptance: ServerHandshake.Acceptance, _ policy: PermessageDeflate.Policy, key: [String]
    ) {
        expect(key.count == 1, "a key stands once")
        let text = key[0].filter { $0 != " " && $0 != "\t" }
        expect(text.utf8.count == 24, "a key has 24 characters")
        expectEqual(
            acceptance.accept, digest(Array((text + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)),
            "the answer proves that the key was read")
        if let agreed = acceptance.compression { check(agreed, policy) }
        let response = acceptance.response()
        do throws(HandshakeError) {
            guard let (decoded, length) = try UpgradeResponse.decode(response) else {
                fatalError("property broken: our response is whole")
            }
            expectEqual(length, response.count, "our response ends where frames begin")
            expectEqual(decoded.status, 101, "an accepted request is answered 101")
            guard acceptance.compression == nil else { return }
            let client = ClientHandshake(host: "h", target: "/", key: text)
            _ = try client.check(decoded, acceptDigest: digest)
        } catch {
            fatalError("property broken: our client takes our server's response, but: \(error)")
        }
    }

    private static func check(_ agreed: PermessageDeflate.Agreement, _ policy: PermessageDeflate.Policy) {
        for bits in [agreed.serverWindowBits, agreed.clientWindowBits].compactMap({ $0 }) {
            expect((8...15).contains(bits), "a window has 8 to 15 bits")
        }
        let isAble = agreed.serverWindowBits.map(policy.serverWindowBits.contains) ?? true
        expect(isAble, "the server can compress with the window it names")
        expect(policy.serverKeepsContext || !agreed.serverKeepsContext, "only who is able to keeps context")
        do throws(HandshakeError) {
            _ = try PermessageDeflate.negotiate(offers: [Array(agreed.headerValue.utf8)[...]])
        } catch {
            fatalError("property broken: what we answer follows the grammar that we read")
        }
    }

    /// Lines of one header are one list (RFC 9110 §5.3).
    private static func checkNegotiation(_ lines: [String]) {
        func outcome(_ lines: [String]) -> Result<PermessageDeflate.Agreement?, HandshakeError> {
            do throws(HandshakeError) {
                return .success(try PermessageDeflate.negotiate(offers: lines.map { Array($0.utf8)[...] }))
            } catch {
                return .failure(error)
            }
        }
        expectEqual(
            outcome([lines.joined(separator: ",")]), outcome(lines), "several lines are one list, joined by commas")
    }

    // MARK: The client's half

    private static func checkClient(_ input: [UInt8]) {
        let headBytesMax = 1_024
        var found: (response: UpgradeResponse, length: Int)?
        do throws(HandshakeError) {
            found = try UpgradeResponse.decode(input, headBytesMax: headBytesMax)
        } catch {
            expectEqual(error, .malformedResponse, "a head is refused for one reason only")
            return
        }
        guard let (response, length) = found else {
            return expect(input.count < headBytesMax, "beyond its limit a head is not waited for")
        }
        expect(length <= min(input.count, headBytesMax), "a head keeps to its limit")
        expect((try? UpgradeResponse.decode(Array(input[..<length]))) != nil, "a head does not need what follows it")
        if case .some(.none) = try? UpgradeResponse.decode(Array(input[..<(length - 1)])) {
        } else {
            fatalError("property broken: a head needs its last byte")
        }
        let key = "dGhlIHNhbXBsZSBub25jZQ=="
        for offer in [nil, .withoutContext, .withServerContext] as [PermessageDeflate.Offer?] {
            let client = ClientHandshake(
                host: "example.test", target: "/ws", key: key, compression: offer)
            do throws(HandshakeError) {
                let agreed = try client.check(response, acceptDigest: digest)
                expectEqual(response.status, 101, "only 101 opens a WebSocket")
                expectEqual(
                    response.values(of: "Sec-WebSocket-Accept"), ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
                    "only the key's own answer opens a WebSocket")
                expect(agreed == nil || offer != nil, "what was not offered cannot be chosen")
                expect(
                    agreed?.serverKeepsContext != true || offer == .withServerContext,
                    "the server keeps context only where that was offered")
            } catch {
                expect(!error.detail.isEmpty, "a refusal says why")
            }
        }
    }
}
