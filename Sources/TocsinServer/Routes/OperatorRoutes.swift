import HTTPProtocol
import PosixIO
import RedisLog
import ThreatFeed

extension EventLoop {
    /// `GET /health`: the process runs and this loop turns. Asks nobody else.
    func health(_ ticket: ResponseTicket) {
        var body: [UInt8] = []
        JSONText.appendRaw(#"{"status":"healthy""#, to: &body)
        JSONText.appendMember("version", TocsinVersion.current, to: &body)
        JSONText.appendRaw(#","uptime_seconds":"#, to: &body)
        JSONText.appendInteger(Int64((now - shared.started).components.seconds), to: &body)
        body.append(UInt8(ascii: "}"))
        respond(ticket, HTTPResponse(.ok, json: body, headers: [("Cache-Control", "no-store")]))
    }

    /// `GET /ready`: whether new clients and threats should come here.
    func ready(_ ticket: ResponseTicket) {
        let readiness = shared.readiness
        respond(
            ticket,
            HTTPResponse(
                readiness.isReady ? .ok : .serviceUnavailable, json: readiness.encode(),
                headers: [("Cache-Control", "no-store")]))
    }

    /// `GET /metrics` in Prometheus text format 0.0.4.
    func metricsPage(_ ticket: ResponseTicket) {
        let page = shared.metricsPage(now: now)
        respond(
            ticket,
            HTTPResponse(
                status: .ok, headers: [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")],
                body: Array(page.utf8)))
    }

    /// `GET /`: the dashboard for a browser, what there is for everybody else.
    func root(_ request: HTTPRequest, _ ticket: ResponseTicket) {
        // The answer depends on them, so caches must keep one for each (RFC 9110 §12.5.5).
        let vary = ("Vary", "Accept, X-Forwarded-Prefix")
        if request.headers.all("accept").contains(where: { $0.lowercased().contains("text/html") }) {
            var response = DashboardAsset.page.response
            response.headers.append(vary)
            respond(ticket, response)
            return
        }
        var body: [UInt8] = []
        JSONText.appendRaw(#"{"service":"tocsin""#, to: &body)
        JSONText.appendMember("version", TocsinVersion.current, to: &body)
        JSONText.appendRaw(#","status":"running","endpoints":{"#, to: &body)
        let prefix = pathPrefix(of: request, ticket)
        for (index, endpoint) in Self.endpoints.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            JSONText.appendString(endpoint.name, to: &body)
            body.append(UInt8(ascii: ":"))
            JSONText.appendString("\(endpoint.method) \(prefix)\(endpoint.path)", to: &body)
        }
        JSONText.appendRaw("}}", to: &body)
        respond(ticket, HTTPResponse(.ok, json: body, headers: [vary]))
    }

    private static let endpoints: [(name: String, method: String, path: String)] = [
        ("health", "GET", "/health"), ("ready", "GET", "/ready"), ("metrics", "GET", "/metrics"),
        ("trigger", "POST", "/api/threats/trigger"), ("batch", "POST", "/api/threats/batch"),
        ("threats", "GET", "/api/threats"), ("threat", "GET", "/api/threats/{id}"),
        ("analytics", "GET", "/api/analytics"), ("event_stream", "GET", "/api/threats/stream"),
        ("websocket", "GET", "/ws"),
    ]
}
