import ClusterSupport
import Codecs
import Glibc
import HTTPProtocol
import PosixIO
import TestSupport
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// Who is let in over TLS, what it costs, and the commands.
@Suite(.processes) struct TLSClients {
    @Test(
        "with --tls-client-ca publishing needs a certificate of that authority, and reading none",
        arguments: [TLSVersion.tls12, .tls13])
    func publishers(version: TLSVersion) throws {
        let tls = try TLSReplica(wantsPublisherCertificates: true)
        let anonymous = try tls.url(newest: version)
        let own = try tls.authority.issue("publisher", names: "")
        let publisher = try tls.url(presenting: own, newest: version)
        let socket = try WebSocketClient(anonymous, target: "/ws?history=0", deadline: Harness.connectionLife)
        _ = try socket.nextJSON()
        for (path, body) in [
            ("/api/threats/trigger", #"{"threat_type":"malware"}"#),
            ("/api/threats/batch", #"[{"threat_type":"malware"}]"#),
        ] {
            let refused = try Harness.client(anonymous).post(path, Array(body.utf8))
            #expect(refused.status == 403)
            #expect(refused.json?["detail"]?.stringValue?.contains("certificate") == true, "\(refused.text)")
            #expect(refused.headers.first("Content-Type") == "application/problem+json")
        }
        for path in ["/health", "/ready", "/metrics", "/api/threats", "/api/analytics"] {
            #expect(try Harness.client(anonymous).get(path).status == 200, "\(path)")
        }
        let stored = try Harness.trigger(publisher, #"{"id":"signed","threat_type":"malware"}"#)
        #expect(try socket.nextJSON()?["data"] == stored)
        let kept = Harness.client(publisher)
        for _ in 0..<3 {
            #expect(try kept.post("/api/threats/trigger", Array(#"{"threat_type":"a"}"#.utf8)).status == 201)
        }
    }

    @Test(
        "a certificate of another authority, or one that has expired, fails the handshake",
        arguments: [TLSVersion.tls12, .tls13])
    func foreignCertificates(version: TLSVersion) throws {
        let tls = try TLSReplica(wantsPublisherCertificates: true)
        let stranger = try TestAuthority("Stranger")
        for certificate in [
            try stranger.issue("publisher", names: ""), try tls.authority.issue("publisher", names: "", days: -1),
        ] {
            let url = try tls.url(presenting: certificate, newest: version)
            let error = #expect(throws: ClientError.self) { try Harness.client(url).get("/health") }
            #expect(error?.description.contains("does not trust the certificate") == true, "\(error as Any)")
        }
        #expect(try Harness.client(tls.url).get("/health").status == 200)
        let log = tls.replica.child.output
        #expect(log.contains("not trusted: it is signed by an authority that is not among the trusted"), "\(log)")
    }

    @Test(
        "an idle TLS connection keeps no buffer for a record: it costs less than 24 KiB",
        arguments: [TLSVersion.tls12, .tls13])
    func memory(version: TLSVersion) throws {
        let tls = try TLSReplica()
        let context = try tls.context(newest: version)
        var peers: [TLSPeer] = []
        func connect(_ count: Int) throws {
            for _ in 0..<count {
                let peer = try TLSPeer(tls.url, context)
                let handshake = ClientHandshake(
                    host: "localhost", target: "/ws?history=0", key: Base64.encode(RandomBytes.next(16)))
                try peer.send(handshake.request())
                _ = try peer.receive(until: "initial_batch")
                peers.append(peer)
            }
        }
        try connect(50)
        let heap = try HeapGrowth(of: tls.url)
        try connect(200)
        // Some 14 KiB are OpenSSL's and ours; a buffer for a record would be 16 KiB more.
        try heap.expect("200 idle WebSockets over \(version)", atMost: 200 * (24 << 10))
        #expect(peers.count == 250)
    }

    @Test("a URL says by its scheme whether there is TLS, and which port is meant")
    func urls() throws {
        for (text, expected) in [
            ("https://tocsin.test", "https://tocsin.test"), ("WSS://tocsin.test/ws", "https://tocsin.test"),
            ("https://tocsin.test:80/soc/", "https://tocsin.test:80/soc"),
            ("wss://[::1]:8000", "https://[::1]:8000"),
            ("http://tocsin.test:443", "http://tocsin.test:443"), ("ws://tocsin.test:80/ws", "http://tocsin.test"),
        ] {
            let url = try ServerURL(text)
            #expect(url.description == expected)
            #expect((url.tls != nil) == expected.hasPrefix("https"))
        }
        #expect(try ServerURL("https://h").port == 443)
        #expect(try ServerURL("wss://h:8000").authority == "h:8000")
        let tls = try ClientTLS()
        #expect(throws: ClientError.self) { try ServerURL("http://h", tls: tls) }
    }

    private func run(
        _ arguments: [String], environment: [String] = []
    ) throws -> (code: ChildExit?, output: String) {
        let directory = try TemporaryDirectory()
        let child = try LocalProcess(
            try Harness.program(), arguments, environment: environment + ["HOME=\(directory.path)"],
            outputPath: "\(directory.path)/out")
        let code = child.waitForEnd(atMost: Harness.deadline)
        return (code, child.output)
    }

    @Test("trigger, watch, demo, prove and health take https and wss URLs and the files for them")
    func commands() throws {
        let tls = try TLSReplica(wantsPublisherCertificates: true)
        let own = try tls.authority.issue("publisher", names: "")
        let trust = ["--tls-ca", tls.authority.certificatePath]
        let proof = ["--tls-certificate", own.chainPath, "--tls-key", own.keyPath]
        let url = ["--url", "https://localhost:\(tls.url.port)"]
        let trigger = try run(["trigger", "--type", "malware", "--id", "t"] + url + trust + proof)
        #expect(trigger.code == .exited(code: 0), "\(trigger.output)")
        let anonymous = try run(["trigger", "--type", "malware"] + url + trust)
        #expect(anonymous.code == .exited(code: 65), "\(anonymous.output)")
        let untrusting = try run(["trigger", "--type", "malware"] + url)
        #expect(untrusting.code == .exited(code: 69))
        #expect(untrusting.output.contains("not trusted"), "\(untrusting.output)")
        let demo = try run(["demo", "--count", "5", "--rate", "50"] + url + trust + proof)
        #expect(demo.code == .exited(code: 0), "\(demo.output)")
        let verdict = try run(["prove", "--clients", "5", "--threats", "50"] + url + trust + proof)
        #expect(verdict.code == .exited(code: 0), "\(verdict.output)")
        let health = try run(["health", "--ready"] + url + trust)
        #expect(health.code == .exited(code: 0), "\(health.output)")
        let directory = try TemporaryDirectory()
        let watch = try LocalProcess(
            try Harness.program(),
            ["watch", "--json", "--count", "1", "--url", "wss://localhost:\(tls.url.port)"] + trust,
            outputPath: "\(directory.path)/out")
        #expect(Harness.wait { watch.output.contains("initial_batch") }, "\(watch.output)")
        try Harness.trigger(try tls.url(presenting: own), #"{"id":"seen","threat_type":"malware"}"#)
        #expect(watch.waitForEnd(atMost: Harness.deadline) == .exited(code: 0))
        #expect(watch.output.contains(#""id":"seen""#), "\(watch.output)")
    }

    @Test("health finds its own replica by the settings that it has in common with serve")
    func ownHealth() throws {
        let tls = try TLSReplica()
        let port = "TOCSIN_PORT=\(tls.url.port)"
        let own = try run(["health"], environment: [port, "TOCSIN_TLS_CERTIFICATE=\(tls.certificate.chainPath)"])
        #expect(own.code == .exited(code: 0), "\(own.output)")
        let trusting = try run(["health", "--tls-ca", tls.authority.certificatePath], environment: [port])
        #expect(trusting.code == .exited(code: 0), "\(trusting.output)")
        let plain = try run(["health"], environment: [port])
        #expect(plain.code == .exited(code: 69), "\(plain.output)")
    }

    @Test(
        "what does not fit together on the command line ends with 64 and one line",
        arguments: [
            (["watch", "--url", "http://x", "--tls-ca", "CA"], "https://"),
            (["trigger", "--type", "a", "--tls-certificate", "CA"], "--tls-key"),
            (["health", "--url", "https://x", "--tls-ca", "/nowhere.pem"], "/nowhere.pem"),
            (["prove", "--tls-ca", "CA"], "--url"), (["watch", "--url", "ftp://x"], "wss://"),
        ] as [([String], String)])
    func wrongOptions(arguments: [String], expected: String) throws {
        let authority = try TestAuthority()
        let (code, output) = try run(arguments.map { $0 == "CA" ? authority.certificatePath : $0 })
        #expect(code == .exited(code: 64), "\(output)")
        #expect(output.contains(expected), "\(output)")
        #expect(output.split(separator: "\n").count == 1, "\(output)")
    }
}
