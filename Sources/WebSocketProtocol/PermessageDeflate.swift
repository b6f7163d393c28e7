/// Negotiation of compression for each message (RFC 7692 §5 and §7.1).
///
/// The server always answers with `client_no_context_takeover`, so that an idle connection keeps no window of its
/// client's messages. It keeps context of its own only where it is able to without a window for each client.
public enum PermessageDeflate {
    static let name = "permessage-deflate"

    /// What the server is able to do.
    public struct Policy: Sendable, Equatable {
        /// Base-2 logarithms, within 8 to 15, of the windows the server can compress with. A client that asks for one
        /// between them gets it, one that can do with more the largest, and an offer that asks for less is declined.
        public var serverWindowBits: ClosedRange<Int>
        /// Whether the server may refer to what it compressed before, for clients that allow it.
        public var serverKeepsContext: Bool

        /// - Parameter serverWindowBits: One window alone where what is compressed is shared by all clients.
        public init(serverWindowBits: ClosedRange<Int> = 15...15, serverKeepsContext: Bool = false) {
            precondition(
                windowBitsAllowed.contains(serverWindowBits.lowerBound)
                    && windowBitsAllowed.contains(serverWindowBits.upperBound), "a window has 8 to 15 bits")
            self.serverWindowBits = serverWindowBits
            self.serverKeepsContext = serverKeepsContext
        }
    }

    /// What both ends hold to. The client keeps no context from one message to the next.
    public struct Agreement: Sendable, Equatable {
        /// Window of messages from the server; `nil` where nothing was said, which means up to 15.
        public var serverWindowBits: Int?
        /// Window of messages from the client; `nil` where nothing was said, which means up to 15.
        public var clientWindowBits: Int?
        /// Whether messages from the server may refer to earlier ones.
        public var serverKeepsContext: Bool

        public init(
            serverWindowBits: Int? = nil, clientWindowBits: Int? = nil, serverKeepsContext: Bool = false
        ) {
            self.serverWindowBits = serverWindowBits
            self.clientWindowBits = clientWindowBits
            self.serverKeepsContext = serverKeepsContext
        }

        /// The value of the server's `Sec-WebSocket-Extensions`.
        public var headerValue: String {
            var value = name
            if !serverKeepsContext { value += "; \(Names.serverNoContext)" }
            value += "; \(Names.clientNoContext)"
            if let serverWindowBits { value += "; \(Names.serverWindow)=\(serverWindowBits)" }
            if let clientWindowBits { value += "; \(Names.clientWindow)=\(clientWindowBits)" }
            return value
        }
    }

    /// What a client of ours offers: any window, and no context of its own.
    public enum Offer: Sendable, Equatable {
        /// Each message of the server by itself: one inflater may serve many connections.
        case withoutContext
        /// The server may keep context; the connection then needs an inflater of its own.
        case withServerContext

        /// The value of the client's `Sec-WebSocket-Extensions`.
        public var headerValue: String {
            switch self {
            case .withoutContext: "\(name); \(Names.serverNoContext); \(Names.clientNoContext)"
            case .withServerContext: "\(name); \(Names.clientNoContext)"
            }
        }
    }

    /// Chooses the first offer the policy can meet (RFC 7692 §5.1).
    /// - Parameter lines: Every `Sec-WebSocket-Extensions` line of the request, in order. Other extensions are passed
    ///   over.
    /// - Returns: `nil` if none can be met; the connection then goes on uncompressed.
    /// - Throws: `HandshakeError.malformedExtensions`.
    public static func negotiate(
        offers lines: [HeaderLine], policy: Policy = Policy()
    ) throws(HandshakeError) -> Agreement? {
        guard let offers = ExtensionOffer.parse(lines) else { throw .malformedExtensions }
        for offer in offers where offer.name == name {
            if let agreement = agreement(for: offer, policy: policy) { return agreement }
        }
        return nil
    }

    /// Reads the server's answer to an offer (RFC 7692 §7.1).
    /// - Returns: `nil` if the server chose no extension.
    /// - Throws: `malformedExtensions`, or `unexpectedExtension` for anything the offer does not allow: another
    ///   extension, a second one, a limit on the client's window, or context kept by the server unless offered.
    static func checkResponse(_ lines: [HeaderLine], to offer: Offer?) throws(HandshakeError) -> Agreement? {
        guard let chosen = ExtensionOffer.parse(lines) else { throw .malformedExtensions }
        guard let only = chosen.first else { return nil }
        guard let offer, chosen.count == 1, only.name == name, let parameters = Parameters(only),
            parameters.serverNoContext || offer == .withServerContext, !parameters.offersClientWindow
        else { throw .unexpectedExtension }
        return Agreement(
            serverWindowBits: parameters.serverWindowBits, serverKeepsContext: !parameters.serverNoContext)
    }

    /// RFC 7692 §7.1: an offer with an unknown, repeated or invalid parameter is declined.
    private static func agreement(for offer: ExtensionOffer, policy: Policy) -> Agreement? {
        guard let parameters = Parameters(offer) else { return nil }
        let windows = policy.serverWindowBits
        var agreement = Agreement(serverKeepsContext: policy.serverKeepsContext && !parameters.serverNoContext)
        // A client that names no window reads any.
        if let windowAsked = parameters.serverWindowBits {
            guard windowAsked >= windows.lowerBound else { return nil }
            agreement.serverWindowBits = min(windowAsked, windows.upperBound)
        }
        return agreement
    }

    private enum Names {
        static let serverNoContext = "server_no_context_takeover"
        static let clientNoContext = "client_no_context_takeover"
        static let serverWindow = "server_max_window_bits"
        static let clientWindow = "client_max_window_bits"
    }

    private static let windowBitsAllowed = 8...15

    private struct Parameters {
        var serverNoContext = false
        var clientNoContext = false
        var serverWindowBits: Int?
        var offersClientWindow = false

        /// `nil` for parameters that RFC 7692 §7.1 does not allow.
        init?(_ offer: ExtensionOffer) {
            for parameter in offer.parameters {
                switch parameter.name {
                case Names.serverNoContext:
                    guard !serverNoContext, parameter.value == nil else { return nil }
                    serverNoContext = true
                case Names.clientNoContext:
                    guard !clientNoContext, parameter.value == nil else { return nil }
                    clientNoContext = true
                case Names.serverWindow:
                    guard serverWindowBits == nil, let bits = Self.windowBits(parameter.value) else { return nil }
                    serverWindowBits = bits
                case Names.clientWindow:
                    // Without a value the client says that it understands the parameter (§7.1.2.2).
                    guard !offersClientWindow, parameter.value == nil || Self.windowBits(parameter.value) != nil
                    else { return nil }
                    offersClientWindow = true
                default: return nil
                }
            }
        }

        /// A decimal number from 8 to 15 without leading zero (§7.1.2.1).
        private static func windowBits(_ text: String?) -> Int? {
            guard let text, let bits = Int(text), windowBitsAllowed.contains(bits), text == String(bits) else {
                return nil
            }
            return bits
        }
    }
}
