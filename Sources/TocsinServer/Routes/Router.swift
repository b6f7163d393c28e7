import HTTPProtocol
import ThreatFeed

/// What the connections of a process are served: the feed of threats, or something to test the stack with.
protocol Site: Sendable {
    /// Whether event loops keep a connection to Redis.
    var usesLog: Bool { get }

    /// Leads a request to its handler; every request is answered through its ticket, now or later.
    func route(_ request: HTTPRequest, _ ticket: ResponseTicket, on loop: EventLoop)
}

/// The product: threats in, the feed out.
struct ThreatSite: Site {
    var usesLog: Bool { true }

    func route(_ request: HTTPRequest, _ ticket: ResponseTicket, on loop: EventLoop) {
        loop.route(request, ticket)
    }
}

extension EventLoop {
    fileprivate func route(_ request: HTTPRequest, _ ticket: ResponseTicket) {
        // The one path that must be fast is looked for first.
        if request.hasPath("/api/threats/trigger"), request.method == .post {
            trigger(request, ticket)
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
            let detail = "\(request.method.rawValue) is not served here; accepted: \(endpoint.allow)."
            respond(ticket, Problem(status: 405, detail: detail), headers: [("Allow", endpoint.allow)])
            return
        }
        do throws(HTTPQueryError) {
            try serve(endpoint, request, query: request.query, ticket)
        } catch {
            respond(ticket, Problem(status: 400, detail: error.detail))
        }
    }

    private func serve(
        _ endpoint: Endpoint, _ request: HTTPRequest, query: HTTPQuery, _ ticket: ResponseTicket
    ) {
        switch endpoint {
        case .root: root(request, ticket)
        case .asset(let asset): respond(ticket, asset.response)
        case .health: health(ticket)
        case .ready: ready(ticket)
        case .metrics: metricsPage(ticket)
        case .trigger: trigger(request, ticket)
        case .batch: batch(request, ticket)
        case .threats: listThreats(query, ticket)
        case .threat(let id): findThreat(id, ticket)
        case .analytics: analytics(ticket)
        case .eventStream: openEventStream(request, query, ticket)
        case .webSocket: openWebSocket(request, query, ticket)
        }
    }

    private func refuseUnknownPath(_ request: HTTPRequest, _ ticket: ResponseTicket) {
        if request.method == .options, request.path == "*" {
            respond(ticket, HTTPResponse(status: .noContent, headers: [("Allow", "GET, HEAD, POST, OPTIONS")]))
            return
        }
        respond(ticket, Problem(status: 404, detail: "There is nothing at this path; GET / lists the endpoints."))
    }
}
