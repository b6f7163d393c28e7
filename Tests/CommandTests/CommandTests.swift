import ClusterSupport
import FaultInjection
import Glibc
import PosixIO
import Testing
import ThreatFeed
import TocsinClient

/// The command line: exit codes, one line for what is wrong, and the clients.
@Suite(.processes) struct Commands {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func start(_ arguments: [String], environment: [String] = []) throws -> LocalProcess {
        let name = "\(directory.path)/out-\(UInt64.random(in: 0...UInt64.max))"
        return try LocalProcess(
            try Harness.program(), arguments, environment: environment + ["HOME=\(directory.path)"],
            outputPath: name)
    }

    private func run(
        _ arguments: [String], environment: [String] = []
    ) throws -> (code: ChildExit?, output: String) {
        let child = try start(arguments, environment: environment)
        let code = child.waitForEnd(atMost: Harness.deadline)
        return (code, child.output)
    }

    private func file(_ text: String) throws -> String {
        let path = "\(directory.path)/file-\(UInt64.random(in: 0...UInt64.max))"
        let writer = try LocalProcess("printf", ["%s", text], outputPath: path)
        #expect(writer.waitForEnd(atMost: Harness.deadline) == .exited(code: 0))
        return path
    }

    @Test(
        "a wrong setting ends with 64 and one line that names it, wherever it was given",
        arguments: [
            (["serve", "--port", "70000"], [], "--port must be"),
            (["serve", "--retention-age", "7"], [], "--retention-age must be"),
            (["serve", "--ring-bytes", "64XB"], [], "--ring-bytes must be"),
            (["serve", "--redis-url", "http://x"], [], "--redis-url must be"),
            (["serve", "--hand-on-seconds", "-1"], [], "must be a whole number of seconds from 0 to 3600"),
            (["serve", "--unknown"], [], "--unknown"), (["serve", "--host", "0.0.0.0"], [], "--insecure"),
            (["serve", "--allowed-origins", "https://soc.example.com/soc"], [], "--allowed-origins must be"),
            (["serve", "--allowed-origins", "wss://soc.example.com"], [], "http or https"),
            (["serve", "--allowed-origins", ","], [], "--allowed-origins must be"),
            (["serve"], ["TOCSIN_ALLOWED_ORIGINS=soc.example.com"], "TOCSIN_ALLOWED_ORIGINS must be"),
            (["serve", "--trusted-proxies", "proxy.example.com"], [], "--trusted-proxies must be"),
            (["serve"], ["TOCSIN_LOG_LEVEL=loud"], "TOCSIN_LOG_LEVEL must be"),
            (["serve"], ["REDIS_URL=nonsense"], "REDIS_URL must be"),
            (["watch", "--after", "x"], [], "--after must be"), (["watch", "--url", "ftp://x"], [], "wss://"),
            (["trigger"], [], "give the threat once"), (["prove", "--replicas", "0"], [], "--replicas must be"),
            (["prove", "--real-log"], [], "--real-log needs --url"),
        ] as [([String], [String], String)])
    func wrongSettings(arguments: [String], environment: [String], expected: String) throws {
        let (code, output) = try run(arguments, environment: environment)
        #expect(code == .exited(code: 64), "\(output)")
        #expect(output.contains(expected), "\(output)")
        #expect(output.split(separator: "\n").count == 1, "\(output)")
    }

