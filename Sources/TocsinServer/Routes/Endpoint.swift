import HTTPProtocol

/// What the replica serves over HTTP. A new endpoint starts here: its path, its methods, its body's bound; the compiler
/// then asks for its handler in `Router.swift`.
enum Endpoint: Equatable {
    case root
    case asset(DashboardAsset)
    case health
    case ready
    case metrics
    case trigger
    case batch
    case threats
    case threat(id: String)
    case analytics
    case eventStream
    case webSocket

    /// - Returns: `nil` for a path that leads nowhere (404).
    init?(path: String) {
        switch path {
        case "/": self = .root
        case "/health": self = .health
        case "/ready": self = .ready
        case "/metrics": self = .metrics
        case "/api/threats/trigger": self = .trigger
        case "/api/threats/batch": self = .batch
        case "/api/threats": self = .threats
        case "/api/threats/stream": self = .eventStream
        case "/api/analytics": self = .analytics
        case "/ws": self = .webSocket
        default:
            if let asset = DashboardAsset(path: path) {
                self = .asset(asset)
            } else if let id = Self.threatID(path) {
                self = .threat(id: id)
            } else {
                return nil
            }
        }
    }

    /// Beside HEAD, which goes with GET, and OPTIONS, which every path answers.
    var method: HTTPMethod {
        switch self {
        case .trigger, .batch: .post
        case .root, .asset, .health, .ready, .metrics, .threats, .threat, .analytics, .eventStream, .webSocket: .get
        }
    }

    /// The value of `Allow` (RFC 9110 §10.2.1).
    var allow: String {
        if method == .post { return "POST, OPTIONS" }
        return acceptsHead ? "GET, HEAD, OPTIONS" : "GET, OPTIONS"
    }

    /// A WebSocket has no head to ask for.
    var acceptsHead: Bool { method == .get && self != .webSocket }

    /// The largest body in bytes. Only publishing has a use for one; elsewhere a small one is read past, so that the
    /// answer is that of the path and the method.
    func bodyBytesMax(_ limits: Limits) -> Int {
        switch self {
        case .batch: limits.batchBytesMax
        case .root, .asset, .health, .ready, .metrics, .trigger, .threats, .threat, .analytics, .eventStream,
            .webSocket:
            limits.threatBytesMax
        }
    }

    private static func threatID(_ path: String) -> String? {
        let prefix = "/api/threats/"
        guard path.hasPrefix(prefix) else { return nil }
        let id = path.dropFirst(prefix.count)
        return id.isEmpty || id.contains("/") ? nil : String(id)
    }
}
