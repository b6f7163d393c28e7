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
            } else if let id = ThreatPath.id(in: path) {
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

    /// The id that GET reads here where the endpoint itself has nothing to read: `trigger` and `batch` may be ids too.
    var namesake: String? {
        switch self {
        case .trigger: "trigger"
        case .batch: "batch"
        case .root, .asset, .health, .ready, .metrics, .threats, .threat, .analytics, .eventStream, .webSocket: nil
        }
    }

    /// What its query may ask for: anything else is refused, since a restriction that is not understood would let more
    /// through than was asked for. `nil` where the query restricts nothing: probes are answered whatever they carry, and
    /// that of the page is read in the browser.
    var queryParameters: [String]? {
        switch self {
        case .root, .asset, .health, .ready: nil
        case .metrics: []
        case .trigger, .batch, .threat, .analytics: QueryParameters.log
        case .threats: QueryParameters.list
        case .eventStream: QueryParameters.eventStream
        case .webSocket: QueryParameters.webSocket
        }
    }
}

/// The paths of single threats.
///
/// An id may also be the path of something else that is read, and a percent-encoded letter would not tell them apart: it
/// means the same (RFC 3986 §2.3), and proxies decode it. So a path may have the id behind `_`, with which no id begins.
enum ThreatPath {
    private static let folder = "/api/threats/"
    private static let escapedFolder = "/api/threats/_"

    /// What stands before the id in a threat's `Location`.
    static func beforeID(_ id: String) -> String {
        id == "stream" ? escapedFolder : folder
    }

    /// The id that a path names.
    static func id(in path: String) -> String? {
        guard path.hasPrefix(folder) else { return nil }
        let id = path.dropFirst(path.hasPrefix(escapedFolder) ? escapedFolder.count : folder.count)
        return id.isEmpty || id.contains("/") ? nil : String(id)
    }
}
