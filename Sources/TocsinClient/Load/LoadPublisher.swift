import HTTPProtocol
import PosixIO

/// One publisher of a load: a kept connection, and at most one request on its way. Driven by its loop.
final class LoadPublisher {
    /// What one event came to.
    enum Outcome {
        case nothing
        /// There is a connection, and nothing on its way.
        case ready
        case answered(status: Int, retryAfter: Duration?, body: ArraySlice<UInt8>)
        case failed(String)
    }

    private enum State {
        case idle
        case connecting
        /// The TLS handshake.
        case securing
        case ready
        case awaitingAnswer
    }

    /// The threats that are posted until they are kept or given up.
    struct Post {
        let firstNumber: Int
        let due: MonotonicTime
        /// No attempt starts later.
        let giveUpAt: MonotonicTime
        var attempts = 0
    }

    private static let answerBytesMax = 4 << 20

    private var state = State.idle
    private var transport: Transport?
    private var unsent: ArraySlice<UInt8> = []
    private var received: [UInt8] = []
    /// There once an answer was not of the plain shape.
    private var decoder: HTTPResponseDecoder?

    /// Counts the connections, to tell late events of a former one.
    private(set) var generation: UInt32 = 0
    private(set) var url: ServerURL?
    /// Whether bytes of a request whose answer has not come went out over this connection.
    private(set) var hasBegun = false
    var post: Post?
    /// When to try again, while there is no connection.
    var retryAt: MonotonicTime?
    /// When to give up what is under way.
    var deadline: MonotonicTime?
    var backoff = Backoff(first: .milliseconds(50), longest: .seconds(1))
    /// Attempts to connect, which choose the replica.
    var attempts: Int

    init(index: Int) {
        attempts = index
    }

    var descriptor: Int32? { transport?.descriptor }
    var isConnected: Bool { transport != nil }

    /// What to watch the socket for.
    var interest: PollEvents {
        let hasUnsent = !unsent.isEmpty || transport?.hasUnsent ?? false
        switch state {
        case .idle: return []
        case .connecting: return .writable
        case .securing, .ready, .awaitingAnswer: return hasUnsent ? [.readable, .writable] : .readable
        }
    }

    func connect(to url: ServerURL, _ address: SocketAddress) throws(ClientError) {
        generation &+= 1
        attempts += 1
        self.url = url
        transport = try Transport(connectingTo: address, url: url)
        state = .connecting
    }

    func disconnect() {
        // Closing the descriptor, which happens when the last reference goes, removes it from the poller.
        transport = nil
        state = .idle
        hasBegun = false
        unsent = []
        received = []
        decoder = nil
    }

    /// Sends a request on a connection that is ready.
    func send(_ request: [UInt8]) -> Outcome {
        precondition(isConnected, "a request needs a connection")
        state = .awaitingAnswer
        hasBegun = false
        received.removeAll(keepingCapacity: true)
        decoder?.sentRequest(.post)
        unsent = request[...]
        return flush()
    }

    /// Handles one readiness event.
    func handle(_ events: PollEvents, scratch: inout [UInt8]) -> Outcome {
        guard let transport else { return .nothing }
        switch state {
        case .idle: return .nothing
        case .connecting:
            if let error = transport.connectionError { return .failed(error.description) }
            guard !transport.isReadyToTalk else { return becomeReady() }
            state = .securing
            if case .failed(let reason) = transport.beginHandshake() { return .failed(reason) }
            return .nothing
        case .securing:
            if case .failed(let reason) = transport.flush() { return .failed(reason) }
            switch transport.receive(into: &scratch) {
            case .bytes, .wouldBlock: return transport.isReadyToTalk ? becomeReady() : .nothing
            case .endOfStream: return .failed("the connection ended within the TLS handshake")
            case .failed(let reason): return .failed(reason)
            }
        case .ready, .awaitingAnswer:
            if events.contains(.writable), case .failed(let reason) = flush() { return .failed(reason) }
            guard !events.isDisjoint(with: [.readable, .hungUp, .peerClosed]) else { return .nothing }
            return receive(transport, &scratch)
        }
    }

    private func becomeReady() -> Outcome {
        state = .ready
        return .ready
    }

    private func flush() -> Outcome {
        guard let transport else { return .nothing }
        while !unsent.isEmpty {
            switch transport.send(unsent) {
            case .bytes(let count):
                unsent = unsent.dropFirst(count)
                hasBegun = hasBegun || count > 0
            case .wouldBlock: return .nothing
            case .endOfStream: return .failed("the connection ended")
            case .failed(let reason): return .failed(reason)
            }
        }
        // The caller writes the next request into the same memory.
        unsent = []
        if case .failed(let reason) = transport.flush() { return .failed(reason) }
        return .nothing
    }

    private func receive(_ transport: Transport, _ scratch: inout [UInt8]) -> Outcome {
        switch transport.receive(into: &scratch) {
        case .bytes(let count):
            guard case .awaitingAnswer = state else { return .failed("an answer that nobody asked for") }
            if decoder != nil { return decode(scratch[..<count]) }
            guard received.isEmpty else {
                received += scratch[..<count]
                return read(received[...])
            }
            return read(scratch[..<count])
        case .wouldBlock: return .nothing
        case .endOfStream: return .failed("the connection ended")
        case .failed(let reason): return .failed(reason)
        }
    }

    /// - Parameter input: Everything since the request.
    private func read(_ input: ArraySlice<UInt8>) -> Outcome {
        switch LoadAnswer.read(input) {
        case .answer(let answer):
            state = .ready
            if !answer.isKeptAlive { disconnect() }
            return .answered(
                status: answer.status, retryAfter: answer.retryAfterSeconds.map { .seconds($0) },
                body: input[answer.body])
        case .incomplete:
            guard input.count <= Self.answerBytesMax else { return .failed("an answer is too large") }
            if received.isEmpty { received += input }
            return .nothing
        case .unusual:
            var decoder = HTTPResponseDecoder(bodyBytesMax: Self.answerBytesMax)
            decoder.sentRequest(.post)
            self.decoder = decoder
            return decode(input)
        }
    }

    private func decode(_ bytes: ArraySlice<UInt8>) -> Outcome {
        decoder?.append(bytes.span)
        do throws(HTTPResponseError) {
            guard let response = try decoder?.nextResponse() else { return .nothing }
            state = .ready
            if !response.head.keepAlive { disconnect() }
            return .answered(
                status: response.status.rawValue,
                retryAfter: response.headers.first("Retry-After").flatMap { Int($0) }.map { .seconds($0) },
                body: response.body[...])
        } catch {
            return .failed("not an HTTP/1.1 answer (\(error))")
        }
    }
}
