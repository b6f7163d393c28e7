import ClusterSupport
import FaultInjection
import Glibc
import PosixIO
import Testing
import ThreatFeed
import TocsinClient

/// The ACL that docs/operations.md tells operators to set.
private enum DocumentedACL {
    /// One rule for each permission; the user's name and password are not among them.
    static let rules: [String] = {
        guard let text = FileDescriptor.contents(ofFile: path).map({ String(decoding: $0, as: UTF8.self) }),
            let start = text.firstRange(of: "ACL SETUSER tocsin on >PASSWORD"),
            let end = text[start.upperBound...].firstRange(of: "```")
        else { return [] }
        return text[start.upperBound..<end.lowerBound].split { $0 == " " || $0.isNewline }.map(String.init)
    }()

    static let permissions = rules.filter { "+~&".contains($0.prefix(1)) }

    /// Those without which everything works, as the same page says; `select` for the sake of other databases than 0, and
    /// `wait` for that of `--redis-min-replicas`.
    static let optional: Set = [
        "+eval", "+evalsha", "+script|load", "+info", "+config|get", "+client|setname", "+select", "+wait",
    ]
    /// Those without which only the log for proofs does not.
    static let forProofs: Set = ["+pexpire", "~tocsin:{proof}:*", "&tocsin:{proof}:feed"]

    private static var path: String {
        let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        return parts.dropLast(3).joined(separator: "/") + "/docs/operations.md"
    }

    /// What a refusal must name.
    static func name(of permission: String) -> String {
        String(permission.dropFirst().prefix { $0 != "*" })
    }
}

/// Whatever permission is missing, a replica names it and does not start, or does without it and everything works.
@Suite(.processes) struct Permissions {
    private let directory: TemporaryDirectory
    private let redis: LocalRedis

    init() throws {
        directory = try TemporaryDirectory()
        var options = LocalRedis.Options()
        options.port = try FreePort.find()
        redis = try LocalRedis(directory: directory.path, options: options)
    }

    @Test("the documented ACL can be read")
    func documented() {
        #expect(DocumentedACL.permissions.count > 20)
        #expect(DocumentedACL.permissions.contains("+xadd"))
        #expect(DocumentedACL.permissions.contains("~tocsin:{default}:*"))
    }

    @Test("with the documented ACL everything works")
    func complete() throws {
        try setRules(without: nil)
        try expectWorking(try replica())
    }

    @Test(
        "without one permission of the documented ACL: refused by its name, or fully working",
        arguments: DocumentedACL.permissions)
    func without(permission: String) throws {
        try setRules(without: permission)
        let replica = try replica()
        if DocumentedACL.optional.contains(permission) {
            try expectWorking(replica)
        } else if DocumentedACL.forProofs.contains(permission) {
            try expectWorking(replica, proofsLack: DocumentedACL.name(of: permission))
        } else {
            expectRefusal(of: replica, naming: permission)
        }
    }

    @Test(
        "what a setting needs is named, too",
        arguments: [("+wait", 0, ["--redis-min-replicas", "1"]), ("+select", 1, [])] as [(String, Int, [String])])
    func forSettings(permission: String, database: Int, arguments: [String]) throws {
        try setRules(without: permission)
        expectRefusal(of: try replica(database: database, arguments), naming: permission)
    }

    private func expectRefusal(of replica: LocalReplica, naming permission: String) {
        let ending = replica.child.waitForEnd(atMost: Harness.deadline)
        let output = replica.child.outputTail
        #expect(ending == .exited(code: 69), "\(output)")
        #expect(output.contains(DocumentedACL.name(of: permission)), "\(output)")
    }

    private func setRules(without permission: String?) throws {
        let rules = DocumentedACL.rules.filter { $0 != permission }
        let words = ["ACL", "SETUSER", "tocsin", "on", ">secret"] + rules
        let answer = try redis.connect().command(words)
        if case .error(let text) = answer { throw HarnessError("\(words): \(text)") }
    }

    private func replica(database: Int = 0, _ arguments: [String] = []) throws -> LocalReplica {
        let port = try #require(redis.port)
        return try LocalReplica(
            launcher: try Harness.program(), name: "replica",
            redisURL: "redis://tocsin:secret@127.0.0.1:\(port)/\(database)", directory: directory.path,
            arguments: ["--event-loops", "2", "--retention-count", "1"] + arguments)
    }

    /// What requests and clients can do, on connections to both event loops; none is answered 503.
    private func expectWorking(_ replica: LocalReplica, proofsLack permission: String? = nil) throws {
        try replica.waitUntilReady()
        let fleet = try Harness.fleet([replica.url], clients: 2)
        defer { fleet.stop() }
        var last = Cursor.zero
        for index in 0..<40 {
            let stored = try post(replica, #"{"id":"a\#(index)","threat_type":"test"}"#, expecting: 201)
            last = max(last, try cursor(of: stored))
            // The first threat gives the log its identity. With so short a retention nobody must be left to read what came
            // before it was known.
            if index == 0 { try #require(Harness.wait(fleet, for: last)) }
            if index == 20 { try redis.command("SCRIPT", "FLUSH") }
        }
        #expect(Harness.wait(fleet, for: last))
        #expect(fleet.allRecords().allSatisfy { $0.resets.isEmpty })
        // Retention works, or the ids of long ago would be told apart from new ones.
        for index in 0..<4 {
            _ = try post(replica, #"{"id":"b\#(index)","threat_type":"test"}"#, expecting: 201)
            _ = try post(replica, #"{"id":"b\#(index)","threat_type":"test"}"#, expecting: 200)
            #expect(try Harness.client(replica.url).get("/api/threats/b\(index)").status == 200)
        }
        #expect(
            try Harness.wait {
                try Harness.client(replica.url).get("/api/threats?limit=100").json?.elements?.count == 1
            })
        _ = try post(replica, #"{"id":"a0","threat_type":"test"}"#, expecting: 201)
        let analytics = try Harness.client(replica.url).get("/api/analytics")
        #expect(analytics.json?["total_threats"]?.integerValue == 45, "\(analytics.text)")
        try expectProofs(replica, lacking: permission)
    }

    private func expectProofs(_ replica: LocalReplica, lacking permission: String?) throws {
        let body = Array(#"{"threat_type":"test"}"#.utf8)
        var answer = try Harness.client(replica.url).post("/api/threats/trigger?log=proof", body)
        let isDecided = try Harness.wait(every: .milliseconds(50)) {
            if answer.status == 201 { return true }
            if let permission, answer.text.contains(permission) { return true }
            answer = try Harness.client(replica.url).post("/api/threats/trigger?log=proof", body)
            return false
        }
        #expect(isDecided)
        #expect(answer.status == (permission == nil ? 201 : 503), "\(answer.text)")
    }

    private func post(_ replica: LocalReplica, _ body: String, expecting status: Int) throws -> JSONValue {
        let answer = try Harness.client(replica.url).post("/api/threats/trigger", Array(body.utf8))
        #expect(answer.status == status, "\(answer.text)")
        return try #require(answer.json)
    }
}
