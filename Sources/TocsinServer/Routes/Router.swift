import HTTPProtocol
import ThreatFeed

/// What the connections of a process are served: the feed of threats, or something to test the stack with.
protocol Site: Sendable {
    /// Whether event loops keep a connection to Redis.
    var usesLog: Bool { get }

    /// Leads a request to its handler; every request is answered through its ticket, now or later.
    func route(_ request: HTTPRequest, _ ticket: ResponseTicket, on loop: EventLoop)

    /// Serves a message of a WebSocket client, which may be sent data and keeps within its allowance. The connection
    /// stays until later, whatever the message leads to.
    func received(_ message: WebSocketMessage, _ connection: UnsafeMutablePointer<Connection>, on loop: EventLoop)
}

/// What a client says to the application.
enum WebSocketMessage {
    case text([UInt8])
    case binary([UInt8])
}

/// The product: threats in, the feed out.
struct ThreatSite: Site {
    var usesLog: Bool { true }

    func route(_ request: HTTPRequest, _ ticket: ResponseTicket, on loop: EventLoop) {
        loop.route(request, ticket)
    }

    func received(_ message: WebSocketMessage, _ connection: UnsafeMutablePointer<Connection>, on loop: EventLoop) {
        loop.serveFeedMessage(message, connection)
    }
}

extension EventLoop {
    fileprivate func route(_ request: HTTPRequest, _ ticket: ResponseTicket) {
        // The one path that must be fast is looked for first.
        if request.hasPath("/api/threats/trigger"), request.method == .post {
            serve(.trigger, request, ticket)
            return
        }
        guard let endpoint = Endpoint(path: request.path) else {
            refuseUnknownPath(request, ticket)
            return
        }
        if request.method == .options {
            respond(ticket, HTTPResponse(status: .noContent, headers: [("Allow", endpoint.allow)]))
            return
        }
        guard request.method == endpoint.method || (request.method == .head && endpoint.acceptsHead) else {
            if let id = endpoint.namesake, request.method == .get || request.method == .head {
                serve(.threat(id: id), request, ticket, instead: endpoint)
            } else {
                refuseMethod(request, endpoint, ticket)
            }
            return
        }
        serve(endpoint, request, ticket)
    }

    private func refuseMethod(_ request: HTTPRequest, _ endpoint: Endpoint, _ ticket: ResponseTicket) {
        let detail = "\(request.method.rawValue) is not served here; accepted: \(endpoint.allow)."
        respond(ticket, Problem(status: 405, detail: detail), headers: [("Allow", endpoint.allow)])
    }

    /// - Parameter other: What the path leads to besides: it answers when there is no such threat.
    private func serve(
        _ endpoint: Endpoint, _ request: HTTPRequest, _ ticket: ResponseTicket, instead other: Endpoint? = nil
    ) {
        let query: HTTPQuery
        do throws(Problem) {
            query = try request.query(accepting: endpoint.queryParameters)
        } catch {
            respond(ticket, error)
            return
        }
        switch endpoint {
        case .root: root(request, ticket)
        case .asset(let asset): respond(ticket, asset.response)
        case .health: health(ticket)
        case .ready: ready(ticket)
        case .metrics: metricsPage(ticket)
        case .trigger: withLane(query, ticket) { trigger(request, $0, ticket) }
        case .batch: withLane(query, ticket) { batch(request, $0, ticket) }
        case .threats: withLane(query, ticket) { listThreats(query, $0, ticket) }
        case .threat(let id):
            withLane(query, ticket) { lane in
                findThreat(id, lane, ticket) { [unowned self] in
                    if let other { refuseMethod(request, other, ticket) } else { refuseUnknownThreat(ticket) }
                }
            }
        case .analytics: withLane(query, ticket) { analytics($0, ticket) }
        case .eventStream:
            withLane(query, ticket, asEventStream: true) { openEventStream(request, query, $0, ticket) }
        case .webSocket: withLane(query, ticket) { openWebSocket(request, query, $0, ticket) }
        }
    }

    private func refuseUnknownThreat(_ ticket: ResponseTicket) {
        respond(ticket, Problem(status: 404, detail: "No threat of this id is kept."))
    }

    private func refuseUnknownPath(_ request: HTTPRequest, _ ticket: ResponseTicket) {
        if request.method == .options, request.path == "*" {
            respond(ticket, HTTPResponse(status: .noContent, headers: [("Allow", "GET, HEAD, POST, OPTIONS")]))
            return
        }
        respond(ticket, Problem(status: 404, detail: "There is nothing at this path; GET / lists the endpoints."))
    }
}
