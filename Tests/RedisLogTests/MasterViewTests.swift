import Glibc
import PosixIO
import Testing

@testable import RedisLog

@Suite("Which Sentinel is believed")
struct MasterViewTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func server(_ number: Int, _ epoch: UInt64?) -> SentinelMaster {
        SentinelMaster(host: "10.0.0.\(number)", port: 6379, epoch: epoch)
    }

    private func voter(_ index: Int, _ address: Int = 0, family: Int32 = AF_INET) -> MasterView.Voter {
        MasterView.Voter(index: index, address: "\(family)/\(index)/\(address)", family: family)
    }

    /// A view of so many Sentinels, each a host with one address.
    private func view(of count: Int) -> MasterView {
        var view = MasterView(hosts: count)
        for index in 0..<count { view.seated([voter(index)], at: index) }
        return view
    }

    private func isDoubtful(_ verdict: MasterView.Verdict) -> Bool {
        if case .doubtful = verdict { true } else { false }
    }

    @Test("the first word holds, and so does a higher epoch, at once; every move has a higher revision")
    func newer() {
        var view = view(of: 3)
        #expect(view.heard(server(1, 5), from: voter(0), now: start) == .holds(revision: 1))
        #expect(view.heard(server(1, 5), from: voter(1), now: start) == .holds(revision: 1))
        #expect(view.heard(server(2, 6), from: voter(2), now: start) == .holds(revision: 2))
        #expect(view.master == server(2, 6))
        // The same server, but another was the master in between.
        #expect(view.heard(server(2, 8), from: voter(2), now: start) == .holds(revision: 3))
    }

    @Test("a single Sentinel with a lower epoch is doubted, and the reason names both")
    func outdated() {
        var view = view(of: 3)
        _ = view.heard(server(2, 6), from: voter(0), now: start)
        for second in 1..<100 {
            let verdict = view.heard(server(1, 5), from: voter(1), now: start + .seconds(second))
            guard case .doubtful(let why) = verdict else {
                Issue.record("\(verdict)")
                return
            }
            #expect(why.contains("10.0.0.1:6379 (epoch 5)") && why.contains("10.0.0.2:6379 (epoch 6)"))
        }
        #expect(view.master == server(2, 6))
        #expect(view.revision == 1)
    }

    @Test("set up anew with the same master: its address holds at any epoch, and the epoch falls once most say so")
    func epochFalls() {
        var view = view(of: 3)
        _ = view.heard(server(1, 5), from: voter(0), now: start)
        #expect(view.heard(server(1, 0), from: voter(1), now: start) == .holds(revision: 1))
        #expect(view.master?.epoch == 5)
        #expect(view.epochFalls == 0)
        #expect(view.heard(server(1, 1), from: voter(2), now: start) == .holds(revision: 1))
        #expect(view.epochFall == MasterView.EpochFall(from: 5, to: 1))
        #expect(view.epochFalls == 1)
        for _ in 0..<10 { _ = view.heard(server(1, 1), from: voter(1), now: start) }
        #expect(view.epochFalls == 1)
        // Their failovers count once most name them, until they are past the former epochs.
        #expect(isDoubtful(view.heard(server(2, 2), from: voter(1), now: start)))
        #expect(view.heard(server(2, 2), from: voter(2), now: start) == .holdsIfMaster(revision: 1))
        #expect(view.heard(server(2, 6), from: voter(1), now: start) == .holds(revision: 2))
    }

    @Test("set up anew with another master: it counts once most name it and its role confirms it")
    func otherMaster() {
        var view = view(of: 3)
        _ = view.heard(server(1, 5), from: voter(0), now: start)
        #expect(isDoubtful(view.heard(server(2, 0), from: voter(1), now: start)))
        #expect(view.heard(server(2, 1), from: voter(2), now: start) == .holdsIfMaster(revision: 1))
        #expect(view.master == server(1, 5))
        #expect(view.confirmed(server(2, 1), judgedAt: 1) == 2)
        #expect(view.master == server(2, 1))
        #expect(view.epochFall == MasterView.EpochFall(from: 5, to: 1))
        // The one that was left as it was does not turn it back.
        for _ in 0..<10 { #expect(isDoubtful(view.heard(server(1, 5), from: voter(0), now: start))) }
        #expect(view.master == server(2, 1))
    }

    @Test("what was found meanwhile is not undone by a late confirmation")
    func lateConfirmation() {
        var view = view(of: 3)
        _ = view.heard(server(1, 5), from: voter(0), now: start)
        _ = view.heard(server(2, 0), from: voter(1), now: start)
        #expect(view.heard(server(2, 0), from: voter(2), now: start) == .holdsIfMaster(revision: 1))
        #expect(view.heard(server(3, 6), from: voter(0), now: start) == .holds(revision: 2))
        #expect(view.confirmed(server(2, 0), judgedAt: 1) == nil)
        #expect(view.master == server(3, 6))
    }

    @Test("an equal epoch with another address, and one without epoch, count as lower ones", arguments: [5, nil])
    func noHigherEpoch(epoch: UInt64?) {
        var view = view(of: 3)
        _ = view.heard(server(1, 5), from: voter(0), now: start)
        #expect(isDoubtful(view.heard(server(2, epoch), from: voter(1), now: start)))
        #expect(view.heard(server(2, epoch), from: voter(2), now: start) == .holdsIfMaster(revision: 1))
    }

    @Test("at the same epoch one word will do, by its role, when no Sentinel names the known master any more")
    func sameEpoch() {
        var view = view(of: 4)
        _ = view.heard(server(1, 0), from: voter(3), now: start)
        _ = view.heard(server(1, 0), from: voter(2), now: start)
        #expect(isDoubtful(view.heard(server(2, 0), from: voter(3), now: start)))
        let late = start + MasterView.voteLife + .seconds(1)
        #expect(view.heard(server(2, 0), from: voter(3), now: late) == .holdsIfMaster(revision: 1))
        #expect(isDoubtful(view.heard(server(3, nil), from: voter(3), now: late)))
    }

    @Test("Sentinels that tell no epochs: a failover is followed once most of them name the new master")
    func withoutEpochs() {
        var view = view(of: 3)
        #expect(view.heard(server(1, nil), from: voter(0), now: start) == .holds(revision: 1))
        #expect(view.heard(server(1, nil), from: voter(1), now: start) == .holds(revision: 1))
        #expect(isDoubtful(view.heard(server(2, nil), from: voter(0), now: start)))
        #expect(view.heard(server(2, nil), from: voter(2), now: start) == .holdsIfMaster(revision: 1))
        #expect(view.confirmed(server(2, nil), judgedAt: 1) == 2)
        #expect(view.epochFalls == 0)
        // One that does tell makes the epoch known.
        #expect(view.heard(server(2, 3), from: voter(1), now: start) == .holds(revision: 2))
        #expect(view.master?.epoch == 3)
    }

    @Test(
        "after all were silent a higher epoch counts at once, as ever; without epochs the first word does, by its role")
    func blind() {
        var view = view(of: 3)
        _ = view.heard(server(1, nil), from: voter(0), now: start)
        view.heardNothing()
        #expect(view.isBlind)
        #expect(view.heard(server(2, nil), from: voter(1), now: start) == .holdsIfMaster(revision: 1))
        #expect(view.confirmed(server(2, nil), judgedAt: 1) == 2)
        #expect(!view.isBlind)
        var counted = self.view(of: 3)
        _ = counted.heard(server(1, 5), from: voter(0), now: start)
        counted.heardNothing()
        #expect(isDoubtful(counted.heard(server(2, 4), from: voter(1), now: start)))
        #expect(counted.isBlind)
        #expect(counted.heard(server(2, 6), from: voter(2), now: start) == .holds(revision: 2))
        #expect(!counted.isBlind)
    }

    @Test("a lone Sentinel has to say so three times on end")
    func lone() {
        var view = view(of: 1)
        _ = view.heard(server(1, 5), from: voter(0), now: start)
        #expect(isDoubtful(view.heard(server(2, 0), from: voter(0), now: start)))
        #expect(isDoubtful(view.heard(server(2, 0), from: voter(0), now: start)))
        // Behind a balancer another one answers.
        #expect(view.heard(server(1, 5), from: voter(0), now: start) == .holds(revision: 1))
        for _ in 0..<2 { #expect(isDoubtful(view.heard(server(2, 0), from: voter(0), now: start))) }
        #expect(view.heard(server(2, 0), from: voter(0), now: start) == .holdsIfMaster(revision: 1))
    }

    @Test("the addresses of one host are Sentinels each, but not twice for having an address of each family")
    func addresses() {
        var view = MasterView(hosts: 1)
        let four = (0..<3).map { voter(0, $0) }
        let six = (0..<3).map { voter(0, $0, family: AF_INET6) }
        view.seated(four + six, at: 0)
        _ = view.heard(server(1, 5), from: four[0], now: start)
        // One Sentinel, by both of its addresses.
        #expect(isDoubtful(view.heard(server(2, 0), from: four[1], now: start)))
        #expect(isDoubtful(view.heard(server(2, 0), from: six[1], now: start)))
        #expect(view.heard(server(2, 0), from: four[2], now: start) == .holdsIfMaster(revision: 1))
    }

    @Test("a vote ends with its time and with the address it was cast at")
    func votesEnd() {
        var view = view(of: 3)
        _ = view.heard(server(1, 5), from: voter(0), now: start)
        _ = view.heard(server(2, 0), from: voter(1), now: start)
        let late = start + MasterView.voteLife + .seconds(1)
        #expect(isDoubtful(view.heard(server(2, 0), from: voter(2), now: late)))
        // Another Sentinel is at the host now.
        view.seated([voter(2, 7)], at: 2)
        #expect(isDoubtful(view.heard(server(2, 0), from: voter(1), now: late)))
        #expect(view.heard(server(2, 0), from: voter(2, 7), now: late) == .holdsIfMaster(revision: 1))
    }

    @Test("a host that was never looked up counts as one Sentinel")
    func unknownHosts() {
        var view = MasterView(hosts: 5)
        for index in 0..<3 { view.seated([voter(index)], at: index) }
        _ = view.heard(server(1, 5), from: voter(0), now: start)
        for index in 0..<2 { #expect(isDoubtful(view.heard(server(2, 0), from: voter(index), now: start))) }
        #expect(view.heard(server(2, 0), from: voter(2), now: start) == .holdsIfMaster(revision: 1))
    }

    @Test("an answer without details is a master without epoch; one without address is none")
    func answers() {
        let address = RedisReply.array([.string(Array("::1".utf8)), .string(Array("6379".utf8))])
        let refused = RedisReply.error(code: "NOPERM", message: "")
        #expect(
            SentinelMaster(address: address, details: refused) == SentinelMaster(host: "::1", port: 6379, epoch: nil))
        #expect(SentinelMaster(address: address, details: refused)?.address == "[::1]:6379")
        #expect(SentinelMaster(address: refused, details: refused) == nil)
        #expect(SentinelMaster(address: .null, details: refused) == nil)
    }
}
