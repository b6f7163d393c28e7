import Testing
import ThreatFeed

@testable import Broadcast

@Suite("A client that resumes gets from its cursor into the ring, or is told that it cannot")
struct ResumeJoinTests {
    @Test("a cursor that the ring holds joins there, `resumed` first")
    func ring() {
        var join = ResumeJoin.resuming(after: cursor(7))
        #expect(join.awaitsFirstFrame)
        #expect(join.advance(in: makeFeed(entries: 10).ring) == .join(first: .init(cursor: cursor(7))))
        #expect(!join.awaitsFirstFrame)
    }

    @Test("a cursor from before the ring reads page by page until the ring reaches back to it")
    func pages() {
        let ring = ring(of: 90...100)
        var join = ResumeJoin.resuming(after: cursor(10))
        var read: [UInt64] = []
        var first: ResumeJoin.FirstFrame?
        while true {
            switch join.advance(in: ring) {
            case .wait:
                Issue.record("the log has more")
                return
            case .join(let late):
                #expect(late == nil && first == .init(cursor: cursor(10)))
                #expect(read == Array(11...UInt64(read.count + 10)))
                #expect(join.cursor >= cursor(89))
                return
            case .read(let after):
                let page = page(
                    after: after, entries: Array(after.sequence + 1...after.sequence + 16), head: cursor(200))
                guard case .send(let frame, nil) = join.received(page, ring: ring) else {
                    Issue.record("the page has what follows")
                    return
                }
                if let frame { first = frame }
                let steps = page.steps(after: join.cursor)
                read += steps.map(\.cursor.sequence)
                join.sent(through: steps.last?.cursor ?? join.cursor)
            }
        }
    }

    @Test("a client that took only part of a page reads on from there")
    func partOfPage() {
        let ring = ring(of: 90...100)
        var join = ResumeJoin.resuming(after: cursor(10))
        _ = join.advance(in: ring)
        _ = join.received(page(after: cursor(10), entries: Array(11...20), head: cursor(100)), ring: ring)
        join.sent(through: cursor(13))
        #expect(join.advance(in: ring) == .read(after: cursor(13)))
    }

