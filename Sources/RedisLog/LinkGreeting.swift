import PosixIO

/// What a link learns about the server it has connected to.
public struct ServerFacts: Hashable, Sendable {
    /// The server process since it last became master: another one after every restart, failover and promotion (INFO,
    /// `run_id` and `second_repl_offset`). It may change while the server goes on: a master without replicas forgets its
    /// promotion after `repl-backlog-ttl`. Empty where INFO is not served (`ServerMark`).
    public var incarnation = ""
    /// Whether a restart brings back everything that was ever answered: the append-only file is synced before each
    /// answer, and no other server takes this one's place.
    public var keepsAllAnswered = false

    public init() {}
}

extension RedisLink {
    static func login(_ user: String?, _ password: String?) -> RedisCommand? {
        password.map { password in user.map { RedisCommand("AUTH", $0, password) } ?? RedisCommand("AUTH", password) }
    }

    func greet(_ wire: RedisWire) {
        isSentinelThere = false
        awaitsRole = false
        if let login = Self.login(endpoint.user, endpoint.password) { enqueueGreeting(login, on: wire) }
        // Only for whoever looks at CLIENT LIST: where it is refused the link goes without.
        if !name.isEmpty { enqueue(RedisCommand("CLIENT", "SETNAME", name), on: wire) { _ in } }
        roleQuestion = .infoReplication
        switch mode {
        case .commands: askAboutServer(wire)
        // Whom Sentinels named has to be the master for them, too; what a user may not ask is left out.
        case .subscriber, .sentinel:
            if endpoint.hasSentinels { for question in RoleQuestion.allCases { ask(question, on: wire) } }
        }
        // Behind the question what the server is: a Sentinel knows no databases.
        if endpoint.database != 0 { enqueueGreeting(RedisCommand("SELECT", String(endpoint.database)), on: wire) }
        // PING last: it alone is refused while Redis loads its data or has lost its master.
        enqueue(RedisCommand("PING"), on: wire) { [weak self] result in
            self?.check(greeting: result)
            self?.finishGreeting()
        }
        flush(wire)
    }

    private func enqueueGreeting(_ command: RedisCommand, on wire: RedisWire) {
        enqueue(command, on: wire) { [weak self] result in self?.check(greeting: result) }
    }

    /// Asks once more what may have changed since the connect.
    /// - Parameter completion: Called when `server` is up to date, or the connection is lost.
    func refreshServer(completion: @escaping () -> Void) {
        guard case .up(let wire) = state else { return completion() }
        askAboutServer(wire, completion: completion)
        flush(wire)
    }

    private func askAboutServer(_ wire: RedisWire, completion: @escaping () -> Void = {}) {
        var facts = ServerFacts()
        enqueue(RedisCommand("INFO", "server"), on: wire) { [weak self] result in
            guard case .success(.string(let text)) = result else { return }
            facts.incarnation = Self.field("run_id", of: text)
            if Self.field("redis_mode", of: text) == "sentinel" { self?.foundSentinel(wire) }
        }
        // As long as nothing else is known: a replica that became master may lack what its master had answered.
        var wasPromoted = true
        enqueue(RedisCommand("INFO", "replication"), on: wire) { [weak self] result in
            guard case .success(.string(let text)) = result else {
                self?.askForRole()
                return
            }
            let promotedAt = Self.field("second_repl_offset", of: text)
            wasPromoted = promotedAt != "-1"
            if wasPromoted, !facts.incarnation.isEmpty { facts.incarnation += "/\(promotedAt)" }
            self?.received(role: result)
        }
        enqueue(RedisCommand("CONFIG", "GET", "append*"), on: wire) { [weak self] result in
            defer { completion() }
            guard let self, self.wire === wire else { return }
            // Refused to many users; then Redis is taken for one that may forget.
            let settings = Self.settings(result)
            facts.keepsAllAnswered =
                settings["appendonly"] == "yes" && settings["appendfsync"] == "always" && !wasPromoted
                && !endpoint.hasSentinels
            server = facts
        }
    }

    private func check(greeting result: Result<RedisReply, LinkError>) {
        guard case .greeting = state, !isSentinelThere, case .success(.error(let code, let message)) = result
        else { return }
        fail(Self.explanation(code: code, message: message, of: peerName))
    }

