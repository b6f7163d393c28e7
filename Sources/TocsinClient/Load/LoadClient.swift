import Codecs
import HTTPProtocol
import PosixIO
import ThreatFeed
import WebSocketProtocol

/// What the clients of one loop use in turn.
final class LoadTools {
    var scanner = JSONScanner(limits: .delivered)
    let inflate = Inflater().inflateMessage
}

/// One client of a load over all its connections, driven by readiness events of its loop.
final class LoadClient {
    /// What one event came to.
    enum Outcome {
        case nothing
        /// The first frame of this connection has come: the client is in the feed.
        case joined
        case ended(FeedEnding)
    }

    private enum State {
        case idle
        case connecting
        /// The TLS handshake.
        case securing
        case awaitingAnswer(received: [UInt8])
        case open
    }

    /// The loop's scratch buffer: room for what is left of the last receipt, and for the next.
    static let scratchBytes = 512 << 10
    private static let leftoverBytesMax = scratchBytes / 2
    private static let messageBytesMax = 8 << 20
    private static let outputBytesMax = 64 << 10

    private let query: FeedQuery
    private let wire: LoadWire
    private let tools: LoadTools
    private var state = State.idle
    private var transport: Transport?
    private var handshake: ClientHandshake?
    private var request: [UInt8] = []
    /// The answer's content is chunked, which proxies do to event streams.
    private var chunks: HTTPResponseDecoder?
    private var isDeflated = false
    /// There while a message is in the making that did not come as one frame.
    private var decoder: MessageDecoder?
    /// The beginning of a unit whose end has not come, bounded by `leftoverBytesMax`.
    private var leftover: [UInt8] = []
    /// Bytes the socket did not take, bounded by `outputBytesMax`.
    private var output: [UInt8] = []
    private var position = Cursor.zero
    private var hasPosition = false
    private var now = MonotonicTime(nanoseconds: 0)
    private var outcome = Outcome.nothing

    /// Counts the connections, to tell late events of a former one.
    private(set) var generation: UInt32 = 0
    private(set) var isJoined = false
    private(set) var resets = 0
    private(set) var refusedResumes = 0
    var comingBack = FeedReturn(Backoff(first: .milliseconds(100), longest: .seconds(2)))
    /// Attempts to connect, which choose the replica.
    var attempts: Int

    init(index: Int, options: LoadOptions, tools: LoadTools) {
        query = options.query(client: index)
        wire = options.wire
        attempts = index
        self.tools = tools
    }

    var descriptor: Int32? { transport?.descriptor }

    /// What to watch the socket for.
    var interest: PollEvents {
        let hasUnsent = !output.isEmpty || transport?.hasUnsent ?? false
        switch state {
        case .idle: return []
        case .connecting: return .writable
        case .securing, .awaitingAnswer, .open: return hasUnsent ? [.readable, .writable] : .readable
        }
    }

    /// Starts to connect; the client goes on after what it received last.
    func connect(to url: ServerURL, _ address: SocketAddress) throws(ClientError) {
        generation &+= 1
        attempts += 1
        transport = try Transport(connectingTo: address, url: url)
        state = .connecting
        let target = query.target(resumingAfter: hasPosition ? position : nil)
        switch wire {
        case .webSocket, .deflated:
            let handshake = ClientHandshake(
                host: url.authority, target: url.basePath + target, key: Base64.encode(RandomBytes.next(16)),
                compression: wire == .deflated ? .withoutContext : nil)
            request = handshake.request()
            self.handshake = handshake
        case .eventStream:
            let path = "\(url.basePath)/api/threats/stream\(target.dropFirst("/ws".count))"
            request = Array(
                "GET \(path) HTTP/1.1\r\nHost: \(url.authority)\r\nAccept: text/event-stream\r\n\r\n".utf8)
        }
    }

    /// Drops the connection, with a Close frame that nobody waits for.
    func disconnect() {
        if case .open = state, wire != .eventStream, output.isEmpty {
            append(.close, FrameEncoder.closePayload(.normalClosure))
            _ = flush()
        }
        // Closing the descriptor, which happens when the last reference goes, removes it from the poller.
        transport = nil
        handshake = nil
        decoder = nil
        chunks = nil
        isJoined = false
        isDeflated = false
        leftover = []
        output = []
        state = .idle
    }

