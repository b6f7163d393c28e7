import Testing
import ThreatFeed
import WebSocketProtocol

@testable import TocsinServer

@Suite("What is held for a connection")
struct ConnectionStateTests {
    @Test("ten thousand idle clients need less than two megabytes of slots")
    func slotSize() {
        #expect(MemoryLayout<Connection>.stride <= 168)
    }

    @Test("a time that never comes is none")
    func never() {
        #expect(Tick.never.unlessNever == nil)
        #expect(Tick(count: 7).unlessNever == Tick(count: 7))
    }

    @Test("a WebSocket owns a decoder only while a message is arriving, and knows since when")
    func decoderWhileArriving() throws {
        var session = WebSocketSession(windowBits: nil, now: Tick(count: 1))
        var made = 0
        let make = { (isCompressed: Bool) -> MessageDecoder in
            made += 1
            return MessageDecoder(role: .server, limits: WebSocketLimits())
        }
        let frame = FrameEncoder.frame(
            opcode: .text, payload: Array("hello".utf8).span, maskingKey: MaskingKey(1, 2, 3, 4))
        for second in 0..<2 {
            session.receive(Array(frame[..<4]).span, makeDecoder: make)
            #expect(try session.nextEvent() == nil)
            session.noteProgress(now: Tick(count: 10))
            session.noteProgress(now: Tick(count: 20))
            #expect(session.messageSince == Tick(count: 10))
            #expect(session.bufferedBytes > 0)
            session.receive(Array(frame[4...]).span, makeDecoder: make)
            #expect(try session.nextEvent() == .text(Array("hello".utf8)))
            #expect(try session.nextEvent() == nil)
            session.noteProgress(now: Tick(count: 30))
            #expect(session.messageSince == nil)
            #expect(session.bufferedBytes == 0)
            #expect(made == second + 1)
        }
    }

    @Test("the allowance for messages is over ten seconds, and begins anew after them")
    func allowance() {
        var session = WebSocketSession(windowBits: 15, now: Tick(count: 0))
        for _ in 0..<20 {
            let isWithin = session.countReceived(now: Tick(count: 99), messagesPerSecondMax: 2)
            #expect(isWithin)
        }
        let isWithin = session.countReceived(now: Tick(count: 99), messagesPerSecondMax: 2)
        #expect(!isWithin)
        let isWithinLater = session.countReceived(now: Tick(count: 100), messagesPerSecondMax: 2)
        #expect(isWithinLater)
    }
}

@Suite("The first frame of fresh clients")
struct FirstFrameTests {
    private let first = PrivateFrame(Array(#"{"type":"initial_batch"}"#.utf8))
    private let high = Filter(minSeverity: .high, threatTypes: [], customerNames: [])

    private func key(
        head: UInt64 = 9, trimmed: UInt64 = 0, history: Int = 20, filter: Filter = .everything
    ) -> FirstFrame.Key {
        FirstFrame.Key(
            head: Cursor(generation: 1, sequence: head), trimmedThrough: Cursor(generation: 1, sequence: trimmed),
            history: history, filter: filter)
    }

    @Test("is used again only while nothing has changed that it is made of")
    func reuse() {
        var frame = FirstFrame()
        #expect(frame.frame(of: key()) == nil)
        frame.keep(first, of: key())
        #expect(frame.frame(of: key()) === first)
        #expect(frame.frame(of: key(head: 10)) == nil)
        #expect(frame.frame(of: key(trimmed: 1)) == nil)
        #expect(frame.frame(of: key(history: 19)) == nil)
        #expect(frame.frame(of: key(filter: high)) == nil)
    }

    @Test("without history is the same whatever the filter")
    func withoutHistory() {
        var frame = FirstFrame()
        frame.keep(first, of: key(history: 0, filter: high))
        #expect(frame.frame(of: key(history: 0)) === first)
    }

    @Test("is not kept when it is long")
    func long() {
        var frame = FirstFrame()
        frame.keep(PrivateFrame([UInt8](repeating: 0x20, count: (256 << 10) + 1)), of: key())
        #expect(frame.frame(of: key()) == nil)
    }
}
