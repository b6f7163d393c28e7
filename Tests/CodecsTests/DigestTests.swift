import Codecs
import Testing

private func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}

private let longMessage = Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)

@Suite struct DigestTests {
    @Test("FIPS 180-4: SHA-1 of the standard messages")
    func sha1() {
        #expect(hex(SHA1.hash([])) == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
        #expect(hex(SHA1.hash(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(hex(SHA1.hash(longMessage)) == "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
    }

    @Test("FIPS 180-4: SHA-256 of the standard messages, one after the other with the same state")
    func sha256() {
        let hasher = SHA256()
        let expected = [
            ([], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (Array("abc".utf8), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (longMessage, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
            (
                [UInt8](repeating: 0x61, count: 1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
            ),
        ]
        for (message, digest) in expected + expected { #expect(sha256(message, hasher) == digest) }
    }

    private func sha256(_ message: [UInt8], _ hasher: SHA256) -> String {
        let digest = hasher.hash(message.span)
        return hex(digest.indices.map { digest[$0] })
    }

    @Test("one algorithm serves many threads")
    func concurrent() async {
        let expected = SHA1.hash(longMessage)
        let results = await withTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<64 { group.addTask { SHA1.hash(longMessage) } }
            return await group.reduce(into: [[UInt8]]()) { $0.append($1) }
        }
        #expect(results == [[UInt8]](repeating: expected, count: 64))
    }
}

@Suite struct RandomBytesTests {
    @Test("every byte is filled and no two draws are the same")
    func draws() {
        let draws = (0..<100).map { _ in RandomBytes.next(16) }
        #expect(draws.allSatisfy { $0.count == 16 })
        #expect(Set(draws).count == 100)
        #expect(RandomBytes.next(0).isEmpty)
        var large = [UInt8](repeating: 0, count: 4096)
        RandomBytes.fill(&large)
        #expect(Set(large).count > 200)
        #expect(Set((0..<100).map { _ in RandomBytes.nextUInt32() }).count > 90)
    }
}

@Suite struct Base64Tests {
    @Test(
        "RFC 4648 §10: the test vectors, both ways",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(_ plain: String, _ encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
    }

    @Test("all byte values survive")
    func allBytes() {
        let bytes = (0..<256).map { UInt8($0) }
        for length in 0...256 {
            #expect(Base64.decode(Base64.encode(Array(bytes[..<length]))) == Array(bytes[..<length]))
        }
    }

    @Test(
        "RFC 4648 §3: what is not canonical is refused",
        arguments: ["Z", "Zg", "Zg=", "Zg===", "====", "Zh==", "Zm9=", "Zm 8=", "Zm8=\n", "Zg==Zg==", "Zm-_", "Zä=="])
    func refuses(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
