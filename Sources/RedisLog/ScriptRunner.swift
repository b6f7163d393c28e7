/// Runs the log's scripts over a link: finds out at each connect how, and whether everything in them may be called, and
/// loads them again when Redis has forgotten them.
///
/// `SCRIPT LOAD` and `EVALSHA` are the cheapest way. Where either is not served, `EVAL` does what both do.
final class ScriptRunner {
    typealias Handler = (Result<RedisReply, LogError>) -> Void

    let link: RedisLink
    private let keys: [String]
    private var sendsSource = false
    private var mayLoad = true
    /// The scripts are loaded and everything in them may be called.
    private var isLoaded = false
    /// They may be run: it is known, too, that the log is the own one.
    private(set) var isReady = false
    /// Why the scripts cannot be run although the link was up, when that was tried last.
    private(set) var refusal: LogError?

    init(link: RedisLink, keys: LogKeys) {
        self.link = link
        self.keys = [keys.log, keys.ids, keys.counts, keys.meta]
    }

    /// Loads every script and tries all they call, in one pipeline. To be called whenever the link has come up.
    /// - Parameter others: Commands beside the scripts that must not be refused either.
    func load(trying others: [RedisCommand] = [], completion: @escaping (Result<Void, LogError>) -> Void) {
        lost()
        sendsSource = false
        mayLoad = true
        for script in LogScript.allCases {
            link.send(RedisCommand("SCRIPT", "LOAD", script.source)) { [weak self] result in
                if case .success(.error) = result { self?.mayLoad = false }
            }
        }
        var refused: LogError?
        for other in others {
            link.send(other) { result in
                if case .success(.error(let code, let message)) = result {
                    refused = refused ?? Self.refusal(ScriptError(code: code, message: message))
                }
            }
        }
        link.send(command(.rehearsal)) { [weak self] result in
            guard let self, case .success(let reply) = result else { return }
            if let refused { return finish(.failure(refused), completion) }
            if case .array(let found) = reply, mayLoad { return finish(Self.verdict(on: found), completion) }
            rehearseFromSource(insteadOf: reply, completion)
        }
    }

    /// Scripts cannot be loaded, or not be called by their digest.
    private func rehearseFromSource(
        insteadOf reply: RedisReply, _ completion: @escaping (Result<Void, LogError>) -> Void
    ) {
        if case .error(let code, _) = reply { sendsSource = code != "NOSCRIPT" }
        link.send(command(.rehearsal).replacingFirst(2, with: ["EVAL", LogScript.rehearsal.source])) {
            [weak self] result in
            // The link is down and comes up again, and `load` is called anew.
            guard let self, case .success(let reply) = result else { return }
            switch reply {
            case .array(let found): finish(Self.verdict(on: found), completion)
            case .error(let code, let message):
                let error = ScriptError(code: code, message: message)
                var reason = RedisLink.explanation(code: error.code, message: error.message)
                if error.code == "NOPERM", error.message.contains("keys") {
                    reason += ": \(keys.joined(separator: ", "))"
                }
                finish(.failure(.unavailable(reason: reason)), completion)
            case .string, .integer, .null: finish(.failure(EntryDecoding.malformed("what is refused")), completion)
            }
        }
    }

    private func finish(_ result: Result<Void, LogError>, _ completion: (Result<Void, LogError>) -> Void) {
        switch result {
        case .success: isLoaded = true
        case .failure(let error): refusal = error
        }
        completion(result)
    }

    func lost() {
        isLoaded = false
        isReady = false
    }

    /// Lets the scripts be run from now on.
    func open() {
        isReady = isLoaded
        refusal = nil
    }

    /// Nothing is run until scripts were loaded anew, and opened.
    func close(because error: LogError) {
        lost()
        refusal = error
    }

    /// Runs a script before `open`.
    func introduce(_ script: LogScript, arguments: (inout RedisCommand) -> Void, reply: @escaping Handler) {
        guard isLoaded else { return reply(.failure(.unavailable(reason: unreadyReason))) }
        var command = command(script)
        arguments(&command)
        send(command, script: script, form: sendsSource ? .source : .digest, reply: reply)
    }

    /// Runs a plain command before `open`.
    func introduce(_ command: RedisCommand, reply: @escaping Handler) {
        guard isLoaded else { return reply(.failure(.unavailable(reason: unreadyReason))) }
        send(command, script: nil, form: .source, reply: reply)
    }

    /// Runs a script. An error reply of Redis becomes `LogError.unavailable`.
    /// - Parameter bytes: About how large the arguments are.
    func run(
        _ script: LogScript, bytes: Int = 0, arguments: (inout RedisCommand) -> Void, reply: @escaping Handler
    ) {
        guard isReady else { return reply(.failure(.unavailable(reason: unreadyReason))) }
        var command = command(script, bytes: bytes)
        arguments(&command)
        send(command, script: script, form: sendsSource ? .source : .digest, reply: reply)
    }

    /// Runs a plain command with the same treatment of errors.
    func run(_ command: RedisCommand, reply: @escaping Handler) {
        guard isReady else { return reply(.failure(.unavailable(reason: unreadyReason))) }
        send(command, script: nil, form: .source, reply: reply)
    }

    /// Whether scripts can be called by their digest.
    var namesScripts: Bool { !sendsSource }

