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
    var loginCommand: RedisCommand? {
        endpoint.password.map { password in
            endpoint.user.map { RedisCommand("AUTH", $0, password) } ?? RedisCommand("AUTH", password)
        }
    }

    func greet(_ wire: RedisWire) {
        var commands: [RedisCommand] = []
        if let loginCommand { commands.append(loginCommand) }
        if endpoint.database != 0 { commands.append(RedisCommand("SELECT", String(endpoint.database))) }
        for command in commands {
            enqueue(command, on: wire) { [weak self] result in self?.check(greeting: result) }
        }
        // Only for whoever looks at CLIENT LIST: where it is refused the link goes without.
        if !name.isEmpty { enqueue(RedisCommand("CLIENT", "SETNAME", name), on: wire) { _ in } }
        roleQuestion = .infoReplication
        if mode == .commands { askAboutServer(wire) }
        // PING last: it alone is refused while Redis loads its data or has lost its master.
        enqueue(RedisCommand("PING"), on: wire) { [weak self] result in
            self?.check(greeting: result)
            self?.finishGreeting()
        }
        flush(wire)
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
        enqueue(RedisCommand("INFO", "server"), on: wire) { result in
            if case .success(.string(let text)) = result { facts.incarnation = Self.field("run_id", of: text) }
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
        guard case .greeting = state, case .success(.error(let code, let message)) = result else { return }
        fail(Self.explanation(code: code, message: message))
    }

    private func finishGreeting() {
        guard case .greeting(let wire, _) = state else { return }
        state = .up(wire)
        downReason = ""
        upSince = clock
        nextProbe = clock + limits.probeInterval
        onUp?()
    }

    /// How a link finds out whether its server is the master.
    enum RoleQuestion {
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
        case .commands:
            enqueue(roleQuestion.command, on: wire) { [weak self] result in self?.received(role: result) }
        case .subscriber, .sentinel: enqueue(RedisCommand("PING"), on: wire) { _ in }
        }
        flush(wire)
    }

    private func askForRole() {
        guard let wire else { return }
        roleQuestion = .role
        probe(wire)
    }

    /// Takes an answer to either question; a refusal says nothing.
    private func received(role result: Result<RedisReply, LinkError>) {
        guard wire != nil, case .success(let reply) = result else { return }
        let role: String?
        switch reply {
        case .array(let parts):
            role = parts.first?.text
            connectedReplicas = parts.count > 2 ? parts[2].elements?.count ?? 0 : 0
        case .string(let text):
            role = Self.field("role", of: text)
            connectedReplicas = Self.lines(of: text).count { $0.hasPrefix("slave") && $0.contains("state=online") }
        case .integer, .null, .error:
            connectedReplicas = .max
            return
        }
        if role != "master" { fail(Self.explanation(code: "READONLY", message: "")) }
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