    /// Handles one readiness event.
    /// - Parameter scratch: `scratchBytes`, whose contents do not matter.
    func handle(_ events: PollEvents, scratch: inout [UInt8], ledger: inout LoadLedger) -> Outcome {
        outcome = .nothing
        step(events, &scratch, &ledger)
        return outcome
    }

    private func step(_ events: PollEvents, _ scratch: inout [UInt8], _ ledger: inout LoadLedger) {
        guard let transport else { return }
        switch state {
        case .idle: return
        case .connecting:
            if let error = transport.connectionError { return end(.lost(error.description)) }
            if transport.isReadyToTalk { return sendRequest() }
            state = .securing
            if case .failed(let reason) = transport.beginHandshake() { end(.lost(reason)) }
        case .securing:
            if case .failed(let reason) = transport.flush() { return end(.lost(reason)) }
            receive(transport, &scratch, &ledger)
            if case .securing = state, transport.isReadyToTalk { sendRequest() }
        case .awaitingAnswer, .open:
            if events.contains(.writable), !flush() { return }
            guard !events.isDisjoint(with: [.readable, .hungUp, .peerClosed]) else { return }
            receive(transport, &scratch, &ledger)
        }
    }

    private func sendRequest() {
        state = .awaitingAnswer(received: [])
        output = request
        request = []
        flush()
    }

    private func receive(_ transport: Transport, _ scratch: inout [UInt8], _ ledger: inout LoadLedger) {
        // What is chunked is taken apart elsewhere first.
        let held = chunks == nil ? leftover.count : 0
        if held > 0 { scratch.replaceSubrange(0..<held, with: leftover) }
        switch transport.receive(into: &scratch, from: held) {
        case .bytes(let count):
            now = .now
            received(&scratch, held + count, &ledger)
            if transport.hasEnded { end(.lost("the connection ended")) }
        case .wouldBlock: return
        case .endOfStream: end(.lost("the connection ended"))
        case .failed(let reason): end(.lost(reason))
        }
    }

    private func received(_ scratch: inout [UInt8], _ end: Int, _ ledger: inout LoadLedger) {
        switch state {
        case .idle, .connecting, .securing: return
        case .awaitingAnswer(var received):
            received += scratch[..<end]
            state = .awaitingAnswer(received: received)
            answered(received, &scratch, &ledger)
        case .open:
            if chunks != nil { return unchunk(scratch[..<end], &ledger) }
            takeUnits(scratch[..<end], &ledger)
        }
    }

    /// Reads the head of the answer, and what follows it.
    private func answered(_ received: [UInt8], _ scratch: inout [UInt8], _ ledger: inout LoadLedger) {
        do throws(HandshakeError) {
            guard let (response, length) = try UpgradeResponse.decode(received) else { return }
            guard response.status == (wire == .eventStream ? 200 : 101) else {
                return end(FeedEnding(refusedWith: response))
            }
            if let handshake {
                isDeflated = try handshake.check(response) { Base64.encode(SHA1.hash($0)) } != nil
            }
            state = .open
            if wire == .eventStream, !response.values(of: "Transfer-Encoding").isEmpty {
                var chunks = HTTPResponseDecoder(bodyBytesMax: .max)
                chunks.sentRequest(.get)
                self.chunks = chunks
                return unchunk(received[...], &ledger)
            }
            takeUnits(received[length...], &ledger)
        } catch {
            end(.lost(error.detail))
        }
    }

    private func unchunk(_ bytes: ArraySlice<UInt8>, _ ledger: inout LoadLedger) {
        chunks?.append(bytes.span)
        do throws(HTTPResponseError) {
            while let event = try chunks?.next() {
                switch event {
                case .head: break
                case .body(let bytes): takeUnits((leftover + bytes)[...], &ledger)
                case .end: return end(.lost("the stream ended"))
                }
            }
        } catch {
            end(.lost("not an HTTP/1.1 answer (\(error))"))
        }
    }

    // MARK: - Units of the feed

