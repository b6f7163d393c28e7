/// What the driver of a connection has to do about closing it.
public enum CloseAction: Sendable, Equatable {
    case none
    /// Send a Close frame with this code (`nil`: no payload) and keep reading until the peer answers or a deadline
    /// passes.
    case sendClose(CloseCode?)
    /// Send a Close frame with this code and close the transport once it is written.
    case sendCloseThenCloseTransport(CloseCode?)
    case closeTransport
}

/// The closing handshake (RFC 6455 §7.1): each side sends one Close frame, then the server ends the transport and the
/// client waits for that, within a deadline its driver keeps.
///
///     open ── sendClose ──▶ awaitingPeerClose ── receivedClose ──▶ server: closed, client: awaitingTransportEnd
///       └── receivedClose ──▶ (answer) server: closed, client: awaitingTransportEnd
public struct CloseHandshake: Sendable, Equatable {
    private enum State: Sendable, Equatable {
        case open
        case awaitingPeerClose
        case awaitingTransportEnd
        case closed
    }

    private let role: WebSocketRole
    private var state = State.open
    /// How the connection ended, as RFC 6455 §7.1.5 tells the application: the code of the peer's Close frame, 1005 if
    /// it had none, 1006 if the transport ended without one. `nil` as long as that is not decided.
    public private(set) var closeCode: CloseCode?

    public init(role: WebSocketRole) {
        self.role = role
    }

    /// Whether data frames may still be sent: no Close frame went out or came in (RFC 6455 §5.5.1).
    public var maySendData: Bool { state == .open }

    /// We want to close.
    public mutating func sendClose(_ code: CloseCode?) -> CloseAction {
        switch state {
        case .open:
            state = .awaitingPeerClose
            return .sendClose(code)
        case .awaitingPeerClose, .awaitingTransportEnd, .closed: return .none
        }
    }

    /// The peer broke the protocol: tell it why and read nothing more (RFC 6455 §7.1.7).
    public mutating func fail(_ code: CloseCode) -> CloseAction {
        switch state {
        case .open:
            end(.abnormalClosure)
            return .sendCloseThenCloseTransport(code)
        case .awaitingPeerClose, .awaitingTransportEnd:
            end(.abnormalClosure)
            return .closeTransport
        case .closed: return .none
        }
    }

    /// The peer's Close frame arrived; an answer repeats its code (RFC 6455 §5.5.1).
    public mutating func receivedClose(_ code: CloseCode?) -> CloseAction {
        switch state {
        case .open: return receivedFirstClose(code, mustAnswer: true)
        case .awaitingPeerClose: return receivedFirstClose(code, mustAnswer: false)
        case .awaitingTransportEnd, .closed: return .none
        }
    }

    /// The deadline for the peer's part has passed.
    public mutating func deadlinePassed() -> CloseAction {
        switch state {
        case .open, .closed: return .none
        case .awaitingPeerClose, .awaitingTransportEnd:
            end(.abnormalClosure)
            return .closeTransport
        }
    }

    /// The transport ended, in good order or not.
    public mutating func transportClosed() -> CloseAction {
        switch state {
        case .open, .awaitingPeerClose, .awaitingTransportEnd:
            end(.abnormalClosure)
            return .closeTransport
        case .closed: return .none
        }
    }

    private mutating func receivedFirstClose(_ code: CloseCode?, mustAnswer: Bool) -> CloseAction {
        closeCode = code ?? .noStatusReceived
        switch role {
        case .server:
            state = .closed
            return mustAnswer ? .sendCloseThenCloseTransport(code) : .closeTransport
        case .client:
            state = .awaitingTransportEnd
            return mustAnswer ? .sendClose(code) : .none
        }
    }

    private mutating func end(_ code: CloseCode) {
        state = .closed
        closeCode = closeCode ?? code
    }
}
