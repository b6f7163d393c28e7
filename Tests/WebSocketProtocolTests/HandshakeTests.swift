import Codecs
import Testing

@testable import WebSocketProtocol

private func digest(_ text: [UInt8]) -> String {
    Base64.encode(SHA1.hash(text))
}

private let rfcKey = "dGhlIHNhbXBsZSBub25jZQ=="
private let rfcAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

private typealias Headers = [String: [String]]

/// RFC 6455 §1.2, the client's handshake.
private let rfcRequest: Headers = [
    "Host": ["server.example.com"], "Upgrade": ["websocket"], "Connection": ["Upgrade"],
    "Sec-WebSocket-Key": [rfcKey], "Origin": ["http://example.com"],
    "Sec-WebSocket-Protocol": ["chat, superchat"], "Sec-WebSocket-Version": ["13"],
]

private func decide(
    _ headers: Headers, method: String = "GET", version: (Int, Int) = (1, 1),
    compression: PermessageDeflate.Policy? = PermessageDeflate.Policy()
) throws(HandshakeError) -> ServerHandshake.Acceptance {
    try ServerHandshake.decide(
        method: method, version: version, compression: compression,
        header: { (headers[$0] ?? []).map { Array($0.utf8)[...] } }, acceptDigest: digest)
}

private func outcome(_ headers: Headers, method: String = "GET", version: (Int, Int) = (1, 1)) -> HandshakeError? {
    do throws(HandshakeError) {
        _ = try decide(headers, method: method, version: version)
        return nil
    } catch {
        return error
    }
}

@Suite struct ServerHandshakeTests {
    @Test("RFC 6455 §1.3: the example request is accepted with the example's proof")
    func example() throws {
        let acceptance = try decide(rfcRequest)
        #expect(acceptance.accept == rfcAccept)
        #expect(acceptance.compression == nil)
        let response = String(decoding: acceptance.response(), as: UTF8.self)
        #expect(
            response == "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: \(rfcAccept)\r\n\r\n")
    }

    @Test("RFC 6455 §4.2.1: tokens match in any case, in lists, over several lines")
    func tokens() {
        var headers = rfcRequest
        headers["Upgrade"] = ["h2c, WebSocket"]
        headers["Connection"] = ["keep-alive", " upgrade ,x"]
        headers["Sec-WebSocket-Key"] = [" \(rfcKey)\t"]
        #expect(outcome(headers) == nil)
    }

    @Test(
        "RFC 6455 §4.2.1: each broken condition has its error",
        arguments: [
            ("Upgrade", [], .missingUpgrade), ("Upgrade", ["websockets"], .missingUpgrade),
            ("Connection", [], .missingConnectionUpgrade), ("Connection", ["keep-alive"], .missingConnectionUpgrade),
            ("Sec-WebSocket-Version", [], .unsupportedVersion), ("Sec-WebSocket-Version", ["8"], .unsupportedVersion),
            ("Sec-WebSocket-Version", ["13", "13"], .unsupportedVersion),
            ("Sec-WebSocket-Key", [], .invalidKey), ("Sec-WebSocket-Key", [rfcKey, rfcKey], .invalidKey),
            ("Sec-WebSocket-Key", ["dGhlIHNhbXBsZSBub25jZR=="], .invalidKey),
            ("Sec-WebSocket-Key", ["dGhlIHNhbXBsZSBub25jZ==="], .invalidKey),
            ("Sec-WebSocket-Key", ["dGhlIHNhbXBs*SBub25jZQ=="], .invalidKey),
            ("Sec-WebSocket-Key", ["c2hvcnQ="], .invalidKey),
            ("Sec-WebSocket-Extensions", ["permessage-deflate; ="], .malformedExtensions),
        ] as [(String, [String], HandshakeError)])
    func refuses(_ name: String, _ values: [String], _ expected: HandshakeError) {
        var headers = rfcRequest
        headers[name] = values
        #expect(outcome(headers) == expected)
    }

    @Test("RFC 6455 §4.2.1: a GET of HTTP/1.1 or later is demanded")
    func requestLine() {
        #expect(outcome(rfcRequest, method: "POST") == .methodNotGET)
        #expect(outcome(rfcRequest, method: "get") == .methodNotGET)
        #expect(outcome(rfcRequest, version: (1, 0)) == .versionBelowHTTP11)
        #expect(outcome(rfcRequest, version: (2, 0)) == nil)
    }

    @Test("RFC 6455 §4.2.2: the answer to another version names version 13")
    func statuses() {
        #expect(HandshakeError.unsupportedVersion.status == 426)
        #expect(HandshakeError.unsupportedVersion.headers.contains { $0 == ("Sec-WebSocket-Version", "13") })
        #expect(HandshakeError.missingUpgrade.status == 426)
        #expect(HandshakeError.methodNotGET.status == 405)
        #expect(HandshakeError.methodNotGET.headers.contains { $0 == ("Allow", "GET") })
        #expect(HandshakeError.invalidKey.status == 400)
    }
}

@Suite struct ClientHandshakeTests {
    private let handshake = ClientHandshake(
        host: "server.example.com:8000", target: "/ws?after=1-2", key: rfcKey,
        extraHeaders: [("Authorization", "Bearer x")], compression: .withoutContext)

