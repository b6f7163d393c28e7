/// Turns the bytes of one peer into messages and control frames (RFC 6455 §5 and §8.1, RFC 7692 §6).
///
/// The rules, of which `FrameHeader.decode` checks those that concern a single frame:
/// - A message is one data frame, or a data frame without FIN followed by continuation frames; control frames may stand
///   between them, other data frames may not (§5.4).
/// - A message beyond `WebSocketLimits` fails when a header announces it, before its bytes are kept.
/// - Text fails as soon as it cannot become UTF-8, even in the middle of a frame; compressed text when it is whole.
/// - After an error, and after a Close frame (§5.5.1), the decoder takes in nothing more.
///
/// Between messages it owns no heap memory, and within one no more than has arrived.
public struct MessageDecoder {
    private enum State {
        case awaitingHeader
        case awaitingPayload(FrameHeader, received: Int)
        case closed
        case failed(FrameError)
    }

    private let role: WebSocketRole
    private let limits: WebSocketLimits
    private let inflate: InflateMessage?
    private var state = State.awaitingHeader
    /// Bytes received and not yet decoded, from `consumed` on.
    private var input: [UInt8] = []
    private var consumed = 0
    private var message: MessageAssembly?
    private var controlPayload: [UInt8] = []

    /// - Parameter inflater: Given if and only if permessage-deflate was negotiated.
    public init(role: WebSocketRole, limits: WebSocketLimits = WebSocketLimits(), inflater: InflateMessage? = nil) {
        self.role = role
        self.limits = limits
        self.inflate = inflater
    }

    /// Whether nothing is held: no unread byte, no part of a message.
    public var isIdle: Bool {
        input.isEmpty && message == nil && controlPayload.isEmpty
    }

    /// Whether it is as it was made: nothing is held, nothing has ended. A new one would do as well.
    public var isFresh: Bool {
        guard case .awaitingHeader = state else { return false }
        return isIdle
    }

    /// Bytes held: unread ones, and what has arrived of a message.
    public var bufferedBytes: Int {
        input.count + controlPayload.count + (message?.byteCount ?? 0)
    }

    /// Takes in bytes from the peer. Call `next()` until it returns `nil` before the next `append`; what is
    /// held is then bounded by one call's bytes and `WebSocketLimits.messageBytesMax`.
    public mutating func append(_ bytes: Span<UInt8>) {
        switch state {
        case .closed, .failed: return
        case .awaitingHeader, .awaitingPayload: break
        }
        input.append(copying: bytes)
    }

    /// The next thing the peer said.
    /// - Returns: `nil` when more bytes are needed.
    /// - Throws: The rule the peer broke; the same again on every later call.
    public mutating func next() throws(FrameError) -> WebSocketEvent? {
        do throws(FrameError) {
            return try advance()
        } catch {
            release()
            state = .failed(error)
            throw error
        }
    }

    private mutating func advance() throws(FrameError) -> WebSocketEvent? {
        while true {
            switch state {
            case .closed: return nil
            case .failed(let error): throw error
            case .awaitingHeader:
                guard let header = try receiveHeader() else {
                    dropConsumedInput()
                    return nil
                }
                state = .awaitingPayload(header, received: 0)
            case .awaitingPayload(let header, let received):
                let total = try receivePayload(of: header, received: received)
                guard total == header.payloadLength else {
                    state = .awaitingPayload(header, received: total)
                    dropConsumedInput()
                    return nil
                }
                state = .awaitingHeader
                if let event = try finishFrame(header) { return event }
            }
        }
    }

    private mutating func receiveHeader() throws(FrameError) -> FrameHeader? {
        guard let header = try decodeHeader() else { return nil }
        consumed += header.encodedLength
        if !header.opcode.isControl { try beginDataFrame(header) }
        return header
    }

    private func decodeHeader() throws(FrameError) -> FrameHeader? {
        try FrameHeader.decode(
            input.span.extracting(consumed...), role: role, allowsCompression: inflate != nil)
    }

    private mutating func beginDataFrame(_ header: FrameHeader) throws(FrameError) {
        if header.opcode == .continuation {
            guard message != nil else { throw .unexpectedContinuation }
        } else {
            guard message == nil else { throw .expectedContinuation }
            message = MessageAssembly(isText: header.opcode == .text, isCompressed: header.isCompressed)
        }
        try message?.beginFrame(payloadLength: header.payloadLength, limits: limits)
    }

    /// Takes what has arrived of a frame's payload.
    /// - Returns: Bytes of this payload received so far.
    private mutating func receivePayload(of header: FrameHeader, received: Int) throws(FrameError) -> Int {
        let count = min(header.payloadLength - received, input.count - consumed)
        guard count > 0 else { return received }
        let piece = input[consumed..<(consumed + count)]
        consumed += count
        if header.opcode.isControl {
            let start = controlPayload.count
            controlPayload.append(contentsOf: piece)
            header.maskingKey?.apply(to: &controlPayload, from: start, payloadOffset: received)
        } else {
            try message?.append(piece, maskingKey: header.maskingKey, payloadOffset: received)
        }
        return received + count
    }

    private mutating func finishFrame(_ header: FrameHeader) throws(FrameError) -> WebSocketEvent? {
        switch header.opcode {
        case .continuation, .text, .binary:
            guard header.isFinal, let whole = message.take() else { return nil }
            return try whole.finish(limits: limits, inflate: inflate)
        case .ping: return .ping(takeControlPayload())
        case .pong: return .pong(takeControlPayload())
        case .close:
            let event = try Self.decodeClose(takeControlPayload())
            release()
            state = .closed
            return event
        }
    }

    /// A Close frame's payload is empty, or a code followed by a reason in UTF-8 (RFC 6455 §5.5.1).
    private static func decodeClose(_ payload: [UInt8]) throws(FrameError) -> WebSocketEvent {
        if payload.isEmpty { return .close(nil, reason: []) }
        guard payload.count >= 2 else { throw .truncatedCloseCode }
        let code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
        guard code.isAllowedOnTheWire else { throw .forbiddenCloseCode(code.rawValue) }
        let reason = Array(payload.dropFirst(2))
        var validator = UTF8Validator()
        guard validator.validate(reason.span), validator.isComplete else { throw .invalidUTF8 }
        return .close(code, reason: reason)
    }

    private mutating func takeControlPayload() -> [UInt8] {
        let payload = controlPayload
        controlPayload = []
        return payload
    }

    private mutating func dropConsumedInput() {
        // At most a partial header stays, so this copies 13 bytes or fewer.
        input = consumed == input.count ? [] : Array(input[consumed...])
        consumed = 0
    }

    private mutating func release() {
        input = []
        consumed = 0
        message = nil
        controlPayload = []
    }
}
