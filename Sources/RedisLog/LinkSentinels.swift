import PosixIO

/// How a link finds its server through Sentinels.
extension RedisLink {
    /// Why a link is at the master it is at, and the revision of the view (`MasterView`) that this rests on.
    enum MasterStanding {
        /// A Sentinel has named it.
        case named(revision: UInt64)
        /// Most Sentinels have; its role has to confirm it.
        case candidate(revision: UInt64)
        /// No Sentinel helps; it was the last one named.
        case lastKnown(revision: UInt64)

        var revision: UInt64 {
            switch self {
            case .named(let revision), .candidate(let revision), .lastKnown(let revision): revision
            }
        }
    }

    func beginWithSentinels() {
        attempt.nextSentinel = sentinelIndex
        attempt.sentinelsLeft = endpoint.sentinelHosts.count
        // While none of them helps, who needs one to get to a master that is well would wait in vain.
        if directory.masters.isBlind, turnToLastKnown() { return }
        _ = askNextSentinel()
    }

    /// Leaves a master that Sentinels have replaced.
    /// - Parameter revision: That of the present master.
    public func leaveMaster(before revision: UInt64) {
        guard case .master(_, let standing) = peer, standing.revision < revision else { return }
        reconnect(reason: "Sentinel names another master")
    }

    /// - Returns: Whether one is left, which is asked then.
    func askNextSentinel() -> Bool {
        let hosts = endpoint.sentinelHosts
        guard attempt.sentinelsLeft > 0 else { return false }
        let index = attempt.nextSentinel % hosts.count
        attempt.nextSentinel = index + 1
        attempt.sentinelsLeft -= 1
        peer = .sentinel(index: index)
        connect(to: hosts[index].host, hosts[index].port)
        return true
    }

    /// - Returns: Whether there is one that was not tried, which is then.
    func turnToLastKnown() -> Bool {
        let masters = directory.masters
        guard mode != .sentinel, !attempt.hasTriedLastKnown, let last = masters.master else { return false }
        attempt.hasTriedLastKnown = true
        follow(last, .lastKnown(revision: masters.revision))
        return true
    }

    private func follow(_ master: SentinelMaster, _ standing: MasterStanding) {
        // The state lets go of the Sentinel's connection.
        state = .waiting(until: clock)
        peer = .master(master, standing)
        connect(to: master.host, master.port)
    }

    func voter(_ address: SocketAddress, _ index: Int) -> MasterView.Voter {
        MasterView.Voter(index: index, address: "\(address)", family: address.family)
    }

    /// The one that has answered last; for a watch each in turn.
    func firstAddress(of addresses: [SocketAddress], at index: Int) -> Int {
        if mode == .sentinel { return sentinelTurn }
        guard index == sentinelIndex, let last = sentinelAddress else { return 0 }
        return addresses.firstIndex { "\($0)" == last } ?? 0
    }

    private var sentinelLogin: RedisCommand? {
        Self.login(endpoint.sentinelAccess.user, endpoint.sentinelAccess.password)
    }

    /// Neither CLIENT SETNAME nor PING, which a user may not be allowed: these two questions are all that is needed.
    func askForMaster(_ wire: RedisWire, logsIn: Bool) {
        guard case .sentinel(_, let master) = endpoint.location else { return }
        var answers = SentinelAnswers(master: master, hasLoggedIn: logsIn)
        if logsIn, let login = sentinelLogin {
            enqueue(login, on: wire) { result in
                // One that knows no password may answer the questions all the same.
                if case .success(.error(let code, _)) = result { answers.loginRefusal = code }
            }
        }
        for question in SentinelMaster.questions(about: master) {
            enqueue(question, on: wire) { [weak self] result in
                guard let self, case .success(let reply) = result else { return }
                guard let address = answers.address else {
                    answers.address = reply
                    return
                }
                received(address, details: reply, answers, wire)
            }
        }
        flush(wire)
    }

    private func received(_ address: RedisReply, details: RedisReply, _ answers: SentinelAnswers, _ wire: RedisWire) {
        guard case .greeting = state, case .sentinel(let index) = peer else { return }
        if !answers.hasLoggedIn, sentinelLogin != nil,
            Self.wantsLogin(address) || Self.wantsLogin(details) && !isSentinelLoginUseless
        {
            return askForMaster(wire, logsIn: true)
        }
        if case .error(let code, let message) = address {
            return fail(refusal(code, message, loginRefusal: answers.loginRefusal))
        }
        if case .null = address { return fail("\(peerName) knows no master named \(answers.master)") }
        guard let named = SentinelMaster(address: address, details: details), let socketAddress = attempt.address else {
            return fail("\(peerName) gave no address of \(answers.master)")
        }
        if answers.loginRefusal != nil, !endpoint.sentinelAccess.isOwnLogin { isSentinelLoginUseless = true }
        let voter = voter(socketAddress, index)
        switch directory.withMasters({ [clock] in $0.heard(named, from: voter, now: clock) }) {
        case .doubtful(let why): fail(why)
        case .holds(let revision):
            (sentinelIndex, sentinelAddress) = (index, voter.address)
            if mode == .sentinel { settled(named) } else { follow(named, .named(revision: revision)) }
        case .holdsIfMaster(let revision):
            (sentinelIndex, sentinelAddress) = (index, voter.address)
            follow(named, .candidate(revision: revision))
        }
    }

    /// A watch has its answer.
    private func settled(_ named: SentinelMaster) {
        lose(reason: "", next: .stopped)
        onNamed?(named)
    }

    /// The server of the master has greeted, and did not say that it is none.
    /// - Returns: Whether this link is to be used for commands.
    func confirmMaster() -> Bool {
        guard case .master(let named, let standing) = peer else { return true }
        switch standing {
        case .named(let revision), .lastKnown(let revision):
            guard directory.masters.revision == revision else {
                fail("Sentinel names another master")
                return false
            }
        case .candidate(let judgedAt):
            guard let revision = directory.withMasters({ $0.confirmed(named, judgedAt: judgedAt) }) else {
                fail("Sentinel names another master")
                return false
            }
            peer = .master(named, .named(revision: revision))
        }
        guard mode == .sentinel else { return true }
        settled(named)
        return false
    }
}

/// What a Sentinel has answered so far.
private struct SentinelAnswers {
    let master: String
    let hasLoggedIn: Bool
    var loginRefusal: String?
    var address: RedisReply?
}

// MARK: - Refusals

extension RedisLink {
    private static func wantsLogin(_ reply: RedisReply) -> Bool {
        if case .error(let code, _) = reply { code == "NOAUTH" || code == "NOPERM" } else { false }
    }

    private func refusal(_ code: String, _ message: String, loginRefusal: String?) -> String {
        if loginRefusal == "WRONGPASS" {
            return endpoint.sentinelAccess.isOwnLogin
                ? "\(peerName) refuses the user or password of --redis-sentinel-…"
                : "\(peerName) refuses the user or password of --redis-url; its own are --redis-sentinel-user and -password"
        }
        switch code {
        case "NOAUTH": return "\(peerName) asks for a password (--redis-sentinel-password)"
        case "NOPERM": return "\(peerName): its user lacks a permission (ACL): \(message)"
        default:
            return message.lowercased().contains("unknown command")
                ? "\(peerName) is no Sentinel: it does not know the command SENTINEL"
                : "\(peerName): \(Self.explanation(code: code, message: message))"
        }
    }
}