    private func response(_ changes: [String: String?] = [:], status: Int = 101) -> UpgradeResponse {
        let headers: [String: String?] = [
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": rfcAccept,
        ]
        let merged = headers.merging(changes) { $1 }.compactMapValues { $0 }
        return UpgradeResponse(status: status, headers: merged.map { ($0.key, $0.value) })
    }

    private func outcome(_ response: UpgradeResponse) -> HandshakeError? {
        do throws(HandshakeError) {
            _ = try handshake.check(response, acceptDigest: digest)
            return nil
        } catch {
            return error
        }
    }

    @Test("RFC 6455 §4.1: the request has every required field, and our server accepts it")
    func request() throws {
        let text = String(decoding: handshake.request(), as: UTF8.self)
        #expect(text.hasPrefix("GET /ws?after=1-2 HTTP/1.1\r\nHost: server.example.com:8000\r\n"))
        #expect(text.hasSuffix("\r\nAuthorization: Bearer x\r\n\r\n"))
        var headers: Headers = [:]
        for line in text.split(separator: "\r\n").dropFirst() {
            let parts = line.split(separator: ": ", maxSplits: 1)
            headers[String(parts[0]), default: []].append(String(parts[1]))
        }
        let acceptance = try decide(headers)
        let (response, length) = try #require(try UpgradeResponse.decode(acceptance.response() + [0x81, 0]))
        #expect(length == acceptance.response().count)
        #expect(try handshake.check(response, acceptDigest: digest) == PermessageDeflate.Agreement())
    }

    @Test("RFC 6455 §4.1: an answer that breaks a condition is refused")
    func refuses() {
        #expect(outcome(response()) == nil)
        #expect(outcome(response(status: 200)) == .unexpectedStatus(200))
        #expect(outcome(response(["Upgrade": nil as String?])) == .responseWithoutUpgrade)
        #expect(outcome(response(["Connection": "close"])) == .responseWithoutConnectionUpgrade)
        #expect(outcome(response(["Sec-WebSocket-Accept": "x"])) == .wrongAccept)
        #expect(outcome(response(["Sec-WebSocket-Accept": nil as String?])) == .wrongAccept)
        #expect(outcome(response(["Sec-WebSocket-Protocol": "chat"])) == .unexpectedSubprotocol)
    }

    @Test(
        "RFC 7692 §7.1: an answer that the offer does not allow is refused",
        arguments: [
            "x-other", "permessage-deflate", "permessage-deflate; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_max_window_bits=10",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=7",
            "permessage-deflate; server_no_context_takeover, permessage-deflate; server_no_context_takeover",
        ])
    func refusesExtensions(_ value: String) {
        #expect(outcome(response(["Sec-WebSocket-Extensions": value])) == .unexpectedExtension)
    }

    @Test(
        "RFC 7692 §7.1.1.1: a client that lets the server keep context takes either answer",
        arguments: [
            ("permessage-deflate; client_no_context_takeover", true), ("permessage-deflate", true),
            ("permessage-deflate; server_max_window_bits=15", true),
            ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", false),
        ])
    func context(_ value: String, keepsContext: Bool) throws {
        let client = ClientHandshake(host: "h", target: "/", key: rfcKey, compression: .withServerContext)
        let request = String(decoding: client.request(), as: UTF8.self)
        #expect(request.contains("\r\nSec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"))
        let agreed = try client.check(response(["Sec-WebSocket-Extensions": value]), acceptDigest: digest)
        #expect(agreed?.serverKeepsContext == keepsContext)
        #expect(throws: HandshakeError.unexpectedExtension) {
            try client.check(
                response(["Sec-WebSocket-Extensions": value + "; client_max_window_bits=9"]), acceptDigest: digest)
        }
    }

    @Test("RFC 6455 §9.1: no extension is taken that was not offered")
    func notOffered() {
        let plain = ClientHandshake(host: "h", target: "/", key: rfcKey)
        #expect(throws: HandshakeError.unexpectedExtension) {
            try plain.check(
                response(["Sec-WebSocket-Extensions": PermessageDeflate.Offer.withoutContext.headerValue]),
                acceptDigest: digest)
        }
    }

    @Test("RFC 9112 §4: a response head is read when it is whole, and refused when it cannot be one")
    func responseHead() throws {
        let head = Array("HTTP/1.1 426 Upgrade Required\r\nA: 1\r\na:  2 \r\n\r\n".utf8)
        for end in 0..<head.count {
            #expect(try UpgradeResponse.decode(Array(head[..<end])) == nil)
        }
        let (response, length) = try #require(try UpgradeResponse.decode(head + [1, 2]))
        #expect(response.status == 426)
        #expect(response.values(of: "a") == ["1", "2"])
        #expect(length == head.count)
        for text in ["HTTP/2 101\r\n\r\n", "HTTP/1.1 1x1 A\r\n\r\n", "HTTP/1.1 101\r\nbad\r\n\r\n", "\r\n\r\n"] {
            #expect(throws: HandshakeError.malformedResponse) { try UpgradeResponse.decode(Array(text.utf8)) }
        }
        #expect(throws: HandshakeError.malformedResponse) {
            try UpgradeResponse.decode([UInt8](repeating: 0x41, count: 100), headBytesMax: 100)
        }
    }
}