    @Test("one page serves every client that stands within it, and no other")
    func sharedPage() {
        let page = page(after: cursor(10), entries: Array(11...20), head: cursor(100))
        let ring = ring(of: 90...100)
        for sequence in UInt64(1)...30 {
            var join = ResumeJoin.resuming(after: cursor(sequence))
            let isServed = (10..<20).contains(sequence)
            #expect(page.offers(cursor(sequence)) == isServed)
            #expect((join.received(page, ring: ring) == .nothing) == !isServed, "\(sequence)")
            #expect(
                page.steps(after: cursor(sequence)).first?.cursor
                    == (sequence < 20 ? cursor(max(11, sequence + 1)) : nil))
        }
    }

    @Test(
        "a cursor of a branch that was lost gets resumed, then a reset from where it stands, then what follows the fork"
    )
    func lostBranch() {
        // The log lost 81 to 100, of which 100 was known, and goes on in generation 2.
        let entries = [logEntry(1, 79), logEntry(1, 80), logEntry(2, 101), logEntry(2, 102)]
        let head = Cursor(generation: 2, sequence: 102)
        let ring = ring(of: 1...100)
        for (after, given) in [
            (cursor(90), cursor(90)), (cursor(78), cursor(90)), (cursor(80), cursor(80)), (cursor(78), cursor(80)),
        ] {
            let page = ResumePage(
                after: after, head: head, resumableFrom: cursor(0),
                answer: .entries(entries.filter { $0.cursor > after }))
            var join = ResumeJoin.resuming(after: given)
            let to = Cursor(generation: 2, sequence: 100)
            #expect(
                join.received(page, ring: ring)
                    == .send(first: .init(cursor: given), reset: .init(from: given, to: to)))
            #expect(page.steps(after: join.cursor).map(\.cursor.sequence) == [101, 102])
        }
    }

    @Test("the ring does not judge cursors of a generation that is no longer its own: it may hold what the log lost")
    func olderGenerationInRing() {
        let feed = makeFeed(entries: 100)
        feed.append(reset(generation: 2, sequence: 100))
        var lost = ResumeJoin.resuming(after: cursor(90))
        #expect(lost.advance(in: feed.ring) == .read(after: cursor(90)))
        var moved = ResumeJoin.resuming(after: Cursor(generation: 2, sequence: 100))
        #expect(moved.advance(in: feed.ring) == .join(first: .init(cursor: Cursor(generation: 2, sequence: 100))))
    }

    @Test("every move of the generation stands in the page, also one with nothing after it")
    func moves() {
        let entries = [logEntry(1, 5), logEntry(3, 6), logEntry(3, 7), logEntry(4, 8)]
        let page = ResumePage(
            after: cursor(4), head: Cursor(generation: 4, sequence: 8), resumableFrom: cursor(0),
            answer: .entries(entries))
        #expect(
            page.steps == [
                .entry(entries[0]), .move(from: cursor(5), to: Cursor(generation: 3, sequence: 5)), .entry(entries[1]),
                .entry(entries[2]),
                .move(from: Cursor(generation: 3, sequence: 7), to: Cursor(generation: 4, sequence: 7)),
                .entry(entries[3]),
            ])
        let head = Cursor(generation: 2, sequence: 9)
        let empty = ResumePage(after: cursor(9), head: head, resumableFrom: cursor(0), answer: .entries([]))
        var join = ResumeJoin.resuming(after: cursor(9))
        #expect(
            join.received(empty, ring: ring(of: 1...9))
                == .send(first: .init(cursor: cursor(9)), reset: .init(from: cursor(9), to: head)))
        #expect(join.cursor == head)
    }

    @Test("a client of the empty log missed nothing, and no move concerns it")
    func emptyLog() {
        var join = ResumeJoin.resuming(after: .zero)
        let page = ResumePage(
            after: .zero, head: cursor(2), resumableFrom: cursor(0), answer: .entries([logEntry(1, 1), logEntry(1, 2)]))
        #expect(join.received(page, ring: ring(of: 1...2)) == .send(first: .init(cursor: .zero), reset: nil))
        #expect(page.steps(after: join.cursor).map(\.cursor) == [cursor(1), cursor(2)])
    }

    @Test("a client of the empty log is told when the log goes on from further than its first entry")
    func emptyLogLostItsBeginning() {
        var join = ResumeJoin.resuming(after: .zero)
        let page = ResumePage(
            after: .zero, head: cursor(107), resumableFrom: cursor(0),
            answer: .entries([logEntry(1, 106), logEntry(1, 107)]))
        #expect(
            join.received(page, ring: ring(of: 106...107))
                == .send(first: .init(cursor: .zero), reset: .init(from: .zero, to: cursor(105))))
        #expect(page.steps(after: join.cursor).map(\.cursor) == [cursor(106), cursor(107)])
        var other = ResumeJoin.resuming(after: .zero)
        let nothing = ResumePage(after: .zero, head: cursor(105), resumableFrom: cursor(0), answer: .entries([]))
        #expect(
            other.received(nothing, ring: Ring(bounds: .init(entriesMax: 1, bytesMax: 1), startingAfter: cursor(105)))
                == .send(first: .init(cursor: .zero), reset: .init(from: .zero, to: cursor(105))))
    }

    @Test("what was trimmed, or lies far beyond the end of its generation, cannot be resumed")
    func refused() {
        let ring = ring(of: 90...100)
        let trimmed = ResumePage(after: cursor(3), head: cursor(100), resumableFrom: cursor(50), answer: .trimmed)
        for sequence in UInt64(3)...49 {
            var join = ResumeJoin.resuming(after: cursor(sequence))
            #expect(
                join.received(trimmed, ring: ring)
                    == .startFresh(.trimmed(cursor(sequence), resumableFrom: cursor(50))))
        }
        // A page that was read for another cursor cannot tell whether there was such a generation.
        let invented = Cursor(generation: 2, sequence: 7)
        let spanning = ResumePage(
            after: cursor(8), head: Cursor(generation: 3, sequence: 9), resumableFrom: cursor(0),
            answer: .entries([logEntry(3, 9)]))
        var join = ResumeJoin.resuming(after: invented)
        #expect(join.received(spanning, ring: ring) == .nothing)
        let beyond = cursor(1_000_000)
        join = .resuming(after: beyond)
        #expect(join.received(spanning, ring: ring) == .startFresh(.beyondGeneration(beyond)))
        #expect(join.awaitsFirstFrame)
    }

    @Test("a generation that the log does not know is believed to be wrong only after some ticks: it may be told of it")
    func unknownGeneration() {
        let ring = ring(of: 1...10)
        let invented = Cursor(generation: 2, sequence: 7)
        let head = Cursor(generation: 3, sequence: 9)
        let unknown = ResumePage(after: invented, head: head, resumableFrom: head, answer: .unknownGeneration)
        var lost = ResumeJoin.resuming(after: invented)
        var reading = ResumeJoin.reading(after: invented)
        for _ in 0..<3 {
            #expect(lost.advance(in: ring) == .read(after: invented))
            #expect(lost.received(unknown, ring: ring) == .nothing)
            #expect(lost.received(unknown, ring: ring) == .nothing, "one answer counts in a tick")
            #expect(reading.received(unknown, ring: ring) == .nothing)
            #expect(lost.advance(in: ring) == .wait)
            lost.ticked()
            reading.ticked()
        }
        var found = lost
        #expect(lost.received(unknown, ring: ring) == .startFresh(.unknownGeneration(invented)))
        let settled = ResumePage(
            after: invented, head: Cursor(generation: 4, sequence: 10), resumableFrom: cursor(0),
            answer: .entries([logEntry(4, 10)]))
        let to = Cursor(generation: 4, sequence: 9)
        #expect(
            found.received(settled, ring: ring)
                == .send(first: .init(cursor: invented), reset: .init(from: invented, to: to)))
        #expect(reading.received(settled, ring: ring) == .send(first: nil, reset: .init(from: invented, to: to)))
    }

    @Test("where a log begins another page cannot tell what came before it")
    func foreignBeginning() {
        let ring = ring(of: 1...10)
        let begun = Cursor(generation: 5, sequence: 0)
        let old = Cursor(generation: 4, sequence: 40)
        let other = ResumePage(
            after: .zero, head: Cursor(generation: 5, sequence: 1), resumableFrom: begun,
            answer: .entries([logEntry(5, 1)]))
        var join = ResumeJoin.resuming(after: old)
        #expect(join.received(other, ring: ring) == .nothing)
        let own = ResumePage(
            after: old, head: Cursor(generation: 5, sequence: 1), resumableFrom: begun, answer: .trimmed)
        #expect(join.received(own, ring: ring) == .startFresh(.trimmed(old, resumableFrom: begun)))
    }

    @Test("a cursor ahead of the log is believed to be wrong only after some ticks: the log may have lost its end")
    func ahead() {
        let ring = ring(of: 1...10)
        var join = ResumeJoin.resuming(after: cursor(20))
        let page = ResumePage(after: cursor(20), head: cursor(10), resumableFrom: cursor(0), answer: .ahead)
        for _ in 0..<3 {
            #expect(join.advance(in: ring) == .read(after: cursor(20)))
            #expect(join.received(page, ring: ring) == .nothing)
            #expect(join.received(page, ring: ring) == .nothing, "one answer counts in a tick")
            #expect(join.advance(in: ring) == .wait)
            join.ticked()
        }
        #expect(join.received(page, ring: ring) == .startFresh(.ahead(cursor(20), head: cursor(10))))
    }

    @Test("a cursor that this replica has seen and the log lost waits for the log to be settled, then comes back later")
    func lostEnd() {
        let ring = ring(of: 30...40)
        var join = ResumeJoin.resuming(after: cursor(20))
        let page = ResumePage(after: cursor(20), head: cursor(10), resumableFrom: cursor(0), answer: .ahead)
        var answers: [ResumeJoin.Answer] = []
        while answers.last != .comeBack {
            answers.append(join.received(page, ring: ring))
            join.ticked()
        }
        #expect(answers.count == 10)
        // Settled in time, it is told of the move.
        join = .resuming(after: cursor(20))
        _ = join.received(page, ring: ring)
        join.ticked()
        let head = Cursor(generation: 2, sequence: 40)
        let settled = ResumePage(after: cursor(20), head: head, resumableFrom: cursor(0), answer: .entries([]))
        #expect(
            join.received(settled, ring: ring)
                == .send(first: .init(cursor: cursor(20)), reset: .init(from: cursor(20), to: head)))
    }

    @Test("a client in the middle of its reading is closed when retention overtakes it, or the log it read is no more")
    func overtaken() {
        let ring = ring(of: 90...100)
        var join = ResumeJoin.reading(after: cursor(20))
        let trimmed = ResumePage(after: cursor(20), head: cursor(100), resumableFrom: cursor(50), answer: .trimmed)
        #expect(join.received(trimmed, ring: ring) == .overtaken)
        join = .reading(after: cursor(120))
        let gone = ResumePage(after: cursor(120), head: cursor(100), resumableFrom: cursor(0), answer: .ahead)
        for _ in 0..<9 {
            #expect(join.received(gone, ring: ring) == .nothing)
            join.ticked()
        }
        #expect(join.received(gone, ring: ring) == .overtaken)
    }

    @Test("a read that fails sends a client without a first frame away; another waits for the next tick")
    func failed() {
        let ring = ring(of: 90...100)
        var join = ResumeJoin.resuming(after: cursor(20))
        #expect(join.readFailed() == .comeBack)
        join = .reading(after: cursor(20))
        #expect(join.readFailed() == .nothing)
        #expect(join.advance(in: ring) == .wait)
        join.ticked()
        #expect(join.advance(in: ring) == .read(after: cursor(20)))
    }

    @Test("at the end of the log a client waits for the ring, and asks again with the next tick")
    func atEnd() {
        let behind = ring(of: 90...100)
        var join = ResumeJoin.reading(after: cursor(105))
        #expect(join.advance(in: behind) == .read(after: cursor(105)))
        let page = ResumePage(after: cursor(105), head: cursor(105), resumableFrom: cursor(0), answer: .entries([]))
        #expect(join.received(page, ring: behind) == .nothing)
        #expect(join.advance(in: behind) == .wait)
        #expect(join.advance(in: ring(of: 90...104)) == .wait)
        #expect(join.advance(in: ring(of: 90...110)) == .join(first: nil))
        join.ticked()
        #expect(join.advance(in: behind) == .read(after: cursor(105)))
    }

    private func ring(of sequences: ClosedRange<UInt64>) -> Ring {
        var ring = Ring(
            bounds: .init(entriesMax: 1_000, bytesMax: 1 << 20), startingAfter: cursor(sequences.lowerBound - 1))
        for sequence in sequences { ring.append(entry(sequence)) }
        return ring
    }

    private func page(after: Cursor, entries: [UInt64], head: Cursor) -> ResumePage {
        ResumePage(
            after: after, head: head, resumableFrom: cursor(0), answer: .entries(entries.map { logEntry(1, $0) }))
    }
}