    /// Calls a script without keys that may be in the server's cache, and does not put it there.
    func callCached(_ source: String, reply: @escaping Handler) {
        introduce(
            RedisCommand("EVALSHA", String(decoding: LogScript.digest(of: source), as: UTF8.self), "0"), reply: reply)
    }

    /// Puts a script without keys into the server's cache.
    func cache(_ source: String, reply: @escaping Handler) {
        introduce(mayLoad ? RedisCommand("SCRIPT", "LOAD", source) : RedisCommand("EVAL", source, "0"), reply: reply)
    }

    private func command(_ script: LogScript, bytes: Int = 0) -> RedisCommand {
        var command = RedisCommand()
        command.reserve(bytes: bytes + 256)
        if sendsSource {
            command.append("EVAL")
            command.append(script.source)
        } else {
            command.append("EVALSHA")
            command.append(script.digest)
        }
        command.append(Int64(keys.count))
        for key in keys { command.append(key) }
        return command
    }

    private var unreadyReason: String { "not connected to Redis: \(downReason)" }

    /// Why no script can be run at the moment.
    var downReason: String { link.isUp ? refusal?.description ?? "loading scripts" : link.downReason }

    /// What of a script a command carries, or whether it is none.
    private enum Form {
        case digest
        /// The digest of one that was loaded just before.
        case digestAgain
        case source
    }

    private func send(_ command: RedisCommand, script: LogScript?, form: Form, reply: @escaping Handler) {
        link.send(command) { [weak self] result in
            switch result {
            case .failure(let error): reply(.failure(.unavailable(reason: "\(error)")))
            case .success(.error(let code, let message)):
                if form != .source, let self, let script, Self.mayBeSentOtherwise(code, message) {
                    if code == "NOPERM" { sendsSource = true }
                    return sendAgain(command, script, after: form, reply)
                }
                let error = ScriptError(code: code, message: message)
                reply(.failure(Self.refusal(error)))
                if let reason = Self.endOfLink(error, isScript: script != nil) { self?.link.reconnect(reason: reason) }
            case .success(let value): reply(.success(value))
            }
        }
    }

    /// Whether a call was not carried out because of how it names its script: after SCRIPT FLUSH, at a new server behind
    /// the same address, or because EVALSHA is no longer allowed.
    private static func mayBeSentOtherwise(_ code: String, _ message: String) -> Bool {
        code == "NOSCRIPT" || code == "NOPERM" && message.contains("'evalsha'")
    }

    private func sendAgain(_ command: RedisCommand, _ script: LogScript, after form: Form, _ reply: @escaping Handler) {
        guard form == .digest, mayLoad, !sendsSource else {
            let whole = command.replacingFirst(2, with: ["EVAL", script.source])
            return send(whole, script: script, form: .source, reply: reply)
        }
        link.send(RedisCommand("SCRIPT", "LOAD", script.source)) { [weak self] result in
            if case .success(.error) = result { self?.mayLoad = false }
        }
        send(command, script: script, form: .digestAgain, reply: reply)
    }
}

// MARK: - Refusals

extension ScriptRunner {
    /// What an error text that a script passed on means, for example `OOM command not allowed …`.
    static func refusal(text: String) -> String {
        let code = text.prefix { $0 != " " }
        let error = ScriptError(code: String(code), message: String(text.dropFirst(code.count + 1)))
        return RedisLink.explanation(code: error.code, message: error.message)
    }

    private static func refusal(_ error: ScriptError) -> LogError {
        .unavailable(reason: RedisLink.explanation(code: error.code, message: error.message))
    }

    /// Why a link whose scripts are refused so is of no use as it is; `nil` for what passes, or is the call's own. The
    /// master, or the slot of the log, may have moved: a new connection finds it where the address leads. And what a
    /// user may no longer call the rehearsal of a new connection names, until it is given back.
    private static func endOfLink(_ error: ScriptError, isScript: Bool) -> String? {
        switch error.code {
        case "READONLY": RedisLink.explanation(code: error.code, message: "")
        case "NOPERM", "MOVED", "ASK", "TRYAGAIN", "CROSSSLOT", "CLUSTERDOWN":
            isScript ? RedisLink.explanation(code: error.code, message: error.message) : nil
        default: nil
        }
    }

    /// - Parameter refused: What the rehearsal answered.
    private static func verdict(on refused: [RedisReply]) -> Result<Void, LogError> {
        guard let first = refused.first else { return .success(()) }
        guard let text = first.elements?.last?.text, let key = first.elements?.dropFirst().first?.text else {
            return .failure(EntryDecoding.malformed("what is refused"))
        }
        if text.contains("WRONGTYPE") {
            return .failure(.unavailable(reason: "the key \(key) holds something else than Tocsin keeps there"))
        }
        var names: [String] = []
        for call in refused {
            guard let name = call.elements?.first?.text?.lowercased() else { continue }
            if !names.contains("+" + name) { names.append("+" + name) }
        }
        let all = names.joined(separator: " ")
        if text.lowercased().contains("unknown") {
            return .failure(.unavailable(reason: "Redis does not serve commands that are needed: \(all)"))
        }
        let place = text.contains("key") ? " on ~\(key)" : text.contains("channel") ? " on &\(key)" : ""
        return .failure(.unavailable(reason: "the Redis user lacks a permission (ACL): \(all)\(place)"))
    }
}
