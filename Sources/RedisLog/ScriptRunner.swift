/// Runs the log's scripts over a link: loads them at each connect, and again when Redis has forgotten them.
final class ScriptRunner {
    typealias Handler = (Result<RedisReply, LogError>) -> Void

    let link: RedisLink
    private let keys: [String]
    /// By raw value of the script; empty until the first connect has loaded them.
    private var digests: [[UInt8]] = []
    private(set) var isReady = false

    init(link: RedisLink, keys: LogKeys) {
        self.link = link
        self.keys = [keys.log, keys.ids, keys.counts, keys.meta]
    }

    /// Loads every script, in one pipeline. To be called whenever the link has come up.
    func load(completion: @escaping (Result<Void, LogError>) -> Void) {
        isReady = false
        var loaded: [[UInt8]] = []
        var refused: LogError?
        for (index, script) in LogScript.allCases.enumerated() {
            link.send(RedisCommand("SCRIPT", "LOAD", script.source)) { [weak self] result in
                switch result {
                case .success(.string(let digest)): loaded.append(digest)
                case .success(.error(let code, let message)): refused = Self.refusal(code: code, message: message)
                case .success(.integer), .success(.array), .success(.null):
                    refused = .unavailable(reason: "SCRIPT LOAD was not answered with a digest")
                // The link is down and comes up again, and this is called anew.
                case .failure: return
                }
                guard index == LogScript.allCases.count - 1, let self else { return }
                if let refused { return completion(.failure(refused)) }
                digests = loaded
                isReady = true
                completion(.success(()))
            }
        }
    }

    func lost() {
        isReady = false
    }

    /// Runs a script. An error reply of Redis becomes `LogError.unavailable`.
    /// - Parameter bytes: About how large the arguments are.
    func run(
        _ script: LogScript, bytes: Int = 0, arguments: (inout RedisCommand) -> Void, reply: @escaping Handler
    ) {
        guard isReady else { return reply(.failure(.unavailable(reason: unreadyReason))) }
        var command = RedisCommand()
        command.reserve(bytes: bytes + 256)
        command.append("EVALSHA")
        command.append(digests[script.rawValue])
        command.append(Int64(keys.count))
        for key in keys { command.append(key) }
        arguments(&command)
        send(command, script: script, reloads: true, reply: reply)
    }

    /// Runs a plain command with the same treatment of errors.
    func run(_ command: RedisCommand, reply: @escaping Handler) {
        guard isReady else { return reply(.failure(.unavailable(reason: unreadyReason))) }
        send(command, script: nil, reloads: false, reply: reply)
    }

    private var unreadyReason: String {
        "not connected to Redis: \(link.isUp ? "loading scripts" : link.downReason)"
    }

    private func send(_ command: RedisCommand, script: LogScript?, reloads: Bool, reply: @escaping Handler) {
        link.send(command) { [weak self] result in
            switch result {
            case .failure(let error): reply(.failure(.unavailable(reason: "\(error)")))
            case .success(.error("NOSCRIPT", _)) where reloads:
                // SCRIPT FLUSH or a new server behind the same address; the call was not carried out.
                guard let self, let script else { return reply(.failure(.unavailable(reason: "scripts lost"))) }
                link.send(RedisCommand("SCRIPT", "LOAD", script.source)) { _ in }
                send(command, script: script, reloads: false, reply: reply)
            case .success(.error(let code, let message)):
                reply(.failure(Self.refusal(code: code, message: message)))
                // The master may have moved; a new connection finds it where the address leads.
                if code == "READONLY" { self?.link.reconnect(reason: "Redis is a read-only replica") }
            case .success(let value): reply(.success(value))
            }
        }
    }

    /// What an error text that a script passed on means, for example `OOM command not allowed …`.
    static func refusal(text: String) -> String {
        let code = text.prefix { $0 != " " }
        return RedisLink.explanation(code: String(code), message: String(text.dropFirst(code.count + 1)))
    }

    private static func refusal(code: String, message: String) -> LogError {
        // An error that a command in a script met is passed on with the script's name behind it (Redis 7.0).
        let end = message.firstRange(of: " script: ")?.lowerBound ?? message.endIndex
        return .unavailable(reason: RedisLink.explanation(code: code, message: String(message[..<end])))
    }
}