@Suite("A pass through the log takes everybody along whom it comes by")
struct ResumePassTests {
    @Test(
        "5,000 clients anywhere in 5,000 entries are all served by one walk through them",
        arguments: [1, 7, 42] as [UInt64])
    func storm(seed: UInt64) {
        var random = Generator(state: seed)
        var clients = (0..<5_000).map { _ in
            (at: UInt64.random(in: 0..<5_000, using: &random), share: ResumePass.Share())
        }
        var pass = ResumePass(pagesMax: 100)
        var reads = 0
        while let from = pass.next(among: clients.filter { $0.at < 5_000 }.map { (cursor(UInt64($0.at)), $0.share) }) {
            reads += 1
            for index in clients.indices where (from.sequence..<from.sequence + 128).contains(clients[index].at) {
                clients[index].at = from.sequence + 128
                pass.count(&clients[index].share)
            }
        }
        #expect(reads <= 5_000 / 128 + 1, "seed \(seed)")
    }

    @Test("clients near the ring get their turn although others begin again and again at the far end of the log")
    func fairness() {
        var pass = ResumePass(pagesMax: 4)
        var far = (at: UInt64(0), share: ResumePass.Share())
        var readsUntilNear = 0
        while let from = pass.next(among: [(cursor(far.at), far.share), (cursor(900_000), ResumePass.Share())]) {
            if from.sequence == 900_000 { break }
            readsUntilNear += 1
            far.at += 128
            pass.count(&far.share)
            if readsUntilNear > 100 { break }
        }
        #expect(readsUntilNear == 4)
        // Who is left behind is served by the next pass.
        #expect(pass.next(among: [(cursor(far.at), far.share)]) == cursor(far.at))
    }

    @Test("nobody waits, nothing is read")
    func idle() {
        var pass = ResumePass()
        #expect(pass.next(among: [(cursor: Cursor, share: ResumePass.Share)]()) == nil)
    }

    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }
}
