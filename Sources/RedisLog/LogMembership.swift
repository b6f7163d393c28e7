import Synchronization
import ThreatFeed

/// Which log a process is a member of: what tells its own log from another deployment's that Redis may lead to.
///
/// Shared by all clients of a process that are for the same log, so that what one was told holds for all.
public final class LogMembership: Sendable {
    private struct State {
        var identity: LogIdentity?
        /// The incarnations of servers in which the log was this process's, oldest first.
        var homes: [String] = []
    }

    private static let homesMax = 16

    /// What the deployment is called; empty for one without a name.
    let deployment: String
    /// What a log is called that one of the clients begins: the others know it for theirs from its first message on.
    let proposedName = UInt64.random(in: .min ... .max)
    /// How often a client found another deployment's log after its own: a reason for the others to ask again.
    private let refusalCount = Atomic<Int>(0)
    // Owner: whichever client has news. Nothing is called while it is held.
    private let state = Mutex(State())

    /// - Parameter deployment: A log that bears another name is never used.
    public init(deployment: String = "") {
        self.deployment = deployment
    }

    /// The log that the process follows; `nil` as long as it was told of none.
    var identity: LogIdentity? { state.withLock { $0.identity } }

    /// Whether the process has followed its log in a server process of any of these names before: what stands there in its
    /// place was begun by a colleague.
    func isHome(_ names: [String]) -> Bool {
        state.withLock { state in names.contains { state.homes.contains($0) } }
    }

    var refusals: Int { refusalCount.load(ordering: .relaxed) }

    func noteRefusal() {
        refusalCount.add(1, ordering: .relaxed)
    }

    /// The log of that identity is the process's own.
    /// - Parameter names: What the server process is called that it stands in (`ServerFacts`, `ServerMark`).
    func confirm(_ identity: LogIdentity, in names: [String]) {
        state.withLock { state in
            state.identity = identity
            state.homes.removeAll { names.contains($0) }
            state.homes += names
            state.homes.removeFirst(max(0, state.homes.count - Self.homesMax))
        }
    }
}

/// A log that Redis leads to and that is not the client's (`MembershipFunction`): it is left alone.
struct ForeignLog: Hashable {
    /// What it is called in `meta`; empty for one that has no identity.
    let identity: String
    /// Whose it is; empty for a deployment without a name.
    let deployment: String

    /// - Returns: `nil` for any other reply of a script.
    init?(_ reply: RedisReply) {
        guard let parts = reply.elements, parts.count == 3, parts[0].text == "FOREIGN", let identity = parts[1].text,
            let deployment = parts[2].text
        else { return nil }
        self.identity = identity
        self.deployment = deployment
    }

    /// Why it is left alone, and what to do about it.
    func reason(for membership: LogMembership) -> String {
        guard deployment.isEmpty || membership.deployment.isEmpty else {
            return "the log in Redis is that of the deployment \(deployment), and this replica is of "
                + "\(membership.deployment): check --redis-url and --redis-prefix"
        }
        let name = deployment.isEmpty ? identity.isEmpty ? "without a name" : identity : "of \(deployment)"
        let known = membership.identity.map { ", not \($0)" } ?? ""
        return "the log in Redis is another one (\(name)\(known)) than this replica has followed: check --redis-url, "
            + "name the deployment (--deployment), and restart this replica if that log is the right one"
    }
}

extension LogClient {
    /// What the scripts judge by whose log there is (`MembershipFunction`): their last arguments.
    func appendMembership(to command: inout RedisCommand) {
        let known = membership.identity
        let isHome = link.endpoint.isPrivate || membership.isHome(processNames)
        command.append((known ?? identity).description)
        command.append(known == nil ? "0" : "1")
        command.append(isHome ? "1" : "0")
        command.append(membership.deployment)
        command.append(lineage.map(\.description).joined(separator: " "))
    }

    /// Asks whose log there is. Before it is known to be the own one, nothing else is asked of it nor given to it.
    func claimLog() {
        if let known = membership.identity { adopt(known) }
        scripts.introduce(.claim) {
            appendMembership(to: &$0)
        } reply: { [weak self] result in
            guard let self else { return }
            switch result {
            case .failure(let error): link.reconnect(reason: "\(error)")
            case .success(let reply):
                if let foreign = ForeignLog(reply) {
                    refuse(foreign)
                    return
                }
                if let text = reply.bytes, let identity = LogIdentity(text[...]) { learn(identity) }
                joined()
            }
        }
    }

    /// Asks again where another client has found another deployment's log.
    func reclaimLog() {
        refusalsHeard = membership.refusals
        guard isUp else { return }
        scripts.introduce(.claim) {
            appendMembership(to: &$0)
        } reply: { [weak self] result in
            // Where that fails the link does, too, or the next call says why.
            if case .success(let reply) = result, let foreign = ForeignLog(reply) { self?.refuse(foreign) }
        }
    }

    /// Leaves a log alone. The next connection, to wherever the address leads then, asks again.
    /// - Returns: Why.
    @discardableResult
    func refuse(_ foreign: ForeignLog) -> LogError {
        let reason = foreign.reason(for: membership)
        if foreignReason == nil {
            membership.noteRefusal()
            refusalsHeard = membership.refusals
        }
        foreignReason = reason
        let error = LogError.unavailable(reason: reason)
        scripts.close(because: error)
        link.reconnect(reason: reason)
        onForeign?()
        return error
    }
}
