import Corpora
import Testing

@testable import TocsinServer

@Suite("Which pages may open a WebSocket")
struct AllowedOriginsTests {
    @Test("pages of the replica's own origin, and of those that are set", arguments: OriginCorpus.all)
    func decides(_ sample: OriginCase) throws {
        let setting = try #require(AllowedOrigins(parsing: OriginCorpus.setting))
        #expect(setting.allow([sample.origin], toHost: sample.host, scheme: nil) == (sample.isSame || sample.isNamed))
        #expect(AllowedOrigins.ownOnly.allow([sample.origin], toHost: sample.host, scheme: nil) == sample.isSame)
    }

    @Test("a client that is no browser names no page; two names are nobody's")
    func numbers() throws {
        let all = try #require(AllowedOrigins(parsing: "*"))
        for setting in [all, .ownOnly] {
            #expect(setting.allow([], toHost: "h", scheme: nil))
            #expect(!setting.allow(["http://h", "http://h"], toHost: "h", scheme: nil))
        }
        for origin in ["null", "https://anything", "chrome-extension://x", ""] {
            #expect(all.allow([origin], toHost: "h", scheme: nil))
        }
        #expect(!AllowedOrigins.ownOnly.allow(["http://h"], toHost: nil, scheme: nil))
    }

    @Test(
        "a setting that some page can match is accepted, however it is written",
        arguments: OriginCorpus.acceptedSettings)
    func accepts(_ text: String) {
        #expect(AllowedOrigins(parsing: text) != nil)
    }

    @Test("a setting that no page can match is refused", arguments: OriginCorpus.refusedSettings)
    func refuses(_ text: String) {
        #expect(AllowedOrigins(parsing: text) == nil)
    }

    @Test("settings are bounded")
    func bounds() {
        func origins(_ count: Int) -> String { (0..<count).map { "https://h\($0)" }.joined(separator: ",") }
        #expect(AllowedOrigins(parsing: origins(64)) != nil)
        #expect(AllowedOrigins(parsing: origins(65)) == nil)
    }
}