    /// Takes what is whole and keeps the rest.
    private func takeUnits(_ bytes: ArraySlice<UInt8>, _ ledger: inout LoadLedger) {
        var rest = bytes
        while !rest.isEmpty, decoder == nil {
            // SAFETY: the pointer is used only inside the call, while the slice lives.
            rest = rest.dropFirst(
                rest.withUnsafeBytes { ledger.takeKnown($0, position: &position, now: now) })
            let length = wire == .eventStream ? LoadUnit.eventLength(rest) : LoadUnit.frameLength(rest)
            guard let length else { break }
            takeUnit(rest.prefix(length), &ledger)
            guard case .open = state else { return }
            rest = rest.dropFirst(length)
        }
        if decoder != nil || (wire != .eventStream && rest.count > Self.leftoverBytesMax) {
            // A fragmented or an enormous message: from here on the decoder keeps what is not whole.
            decode(rest, isWhole: false, &ledger)
            rest = []
        }
        guard rest.count <= Self.leftoverBytesMax else { return end(.lost("an event is too large")) }
        leftover.removeAll(keepingCapacity: true)
        leftover += rest
    }

    private func takeUnit(_ unit: ArraySlice<UInt8>, _ ledger: inout LoadLedger) {
        guard wire == .eventStream else { return decode(unit, isWhole: true, &ledger) }
        if let data = LoadUnit.eventData(unit) { take(Array(data), wire: unit, &ledger) }
    }

    /// - Parameter isWhole: Whether the bytes are one frame.
    private func decode(_ bytes: ArraySlice<UInt8>, isWhole: Bool, _ ledger: inout LoadLedger) {
        var current =
            decoder
            ?? MessageDecoder(
                role: .client, limits: WebSocketLimits(messageBytesMax: Self.messageBytesMax),
                inflater: isDeflated ? tools.inflate : nil)
        current.append(bytes.span)
        do throws(FrameError) {
            while let event = try current.next() {
                switch event {
                case .text(let text): take(text, wire: isWhole && decoder == nil ? bytes : [], &ledger)
                case .binary: end(.lost("a binary message"))
                case .ping(let payload):
                    append(.pong, payload)
                    flush()
                case .pong: break
                case .close(let code, let reason):
                    end(.closed(code, reason: String(decoding: reason, as: UTF8.self)))
                }
                guard case .open = state else { return }
            }
        } catch {
            return end(.lost("the replica broke RFC 6455: \(error.reason)"))
        }
        decoder = current.isIdle ? nil : current
    }

    private func take(_ text: [UInt8], wire: ArraySlice<UInt8>, _ ledger: inout LoadLedger) {
        do throws(ClientError) {
            let message = try FeedMessage(text, scanner: &tools.scanner)
            switch message.kind {
            case .initialBatch:
                if hasPosition && !message.recovered { refusedResumes += 1 }
                if let cursor = message.cursor { (position, hasPosition) = (cursor, true) }
                join()
            case .resumed: join()
            case .newThreat, .threatUpdated:
                guard let cursor = message.cursor else { throw .protocolViolation("an entry has no cursor") }
                ledger.take(cursor, threatID: message.threatID, wire: wire, position: &position, now: now)
            case .heartbeat, .filtered:
                if let cursor = message.cursor { ledger.take(heartbeat: cursor, position: &position) }
            case .reset:
                resets += 1
                if let cursor = message.cursor { position = cursor }
            case .error, .pong, .unknown: break
            }
        } catch {
            end(.lost(error.description))
        }
    }

    private func join() {
        guard !isJoined else { return }
        isJoined = true
        comingBack.opened(at: now)
        outcome = .joined
    }

    // MARK: - Sending

    private func append(_ opcode: Opcode, _ payload: [UInt8]) {
        FrameEncoder.append(
            opcode: opcode, payload: payload.span, maskingKey: MaskingKey(random: RandomBytes.nextUInt32()),
            to: &output)
    }

    /// - Returns: Whether the connection still stands.
    @discardableResult
    private func flush() -> Bool {
        guard let transport else { return false }
        while !output.isEmpty {
            switch transport.send(output[...]) {
            case .bytes(let count): output.removeFirst(count)
            case .wouldBlock:
                if output.count <= Self.outputBytesMax { return true }
                end(.lost("the replica does not read what this client sends"))
            case .endOfStream: end(.lost("the connection ended"))
            case .failed(let reason): end(.lost(reason))
            }
            if case .ended = outcome { return false }
        }
        if case .failed(let reason) = transport.flush() {
            end(.lost(reason))
            return false
        }
        return true
    }

    private func end(_ ending: FeedEnding) {
        if case .ended = outcome { return }
        outcome = .ended(ending)
        state = .idle
    }
}
