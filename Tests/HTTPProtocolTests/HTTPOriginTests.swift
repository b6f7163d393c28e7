import Corpora
import HTTPProtocol
import Testing

@Suite struct HTTPOriginTests {
    @Test(
        "RFC 6454 §5: two origins are one if scheme, host and port are, however they are written",
        arguments: OriginCorpus.all)
    func compares(_ sample: OriginCase) {
        let isSame = HTTPOrigin(sample.origin)?.isSame(asHost: sample.host, scheme: nil) ?? false
        #expect(isSame == sample.isSame)
    }

    @Test("where it is known how a request came, the page must have come the same way")
    func schemes() throws {
        for (text, scheme) in [("https://h:8000", HTTPOrigin.Scheme.https), ("http://h:8000", .http)] {
            let origin = try #require(HTTPOrigin(text))
            for known in HTTPOrigin.Scheme.allCases {
                #expect(origin.isSame(asHost: "h:8000", scheme: known) == (known == scheme))
            }
        }
        let plain = try #require(HTTPOrigin("http://h"))
        #expect(!plain.isSame(asHost: "h", scheme: .https))
    }

    @Test("equal origins are equal values")
    func values() throws {
        let forms = ["https://h", "HTTPS://H", "https://h:443", "https://h:"].map { HTTPOrigin($0) }
        #expect(Set(forms).count == 1 && forms[0] != nil)
        let others = ["http://h", "https://h:80", "https://i", "https://h.", "https://[::1]"].map { HTTPOrigin($0) }
        #expect(Set(others).count == others.count && !others.contains(nil))
        #expect(!others.contains(forms[0]))
    }
}