    @Test(
        "a configuration file is read; flag beats environment beats file; unknown keys and bad values are refused")
    func configurationFile() throws {
        let unknown = try run(["serve", "--config", try file(#"{"prot":1}"#)])
        #expect(unknown.code == .exited(code: 64))
        #expect(unknown.output.contains("\"prot\""))
        let good = try file(#"{"port":"x","log-level":"warning"}"#)
        let fromFile = try run(["serve", "--config", good])
        #expect(fromFile.output.contains("\"port\""))
        let fromEnvironment = try run(["serve", "--config", good], environment: ["TOCSIN_PORT=y"])
        #expect(fromEnvironment.output.contains("TOCSIN_PORT must be"))
        let fromFlag = try run(["serve", "--config", good, "--port", "z"], environment: ["TOCSIN_PORT=y"])
        #expect(fromFlag.output.contains("--port must be"))
    }

    @Test("serve --help lists flag, environment variable, key and default of every setting")
    func serveHelp() throws {
        let (code, output) = try run(["serve", "--help"])
        #expect(code == .exited(code: 0))
        let help = output.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
        for name in [
            "host", "port", "redis-url", "redis-prefix", "event-loops", "data-dir", "replica-name", "insecure",
            "log-level", "log-format", "retention-count", "retention-age", "drain-seconds", "ring-entries",
            "allowed-origins", "trusted-proxies",
        ] {
            let variable = "TOCSIN_" + String(name.map { $0 == "-" ? "_" : $0 }).uppercased()
            #expect(help.contains("--\(name)"))
            #expect(help.contains("env: \(variable)"), "\(variable)")
            #expect(help.contains("key: \(name); default: "), "\(name)")
        }
    }

    @Test("serve ends with 69 when the Redis it was given cannot be reached")
    func redisUnreachable() throws {
        let port = try FreePort.find()
        let (code, output) = try run([
            "serve", "--port", "0", "--redis-url", "redis://127.0.0.1:\(port)",
        ])
        #expect(code == .exited(code: 69), "\(output)")
    }

    @Test("trigger says that it is refused for the moment and why, and tries again")
    func triggerTriesAgain() throws {
        let cluster = try Harness.cluster(replicas: 1)
        _ = try cluster.redis.command("CONFIG", "SET", "maxmemory", "1")
        let trigger = try start(["trigger", "--type", "malware", "--url", cluster.urls[0].description])
        let isTold = Harness.wait { trigger.output.contains("; trying again") }
        #expect(isTold)
        _ = try cluster.redis.command("CONFIG", "SET", "maxmemory", "0")
        #expect(trigger.waitForEnd(atMost: Harness.deadline) == .exited(code: 0), "\(trigger.output)")
        let lines = trigger.output.split(separator: "\n")
        #expect(lines.first?.contains("answered 503: ") == true && lines.first?.contains("maxmemory") == true)
        #expect(lines.last?.contains(#""threat_type":"malware""#) == true, "\(trigger.output)")
        withExtendedLifetime(cluster) {}
    }

    @Test("trigger prints the stored threat, repeats harmlessly, and says what was wrong with a rejected one")
    func trigger() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = ["--url", cluster.urls[0].description]
        let arguments =
            ["trigger", "--type", "malware", "--severity", "high", "--id", "cli-1", "--customer", "Acme"]
            + ["--technique", "T1059.001", "--indicator", "ipv4=192.0.2.1", "--metadata", "k=v=w"] + url
        let (code, output) = try run(arguments)
        #expect(code == .exited(code: 0))
        let stored = try JSONValue(parsing: Array(output.utf8))
        #expect(stored["id"]?.stringValue == "cli-1")
        #expect(stored["severity"]?.stringValue == "HIGH")
        #expect(stored["mitre_techniques"]?[0]?.stringValue == "T1059.001")
        #expect(stored["indicators"]?[0]?["value"]?.stringValue == "192.0.2.1")
        #expect(stored["metadata"]?["k"]?.stringValue == "v=w")
        let again = try run(arguments)
        #expect(again.code == .exited(code: 0))
        #expect(again.output == output)
        let rejected = try run(["trigger", "--type", "NOT VALID", "--severity", "WORSE"] + url)
        #expect(rejected.code == .exited(code: 65))
        #expect(rejected.output.contains("threat_type: "))
        #expect(rejected.output.contains("severity: "))
        let fromFile = try run(["trigger", "--file", try file(#"{"threat_type":"phishing"}"#)] + url)
        #expect(fromFile.code == .exited(code: 0))
        #expect(try run(["trigger", "--file", "/nowhere/threat.json"] + url).code == .exited(code: 66))
        #expect(try run(["trigger", "--scenario", "bot_attack"] + url).code == .exited(code: 0))
        let port = try FreePort.find()
        let nobody = try run(["trigger", "--type", "malware", "--url", "http://127.0.0.1:\(port)"])
        #expect(nobody.code == .exited(code: 69))
    }

    @Test("watch shows threats harmlessly, goes on after a restart of the replica, and says where to continue")
    func watch() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let child = try start(["watch", "--url", url.description, "--history", "0"])
        #expect(Harness.wait { child.output.contains("connected") })
        try Harness.trigger(url, #"{"threat_type":"malware","severity":"HIGH","title":"a\u001b[2Jb\u202ec"}"#)
        #expect(Harness.wait { child.output.contains(#"a\u{1b}[2Jb\u{202e}c"#) })
        cluster.replicas[0].kill()
        #expect(Harness.wait { child.output.contains("disconnected") })
        try cluster.replicas[0].start()
        try cluster.replicas[0].waitUntilReady()
        let missed = try Harness.trigger(url, #"{"threat_type":"malware","title":"while away"}"#)
        #expect(Harness.wait { child.output.contains("while away") })
        child.send(signal: SIGINT)
        #expect(child.waitForEnd(atMost: Harness.deadline) == .exited(code: 0))
        #expect(child.output.contains("continue with --after \(try cursor(of: missed))"))
        #expect(!child.output.contains("\u{1B}"))
    }

    @Test("watch --json --count prints frames as received and ends by itself")
    func watchJSON() throws {
        let cluster = try Harness.cluster(replicas: 1)
        let url = cluster.urls[0]
        let child = try start([
            "watch", "--url", url.description, "--json", "--count", "2", "--min-severity", "high",
        ])
        #expect(Harness.wait { child.output.contains("initial_batch") })
        for severity in ["LOW", "HIGH", "CRITICAL"] {
            try Harness.trigger(url, #"{"threat_type":"malware","severity":"\#(severity)"}"#)
        }
        #expect(child.waitForEnd(atMost: Harness.deadline) == .exited(code: 0))
        let frames = child.output.split(separator: "\n").filter { $0.contains("new_threat") }
        #expect(frames.count == 2)
        #expect(try JSONValue(parsing: Array(frames[0].utf8))["data"]?["severity"]?.stringValue == "HIGH")
    }

    @Test("demo posts varied samples; prove says that every promise was kept")
    func demoAndProve() throws {
        let cluster = try Harness.cluster(replicas: 2)
        let demo = try run(["demo", "--url", cluster.urls[0].description, "--rate", "200", "--count", "40"])
        #expect(demo.code == .exited(code: 0), "\(demo.output)")
        let analytics = try #require(try Harness.client(cluster.urls[1]).get("/api/analytics").json)
        #expect(analytics["total_threats"]?.integerValue == 40)
        #expect((analytics["threats_by_type"]?.names.count ?? 0) >= 5)
        #expect((analytics["threats_by_severity"]?.names.count ?? 0) >= 4)
        let urls = cluster.urls.flatMap { ["--url", $0.description] }
        let proof = try run(["prove", "--clients", "6", "--threats", "100", "--json"] + urls)
        #expect(proof.code == .exited(code: 0), "\(proof.output)")
        let verdict = try JSONValue(parsing: Array(proof.output.utf8))
        #expect(verdict["kept"]?.boolValue == true)
        #expect(verdict["delivered"]?.integerValue == 600)
    }
}
