import PosixIO

/// In which form the clients of a load take the feed.
public enum LoadWire: Sendable {
    case webSocket
    /// WebSocket with permessage-deflate (RFC 7692).
    case deflated
    case eventStream
}

/// What the clients of a load do.
public struct LoadOptions: Sendable {
    /// Replicas; the clients are spread over them.
    public var urls: [ServerURL]
    public var clients: Int
    public var wire: LoadWire
    /// How many distinct filters the clients have, each of which matches every threat of the load; 1 for none at all.
    public var filters: Int
    public var log: DeploymentLog
    /// Threads that serve the clients.
    public var threads: Int
    /// What the ids of the load begin with.
    public var idPrefix: String

    public init(
        urls: [ServerURL], clients: Int, wire: LoadWire = .webSocket, filters: Int = 1, log: DeploymentLog = .threats,
        threads: Int = 1, idPrefix: String
    ) {
        precondition(!urls.isEmpty && clients >= 0 && filters > 0 && threads > 0, "a load has urls and positive sizes")
        self.urls = urls
        self.clients = clients
        self.wire = wire
        self.filters = filters
        self.log = log
        self.threads = threads
        self.idPrefix = idPrefix
    }

    /// How many loops, each on a thread of its own, serve the clients.
    var loops: Int { max(1, min(threads, clients)) }

    /// How many threats the clients can tell apart.
    public var threatsMax: Int { LoadTallies.talliesMax / loops }

    /// The `threat_type` of every threat of a load.
    public static let threatType = "bench"

    /// What a client asks for.
    /// - Parameter client: Chooses the filter.
    func query(client: Int) -> FeedQuery {
        var query = FeedQuery(log: log)
        if filters > 1 { query.threatTypes = [Self.threatType, "\(Self.threatType)-\(client % filters)"] }
        return query
    }
}

/// Replicas and the addresses behind their names, looked up once.
struct LoadReplicas: Sendable {
    let urls: [ServerURL]
    let addresses: [[SocketAddress]]

    /// - Throws: `ClientError.unreachable` for a name without an address.
    init(_ urls: [ServerURL]) throws(ClientError) {
        var addresses: [[SocketAddress]] = []
        for url in urls {
            let known = try url.addresses()
            guard !known.isEmpty else { throw .unreachable("\(url): no address") }
            addresses.append(known)
        }
        self.urls = urls
        self.addresses = addresses
    }

    /// The replica of an attempt: the next one each time, and of its addresses the next after each round.
    func choose(_ attempt: Int) -> (url: ServerURL, address: SocketAddress) {
        let index = attempt % urls.count
        return (urls[index], addresses[index][attempt / urls.count % addresses[index].count])
    }
}
