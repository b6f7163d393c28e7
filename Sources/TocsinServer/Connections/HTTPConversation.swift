import DequeModule
import HTTPProtocol
import PosixIO

/// Names one request of one connection, so that its answer finds its place even when it comes later.
struct ResponseTicket {
    let connection: PollToken
    let number: UInt32
}

/// The requests of one HTTP connection and the answers due, in order (RFC 9112 §9.3.2).
final class HTTPConversation {
    struct DueAnswer {
        let context: HTTPResponseContext
        /// The whole response, once it is known.
        var encoded: [UInt8]?
    }

    var decoder: HTTPRequestDecoder
    var requestsServed = 0
    private let pipelinedRequestsMax: Int
    private(set) var due: Deque<DueAnswer> = []
    private var firstNumber: UInt32 = 0
    /// No further request is read: the last one asked to close, broke the syntax, or the peer has finished.
    private(set) var isReadingStopped = false
    /// A request has begun to arrive, so its deadline runs.
    var isReceiving = false
    /// The client does not read its answers; nothing more is done for it until it has.
    var isHeldBack = false
    /// A read of the log is under way for it, whose result may be large; later requests wait.
    var isReadingLog = false
    /// Requests are being served: an answer that makes room for more must not serve them from within.
    var isServing = false
    /// The peer has finished sending; what has arrived is still served.
    var isInputComplete = false
    /// Of answers that wait for an earlier one.
    private(set) var encodedBytes = 0

    init(configuration: HTTPRequestDecoder.Configuration, pipelinedRequestsMax: Int) {
        self.pipelinedRequestsMax = pipelinedRequestsMax
        decoder = HTTPRequestDecoder(configuration)
    }

    var isAnswering: Bool { !due.isEmpty }
    var wantsInput: Bool { !isReadingStopped && !isHeldBack && !isReadingLog && due.count < pipelinedRequestsMax }

    /// Lets go of what has arrived of a request, which will not be served.
    func discardInput(_ configuration: HTTPRequestDecoder.Configuration) {
        decoder = HTTPRequestDecoder(configuration)
        stopReading()
    }

    func stopReading() {
        isReadingStopped = true
    }

    /// Enters a request; its answer is due after those of all earlier ones.
    func expectAnswer(_ context: HTTPResponseContext) -> UInt32 {
        due.append(DueAnswer(context: context, encoded: nil))
        return firstNumber &+ UInt32(due.count - 1)
    }

    /// Takes an answer and appends what is ready, in order, to `output`.
    /// - Returns: Whether the connection closes after what was appended.
    func answer(
        _ number: UInt32, into output: inout [UInt8], encode: (inout [UInt8], HTTPResponseContext) -> Void
    ) -> Bool {
        let index = Int(number &- firstNumber)
        guard index < due.count, due[index].encoded == nil else {
            preconditionFailure("a request is answered once")
        }
        guard index == 0 else {
            var bytes: [UInt8] = []
            encode(&bytes, due[index].context)
            due[index].encoded = bytes
            encodedBytes += bytes.count
            return false
        }
        encode(&output, due[0].context)
        var keepAlive = removeFirst()
        while keepAlive, let bytes = due.first?.encoded {
            output += bytes
            encodedBytes -= bytes.count
            keepAlive = removeFirst()
        }
        return !keepAlive
    }

    /// - Returns: Whether the connection stays open after that answer.
    private func removeFirst() -> Bool {
        firstNumber &+= 1
        return due.removeFirst().context.keepAlive
    }
}
