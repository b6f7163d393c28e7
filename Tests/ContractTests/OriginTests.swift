import ClusterSupport
import Corpora
import Testing
import TocsinClient

/// RFC 6455 §10.2: which pages may open a WebSocket, over real sockets.
@Suite(.processes) struct Origins {
    /// The status that an opening handshake is answered with; `nil` if there is no answer.
    private func status(_ url: ServerURL, host: String, origins: [String]) throws -> Int? {
        let fields = origins.map { "Origin: \($0)\r\n" }.joined()
        let request = RawExchange.feedUpgrade.replacing("Host: h\r\n", with: "Host: \(host)\r\n\(fields)")
        let exchange = try RawExchange(url)
        try exchange.send(Array(request.utf8))
        guard exchange.receive(until: { exchange.text.contains("\r\n\r\n") }) else { return nil }
        return exchange.text.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }

    @Test("origins are compared as origins: with the host that is asked for, and with those that are set")
    func corpus() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--allowed-origins", OriginCorpus.setting])
        let url = cluster.urls[0]
        for sample in OriginCorpus.all {
            let found = try status(url, host: sample.host, origins: [sample.origin])
            if sample.isSame || sample.isNamed {
                #expect(found == 101, "\(sample)")
            } else {
                // A host may itself be no host.
                #expect(found == 403 || found == 400, "\(sample)")
            }
        }
        #expect(try status(url, host: "h", origins: []) == 101)
        #expect(try status(url, host: "h", origins: ["http://h", "http://h"]) == 403)
    }

    @Test("* allows every page, also one without an origin")
    func everything() throws {
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--allowed-origins", "*"])
        for origin in ["null", "https://anything.example", "file://"] {
            #expect(try status(cluster.urls[0], host: "h", origins: [origin]) == 101, "\(origin)")
        }
    }
}
