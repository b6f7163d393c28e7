import ClusterSupport
import Corpora
import HTTPProtocol
import PosixIO
import Testing
import TocsinClient

/// RFC 9112 §11.2: no request is seen differently by a proxy and the replica behind it.
@Suite(.processes) struct ProxyConformance {
    private static let last = octets("GET /?last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    /// Connections at once: what is left unfinished costs a proxy's deadline, and all of these wait together.
    private static let exchangesAtOnce = 250

    @Test("nginx, taking content whole, and the replica see the same requests")
    func nginx() throws {
        try compare { [try .nginx("nginx", before: $0, in: $1, buffers: true)] }
    }

    @Test("nginx, passing content on as it comes, and the replica see the same requests")
    func nginxUnbuffered() throws {
        try compare { [try .nginx("nginx", before: $0, in: $1, buffers: false)] }
    }

    @Test("HAProxy and the replica see the same requests")
    func haproxy() throws {
        try compare { [try .haproxy("haproxy", before: $0, in: $1)] }
    }

    @Test("Behind HAProxy, nginx and the replica see the same requests")
    func chain() throws {
        try compare { port, directory in
            let nginx = try ProxyFront.nginx(
                "nginx", before: port, in: directory, buffers: false, client: "$http_x_port")
            return [try .haproxy("haproxy", before: nginx.url.port, in: directory), nginx]
        }
    }

    /// - Parameter start: Starts proxies, the one that clients speak to first, the one whose log counts last.
    private func compare(_ start: (UInt16, String) throws -> [ProxyFront]) throws {
        // HAProxy lets a client that owes the rest of a chunk wait for as long as the replica does.
        let cluster = try Harness.cluster(replicas: 1, arguments: ["--request-seconds", "2"])
        let directory = try TemporaryDirectory()
        let relay = try ProxyRelay(to: cluster.urls[0])
        defer { relay.stop() }
        let fronts = try start(relay.port, directory.path)
        defer { for front in fronts { front.stop() } }
        let cases = try send(HTTPCorpus.all, to: try #require(fronts.first))
        let last = try #require(fronts.last)
        // The proxy writes its log when it is done with a connection, which may be later than the client is.
        var seen: [ForwardedRequest] = []
        var differences: [String] = []
        _ = Harness.wait(every: .milliseconds(500)) {
            seen = ForwardedRequest.all(in: relay.recordings)
            differences = self.differences(last.log, seen, cases)
            return differences.isEmpty
        }
        for difference in differences { Issue.record("\(last.name): \(difference)") }
        #expect(seen.count > cases.count / 3)
        #expect(try Harness.client(cluster.urls[0]).get("/health").status == 200)
    }

    /// Sends every case on a connection of its own, with one more request behind it.
    /// - Returns: The case of each client port.
    private func send(_ cases: [HTTPCase], to front: ProxyFront) throws -> [UInt16: HTTPCase] {
        var ports: [UInt16: HTTPCase] = [:]
        var rest = cases[...]
        while !rest.isEmpty {
            var exchanges: [(RawExchange, HTTPCase)] = []
            for testCase in rest.prefix(Self.exchangesAtOnce) {
                var exchange = try RawExchange(front.url)
                // A port that has served already would mix two cases up.
                while ports[try exchange.localPort()] != nil { exchange = try RawExchange(front.url) }
                ports[try exchange.localPort()] = testCase
                try exchange.send(testCase.input + Self.last)
                exchanges.append((exchange, testCase))
            }
            rest = rest.dropFirst(Self.exchangesAtOnce)
            for (exchange, testCase) in exchanges {
                try #require(exchange.receiveToEnd(), "\(front.name) does not close: \(testCase)")
                let answers = exchange.answers(to: testCase.methods.map(HTTPMethod.init(rawValue:)))
                let isUnderstood = answers.statuses.allSatisfy { ![500, 502, 503, 504].contains($0) }
                #expect(isUnderstood, "\(front.name) \(answers.statuses): \(testCase)")
            }
        }
        return ports
    }

    /// One line for each client connection about whose requests the proxy and the replica do not agree.
    private func differences(
        _ log: [ProxyLogLine], _ seen: [ForwardedRequest], _ cases: [UInt16: HTTPCase]
    ) -> [String] {
        let logged = Dictionary(grouping: log, by: \.clientPort)
        let seen = Dictionary(grouping: seen, by: \.clientPort)
        var found = (seen[nil] ?? []).map { "a request that nobody forwarded: \($0)" }
        for (port, testCase) in cases {
            let lines = logged[port] ?? []
            let requests = seen[port] ?? []
            if !agree(lines, requests) {
                let text = lines.map { "\($0.line) \($0.status.map(String.init) ?? "-")" }
                found.append("\(testCase): the proxy says \(text), the replica \(requests)")
            }
        }
        return found
    }

    /// Every answer that the proxy has logged was given to just that request, and the replica has seen no request
    /// that the proxy did not log.
    private func agree(_ log: [ProxyLogLine], _ requests: [ForwardedRequest]) -> Bool {
        var rest = requests
        for line in log where line.status != nil {
            guard let index = rest.firstIndex(where: { $0.line == line.line && $0.status == line.status }) else {
                return false
            }
            rest.remove(at: index)
        }
        var givenUp = log.filter { $0.status == nil }.map(\.line)
        for request in rest {
            guard let index = givenUp.firstIndex(of: request.line) else { return false }
            givenUp.remove(at: index)
        }
        return true
    }
}