    private func finishGreeting() {
        guard case .greeting(let wire, _) = state, !isSentinelThere, !awaitsRole, confirmMaster() else { return }
        state = .up(wire)
        downReason = ""
        upSince = clock
        nextProbe = clock + limits.probeInterval
        onUp?()
    }

    /// How a link finds out whether its server is the master.
    enum RoleQuestion: CaseIterable {
        case infoReplication
        /// Where INFO is not served. Where ROLE is not either, a replica is known by its refusing to be written to.
        case role

        var command: RedisCommand {
            switch self {
            case .infoReplication: RedisCommand("INFO", "replication")
            case .role: RedisCommand("ROLE")
            }
        }
    }

    /// Asks whether the server lives and is still the master: a silent one is noticed by the age of its answer, and one
    /// that was demoted would otherwise go on to be read.
    func probe(_ wire: RedisWire) {
        nextProbe = clock + limits.probeInterval
        switch mode {
        case .commands: ask(roleQuestion, on: wire)
        case .subscriber, .sentinel: enqueue(RedisCommand("PING"), on: wire) { _ in }
        }
        flush(wire)
    }

    private func ask(_ question: RoleQuestion, on wire: RedisWire) {
        enqueue(question.command, on: wire) { [weak self] result in self?.received(role: result) }
    }

    /// INFO is not served. While the link is greeting it comes up with the answer only.
    private func askForRole() {
        guard let wire else { return }
        roleQuestion = .role
        guard case .greeting = state else { return probe(wire) }
        awaitsRole = true
        enqueue(roleQuestion.command, on: wire) { [weak self] result in
            guard let self, self.wire === wire else { return }
            received(role: result)
            awaitsRole = false
            finishGreeting()
        }
        flush(wire)
    }

    /// Takes an answer to either question; a refusal says nothing.
    private func received(role result: Result<RedisReply, LinkError>) {
        guard wire != nil, case .success(let reply) = result else { return }
        switch reply {
        case .array(let parts):
            connectedReplicas = parts.count > 2 ? parts[2].elements?.count ?? 0 : 0
            let role = parts.first?.text ?? ""
            if role == "sentinel" { return failAtSentinel(masters: parts.dropFirst().first?.elements ?? []) }
            check(role: role)
        case .string(let text):
            connectedReplicas = Self.lines(of: text).count { $0.hasPrefix("slave") && $0.contains("state=online") }
            // A Sentinel says nothing under this head.
            if !isSentinelThere { check(role: Self.field("role", of: text)) }
        case .integer, .null, .error: connectedReplicas = .max
        }
    }

    private func check(role: String) {
        if role != "master" { fail(Self.explanation(code: "READONLY", message: "", of: peerName)) }
    }

    /// The address is a Sentinel's; its ROLE tells which masters it knows.
    private func foundSentinel(_ wire: RedisWire) {
        guard case .greeting = state else { return }
        isSentinelThere = true
        enqueue(RoleQuestion.role.command, on: wire) { [weak self] result in
            if case .success(.error) = result {
                self?.failAtSentinel(masters: [])
            } else {
                self?.received(role: result)
            }
        }
        flush(wire)
    }

    private func failAtSentinel(masters: [RedisReply]) {
        let names = masters.compactMap(\.text)
        let scheme = peerTLS == nil ? "redis-sentinel" : "rediss-sentinel"
        let address = RedisEndpoint.authority(attempt.host, attempt.port)
        let urls = names.isEmpty ? ["\(scheme)://\(address)/MASTER"] : names.map { "\(scheme)://\(address)/\($0)" }
        fail("\(address) is a Sentinel, which keeps no log: use \(urls.joined(separator: " or "))")
    }

    private static func lines(of text: [UInt8]) -> [Substring] {
        String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline)
    }

    /// A value in the text that INFO answers: lines of `name:value`.
    static func field(_ name: String, of text: [UInt8]) -> String {
        lines(of: text).first { $0.hasPrefix(name + ":") }.map { String($0.dropFirst(name.count + 1)) } ?? ""
    }

    private static func settings(_ result: Result<RedisReply, LinkError>) -> [String: String] {
        guard case .success(.array(let parts)) = result else { return [:] }
        var settings: [String: String] = [:]
        for index in stride(from: 0, to: parts.count - 1, by: 2) {
            if let name = parts[index].text, let value = parts[index + 1].text { settings[name] = value }
        }
        return settings
    }
}
