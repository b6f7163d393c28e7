import PosixIO
import Testing
import ThreatFeed
import TocsinClient
import WebSocketProtocol

/// What the clients of a load make of the bytes they receive, without sockets.
@Suite struct LoadTests {
    private static let prefix = "bench-1-2"
    private static let generation: UInt64 = 1_700_000_000_000
    private let due = MonotonicTime(nanoseconds: 1_000_000_000)

    private func cursor(_ sequence: UInt64, _ generation: UInt64 = LoadTests.generation) -> Cursor {
        Cursor(generation: generation, sequence: sequence)
    }

    private func id(_ number: Int) -> String {
        var text: [UInt8] = []
        LoadStamp(number: number, due: due).append(prefix: Array(Self.prefix.utf8), to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private func wire(_ number: Int, bytes: Int = 60) -> [UInt8] {
        Array("frame \(number) ".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: bytes)
    }

    /// Lets a client receive what another client has received before.
    private func receive(
        _ bytes: [UInt8], _ ledger: inout LoadLedger, _ position: inout Cursor, after microseconds: Int64 = 5
    ) -> Int {
        let now = due + .microseconds(microseconds)
        return bytes.withUnsafeBytes { ledger.takeKnown($0, position: &position, now: now) }
    }

    /// A ledger that has read threats 0..<count, with cursors from 1 on.
    private func ledger(_ count: Int, isFiltered: Bool = false) -> LoadLedger {
        var ledger = LoadLedger(idPrefix: Self.prefix, isFiltered: isFiltered)
        var position = cursor(0)
        for number in 0..<count {
            ledger.take(
                cursor(UInt64(number) + 1), threatID: id(number), wire: wire(number)[...], position: &position,
                now: due + .microseconds(3))
        }
        return ledger
    }

    @Test("an id tells number and time, and is read only with the prefix of its load")
    func stamps() {
        let stamp = LoadStamp(number: 42, due: due)
        #expect(id(42) == "bench-1-2-42.1000000000")
        #expect(LoadStamp(id: id(42), prefix: Self.prefix) == stamp)
        for other in [
            "bench-1-3-42.1000000000", "bench-1-2", "bench-1-2-", "bench-1-2-4", "bench-1-2-4.", "bench-1-2--1.5",
            "bench-1-2-4.5.6", "bench-1-2-99999999999.5", "bench-1-24.5",
        ] {
            #expect(LoadStamp(id: other, prefix: Self.prefix) == nil, "\(other)")
        }
    }

    @Test("bytes that another client has received are known again, as many entries as are there whole")
    func knownBytes() {
        var ledger = ledger(3)
        #expect(ledger.deliveries == 3)
        var position = cursor(0)
        let two = wire(0) + wire(1)
        #expect(receive(two + wire(2).dropLast(), &ledger, &position) == two.count)
        #expect(position == cursor(2))
        #expect(ledger.deliveries == 5)
        #expect(receive(wire(2), &ledger, &position, after: 9) == wire(2).count)
        #expect(receive(wire(3), &ledger, &position) == 0, "nobody has read it yet")
        #expect(ledger.tallies[2].receipts == 2)
        #expect(ledger.tallies[2].latencyMaxMicroseconds == 9)
        #expect(LoadLatency(ledger.latency)?.max == 0.009)
        #expect(ledger.gaps + ledger.duplicates + ledger.disorder == 0)
    }

    @Test("bytes that differ in one place, or are of another place in the log, are not taken for known")
    func unknownBytes() {
        var ledger = ledger(3)
        for index in wire(0).indices {
            var bytes = wire(0)
            bytes[index] ^= 1
            var position = cursor(0)
            #expect(receive(bytes, &ledger, &position) == 0)
        }
        var ahead = cursor(1)
        #expect(receive(wire(0), &ledger, &ahead) == 0)
        var elsewhere = cursor(0, 7)
        #expect(receive(wire(0), &ledger, &elsewhere) == 0)
        #expect(ledger.deliveries == 3)
    }

    @Test("more entries than are kept leave none of them mistaken for another")
    func forgetting() {
        var ledger = LoadLedger(idPrefix: Self.prefix, isFiltered: false)
        var first = cursor(0)
        let count = 400
        for number in 0..<count {
            ledger.take(
                cursor(UInt64(number) + 1), threatID: id(number), wire: wire(number, bytes: 60_000)[...],
                position: &first, now: due)
        }
        var known = 0
        for number in 0..<count {
            var position = cursor(UInt64(number))
            let bytes = wire(number, bytes: 60_000)
            if receive(bytes, &ledger, &position) == bytes.count { known += 1 }
        }
        #expect(known > 200, "16 MiB are kept")
        #expect(known < count)
        var position = cursor(UInt64(count) - 1)
        #expect(receive(wire(count - 1, bytes: 60_000), &ledger, &position) > 0, "the newest always")
    }

    @Test("a missing entry is a gap, for a client without a filter; also when a heartbeat tells of it")
    func gaps() {
        for isFiltered in [false, true] {
            var ledger = ledger(0, isFiltered: isFiltered)
            var position = cursor(4)
            ledger.take(cursor(8), threatID: id(0), wire: [], position: &position, now: due)
            #expect(ledger.gaps == (isFiltered ? 0 : 3))
            ledger.take(heartbeat: cursor(10), position: &position)
            #expect(ledger.gaps == (isFiltered ? 0 : 5))
            #expect(position == cursor(10))
        }
    }

    @Test("repetition, return, a silent new generation and two threats at one cursor are found")
    func disorder() {
        var ledger = ledger(3)
        var position = cursor(3)
        ledger.take(cursor(3), threatID: id(2), wire: [], position: &position, now: due)
        #expect(ledger.duplicates == 1)
        ledger.take(cursor(1), threatID: id(0), wire: [], position: &position, now: due)
        #expect(ledger.disorder == 1)
        #expect(position == cursor(3))
        ledger.take(cursor(4, Self.generation + 1), threatID: id(3), wire: [], position: &position, now: due)
        #expect(ledger.disorder == 2)
        var other = cursor(1)
        ledger.take(cursor(2), threatID: id(77), wire: [], position: &other, now: due)
        #expect(ledger.disorder == 3)
        #expect(ledger.deliveries == 5)
        var newcomer = Cursor.zero
        ledger.take(cursor(1), threatID: id(0), wire: [], position: &newcomer, now: due)
        #expect(ledger.disorder == 3, "a client of the empty log begins with the first generation")
    }

    @Test("threats of others are received in order too, and count for nothing else")
    func others() {
        var ledger = ledger(0)
        var position = cursor(0)
        ledger.take(cursor(1), threatID: "someone-else", wire: wire(0)[...], position: &position, now: due)
        var second = cursor(0)
        #expect(receive(wire(0), &ledger, &second) == wire(0).count)
        #expect(ledger.others == 2)
        #expect(ledger.deliveries == 0)
        #expect(LoadLatency(ledger.latency) == nil)
    }

    @Test("a frame's end is found as soon as it is there, and not before", arguments: [0, 125, 126, 65_535, 65_536])
    func frames(payloadLength: Int) {
        let payload = [UInt8](repeating: 7, count: payloadLength)
        let frame = FrameEncoder.frame(opcode: .text, payload: payload.span)
        #expect(LoadUnit.frameLength((frame + [1, 2, 3])[...]) == frame.count)
        for count in [0, 1, 2, 3, 9, frame.count - 1] where count < frame.count {
            #expect(LoadUnit.frameLength(frame.prefix(count)) == nil, "\(count)")
        }
        let huge: [UInt8] = [0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]
        #expect(LoadUnit.frameLength(huge[...]) == nil)
    }

    @Test("an event ends with its empty line")
    func events() {
        let event = Array("id: 1-2\nevent: new_threat\ndata: {\"type\":1}\n\n".utf8)
        #expect(LoadUnit.eventLength((event + Array("id: 3".utf8))[...]) == event.count)
        for count in 0..<event.count { #expect(LoadUnit.eventLength(event.prefix(count)) == nil) }
        #expect(LoadUnit.eventData(event[...]).map(Array.init) == Array("{\"type\":1}".utf8))
        #expect(LoadUnit.eventData(Array("retry: 2000\n\n".utf8)[...]) == nil)
    }

    @Test("an answer is read when it is whole, wherever it was cut")
    func answers() throws {
        let text =
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nretry-after: 2\r\n"
            + "Content-Length: 4\r\nConnection: close\r\n\r\n{ab}"
        let answer = Array("xx\(text)".utf8).dropFirst(2)
        for count in 0..<answer.count {
            #expect(LoadAnswer.read(answer.prefix(count)) == .incomplete, "\(count)")
        }
        guard case .answer(let read) = LoadAnswer.read(answer) else {
            Issue.record("not read: \(text)")
            return
        }
        #expect(read.status == 503)
        #expect(read.retryAfterSeconds == 2)
        #expect(!read.isKeptAlive)
        #expect(answer[read.body].elementsEqual("{ab}".utf8))
        for unusual in [
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n  ",
            "HTTP/1.1 201 Created\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        ] {
            #expect(LoadAnswer.read(Array(unusual.utf8)[...]) == .unusual, "\(unusual)")
        }
    }

    @Test("each item of a batch's answer has its status, whatever its problem says")
    func items() {
        let problem = #"{"type":"about:blank","title":"x {\"status\":200","status":422,"detail":"{"}"#
        let body = Array(#"[{"status":201,"id":"a"},{"status":422,"error":\#(problem)},{"status":503}]"#.utf8)
        #expect(LoadAnswer.itemStatuses(body[...], count: 3) == [201, 422, 503])
        #expect(LoadAnswer.itemStatuses(body[...], count: 2) == nil)
        let spaced = Array(#"[ { "id": "a", "status": 200 } ]"#.utf8)
        #expect(LoadAnswer.itemStatuses(spaced[...], count: 1) == [200])
    }

    @Test("a threat with a higher number than is counted is taken for one of others")
    func numbersBeyondTheBound() {
        var ledger = LoadLedger(idPrefix: Self.prefix, isFiltered: false, threatsMax: 2)
        var position = cursor(0)
        for number in 0..<4 {
            ledger.take(cursor(UInt64(number) + 1), threatID: id(number), wire: [], position: &position, now: due)
        }
        #expect(ledger.deliveries == 2)
        #expect(ledger.others == 2)
        #expect(ledger.tallies[1].receipts == 1)
        #expect(ledger.tallies[2].receipts == 0)
    }

    @Test("what a load holds is bounded as a whole: more threads count fewer threats")
    func boundOfTheWhole() throws {
        let urls = [try ServerURL("http://127.0.0.1:1")]
        func threatsMax(clients: Int, threads: Int) -> Int {
            LoadOptions(urls: urls, clients: clients, threads: threads, idPrefix: Self.prefix).threatsMax
        }
        #expect(threatsMax(clients: 100, threads: 1) == LoadTallies.talliesMax)
        #expect(threatsMax(clients: 100, threads: 64) * 64 == LoadTallies.talliesMax)
        #expect(threatsMax(clients: 2, threads: 64) * 2 == LoadTallies.talliesMax)
        #expect(threatsMax(clients: 0, threads: 64) == LoadTallies.talliesMax)
    }

    @Test("posts are due at their rate, and at the latest with the end, however long that would take")
    func dueTimes() throws {
        func due(_ post: Int, rate: Double?, batch: Int = 1) throws -> Duration? {
            LoadPostOptions(
                urls: [try ServerURL("http://127.0.0.1:1")], batch: batch, rate: rate, period: .seconds(10),
                idPrefix: Self.prefix, threatsMax: 1_000
            ).dueTime(ofPost: post)
        }
        #expect(try due(7, rate: nil) == nil)
        #expect(try due(0, rate: 2) == .zero)
        #expect(try due(7, rate: 2) == .milliseconds(3_500))
        #expect(try due(7, rate: 100, batch: 50) == .milliseconds(3_500))
        #expect(try due(21, rate: 2) == .seconds(10))
        #expect(try due(1, rate: 1e-10) == .seconds(10))
        #expect(try due(1_000_000, rate: .leastNormalMagnitude) == .seconds(10))
    }

    // MARK: - What it came to

    @Test("a post of which nothing is kept has no time of acknowledgement, not even as the longest")
    func refusedPost() {
        var posts = LoadPosts()
        #expect(posts.take([201, 422, 200], firstNumber: 0, due: due, now: due + .milliseconds(2)) == 2)
        #expect(posts.take([422, 422], firstNumber: 3, due: due, now: due + .milliseconds(900)) == 0)
        #expect(posts.failed == 3)
        #expect(posts.acknowledgedCount == 2)
        #expect(LoadLatency(posts.latency).map { $0.max < 3 } == true)
        #expect(posts.lastAnswer == due + .milliseconds(900))
    }

    /// A load of two threats to one client, of which the second does not come.
    private func summary(_ ending: LoadWait.Ending) -> LoadSummary {
        var posts = LoadPosts()
        let start = posts.start
        _ = posts.take([201, 201], firstNumber: 0, due: start, now: start + .milliseconds(500))
        var result = LoadLoopResult()
        result.clients = 1
        var ledger = LoadLedger(idPrefix: Self.prefix, isFiltered: false)
        var position = cursor(0)
        ledger.take(cursor(1), threatID: id(0), wire: [], position: &position, now: start + .seconds(8))
        result.ledger = ledger
        return LoadSummary(posts: posts, receipts: LoadReceipts([result]), ending: ending)
    }

    @Test("posts a second count until the last answer, however late the last receipt is")
    func postsPerSecond() {
        let summary = summary(.silence)
        #expect(summary.postsPerSecond == 4)
        #expect(summary.elapsed == .seconds(8))
    }

    @Test("what is missing is lost, still coming or not awaited, as the wait ended")
    func missing() {
        for ending in [LoadWait.Ending.complete, .silence, .timeUp, .interrupted] {
            let summary = summary(ending)
            #expect(summary.owed == 2)
            #expect(!summary.isKept)
            let isLost = ending == .silence || ending == .complete
            #expect(summary.isWrong == isLost)
            #expect(summary.lost == (isLost ? 1 : 0))
            #expect(summary.stillComing == (ending == .timeUp ? 1 : 0))
            #expect(summary.notAwaited == (ending == .interrupted ? 1 : 0))
        }
    }

    @Test("it waits as long as something comes, up to a limit, and not at all for a user who does not want to")
    func waiting() {
        var wait = LoadWait(owed: 1_000, isExact: true, seen: 10, now: due)
        for second in 1..<300 {
            #expect(wait.look(seen: 10 + second, isInterrupted: false, now: due + .seconds(second)) == nil)
        }
        #expect(wait.missing == 691)
        #expect(wait.look(seen: 310, isInterrupted: false, now: due + .seconds(300)) == .timeUp)
        #expect(wait.look(seen: 1_000, isInterrupted: true, now: due + .seconds(300)) == .complete)

        var silent = LoadWait(owed: 1_000, isExact: true, seen: 10, now: due)
        #expect(silent.look(seen: 11, isInterrupted: false, now: due + .seconds(4)) == nil)
        #expect(silent.look(seen: 11, isInterrupted: false, now: due + .milliseconds(8_999)) == nil)
        #expect(silent.look(seen: 11, isInterrupted: true, now: due + .milliseconds(8_999)) == .interrupted)
        #expect(silent.look(seen: 11, isInterrupted: false, now: due + .seconds(9)) == .silence)

        var inexact = LoadWait(owed: 10, isExact: false, seen: 10, now: due)
        #expect(inexact.look(seen: 10, isInterrupted: false, now: due + .seconds(1)) == nil)
        #expect(inexact.look(seen: 10, isInterrupted: false, now: due + .milliseconds(1_001)) == .complete)
    }

    @Test("a set of numbers has each once")
    func numbers() {
        var numbers = LoadNumbers()
        for number in [0, 63, 64, 1_000, 63] { numbers.insert(number) }
        #expect(numbers.count == 4)
        #expect((0..<numbers.end).filter { numbers.contains($0) } == [0, 63, 64, 1_000])
        #expect(!numbers.contains(1_000_000))
    }
}
