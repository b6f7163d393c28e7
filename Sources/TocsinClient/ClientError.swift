/// What can go wrong between a client and a replica.
public enum ClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The address is not one this client understands; the text says what is.
    case invalidURL(String)
    /// A file of the client's own is not usable; the text names it.
    case configuration(String)
    /// No connection could be made.
    case unreachable(String)
    /// The server's certificate is not trusted, or the server does not trust the client's; the text says why.
    case untrusted(String)
    /// The connection ended in the middle of an exchange: whether the request took effect is unknown.
    case connectionLost(String)
    /// The deadline passed.
    case timedOut(String)
    /// The peer does not speak the protocol.
    case protocolViolation(String)
    /// A child process could not be started, or ended by itself.
    case childFailed(String)

    /// One line for people.
    public var description: String {
        switch self {
        case .invalidURL(let text), .configuration(let text), .unreachable(let text), .untrusted(let text),
            .connectionLost(let text), .timedOut(let text), .protocolViolation(let text), .childFailed(let text):
            text
        }
    }
}
