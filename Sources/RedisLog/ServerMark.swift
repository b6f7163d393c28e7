/// Tells the processes of a server apart that does not say which one it is (`ServerFacts.incarnation`), for want of INFO.
///
/// A mark is a script of its own, which only answers its text, in the server's cache of scripts: that is never written
/// to disk nor given to replicas, so that the mark is gone after a restart and after a failover (Redis, "script cache
/// semantics"). The log names the mark of the process it was adopted in, and whoever connects looks whether it is still
/// there. A cache that is emptied looks like a restart, which costs a new generation and no threat.
///
/// Beside clients that are served INFO, the one names the process by its run id and the other by a mark. So the former
/// take a mark that stands in the log and in the cache for the name of the process that they found it at first. If
/// that has another name by INFO later, the server was demoted and promoted in between, which no mark tells.
enum ServerMark {
    private static let prefix = "mark:"

    static func make() -> String {
        prefix + String(UInt64.random(in: .min ... .max), radix: 16)
    }

    /// - Parameter incarnation: As the log has it.
    /// - Returns: `nil` for one that is no mark.
    static func named(by incarnation: RedisReply) -> String? {
        incarnation.text.flatMap { text in
            text.hasPrefix(prefix) && text.dropFirst(prefix.count).allSatisfy(\.isHexDigit) ? text : nil
        }
    }

    static func source(_ mark: String) -> String { "return '\(mark)'" }
}

extension LogClient {
    /// The server process at the other end, as the log would name it; `nil` while that is not known.
    var incarnation: String? {
        guard let server = link.server else { return nil }
        if !serverMark.isEmpty { return serverMark }
        return server.incarnation.isEmpty ? nil : server.incarnation
    }

    /// What the server process at the other end may be called.
    var processNames: [String] { [link.server?.incarnation ?? "", serverMark].filter { !$0.isEmpty } }

    /// Finds out which server process the link has come to, where it does not say so itself or the log calls it by a mark.
    /// - Parameter completion: Called when it is known, or the connection is lost.
    func identifyServer(completion: @escaping () -> Void) {
        guard let server = link.server else { return completion() }
        guard scripts.namesScripts else {
            if server.incarnation.isEmpty {
                link.reconnect(reason: "the Redis user lacks a permission (ACL): +info, or else +evalsha")
            }
            return completion()
        }
        scripts.introduce(RedisCommand("HGET", keys.meta, "i")) { [weak self] result in
            guard let self else { return }
            guard case .success(let reply) = result, let named = ServerMark.named(by: reply) else {
                return settle(mark: nil, at: server, completion)
            }
            scripts.callCached(ServerMark.source(named)) { [weak self] result in
                guard let self else { return }
                if case .success(.string) = result { return settle(mark: named, at: server, completion) }
                settle(mark: nil, at: server, completion)
            }
        }
    }

    /// - Parameter mark: The one that stands in the log and in the server's cache.
    private func settle(mark: String?, at server: ServerFacts, _ completion: @escaping () -> Void) {
        if server.incarnation.isEmpty {
            guard let mark else { return leaveMark(ServerMark.make(), completion) }
            serverMark = mark
        } else if let mark {
            if markedProcess?.mark != mark { markedProcess = (mark, server.incarnation) }
            serverMark = markedProcess?.process == server.incarnation ? mark : ""
        } else {
            serverMark = ""
        }
        completion()
    }

    private func leaveMark(_ mark: String, _ completion: @escaping () -> Void) {
        scripts.cache(ServerMark.source(mark)) { [weak self] result in
            if case .success = result { self?.serverMark = mark }
            completion()
        }
    }
}
