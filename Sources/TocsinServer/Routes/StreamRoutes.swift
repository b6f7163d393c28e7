import Broadcast
import Codecs
import HTTPProtocol
import ThreatFeed
import WebSocketProtocol

/// The two forms of the feed.
private enum StreamKind {
    case webSocket
    case eventStream
}

extension EventLoop {
    /// `GET /ws`: turns the connection into a WebSocket (RFC 6455 §4.2).
    func openWebSocket(_ request: HTTPRequest, _ query: HTTPQuery, _ lane: Lane, _ ticket: ResponseTicket) {
        guard request.body.isEmpty else {
            respond(ticket, Problem(status: 400, detail: "A WebSocket's opening request has no content."))
            return
        }
        guard let wanted = streamRequest(.webSocket, query, lane, ticket) else { return }
        guard isOriginAllowed(request) else {
            respond(ticket, Problem(status: 403, detail: "Pages of this origin may not open a WebSocket here."))
            return
        }
        let policy = PermessageDeflate.Policy(serverKeepsContext: true)
        guard let acceptance = acceptHandshake(request, policy, ticket) else { return }
        upgrade(ticket, acceptance, in: wanted.lane) { connection in
            startStream(connection, wanted, form: WireForm(acceptance.compression))
        }
    }

    /// Decides over an opening handshake (RFC 6455 §4.2.1).
    /// - Returns: `nil` if it is refused, which has then been answered.
    func acceptHandshake(
        _ request: HTTPRequest, _ policy: PermessageDeflate.Policy, _ ticket: ResponseTicket
    ) -> ServerHandshake.Acceptance? {
        do throws(HandshakeError) {
            return try ServerHandshake.decide(
                method: request.method.rawValue, version: request.version == .http11 ? (1, 1) : (1, 0),
                compression: isDeflateUsable(request) ? policy : nil,
                header: { name in
                    // Nearly always there is one line, which need not be copied.
                    if let line = request.headers.onlyBytes(name) { return [line] }
                    return request.headers.all(name).map { Array($0.utf8)[...] }
                }, acceptDigest: { Base64.encode(SHA1.hash($0)) })
        } catch {
            respond(
                ticket, Problem(status: error.status, detail: error.detail), headers: error.headers.map { ($0, $1) })
            return nil
        }
    }

    /// `GET /api/threats/stream`: the same feed as Server-Sent Events, until either side closes.
    func openEventStream(_ request: HTTPRequest, _ query: HTTPQuery, _ lane: Lane, _ ticket: ResponseTicket) {
        let lastEventID = request.headers.first("last-event-id")
        guard let wanted = streamRequest(.eventStream, query, lane, lastEventID: lastEventID, ticket) else { return }
        guard request.method == .get else {
            var head = HTTPResponse(status: .ok, headers: UnavailableStream.headers)
            head.hasKnownLength = false
            respond(ticket, head)
            return
        }
        guard let connection = connections.find(ticket.connection),
            case .http(let conversation) = connection.pointee.dialogue, becomesStream(conversation, ticket)
        else { return }
        // The stream ends with the connection, so its length need not be told (RFC 9112 §6.3).
        let context = HTTPResponseContext(keepAlive: false, version: .http10, date: httpDate)
        _ = HTTPResponse(status: .ok, headers: UnavailableStream.headers)
            .encodeStreamingHead(into: &connection.pointee.outbox, context: context)
        connection.pointee.outbox += "retry: 2000\n\n".utf8
        connection.pointee.dialogue = .eventStream
        metrics.answered(200)
        connection.pointee.lane = wanted.lane
        wanted.lane.metrics.eventStreamClients.add(1)
        startStream(connection, wanted, form: .eventStream)
        updateInterest(connection)
    }

    /// Turns a connection into a WebSocket.
    /// - Parameter start: Called once the 101 is in the outbox, before what the client may have said already is served.
    func upgrade(
        _ ticket: ResponseTicket, _ acceptance: ServerHandshake.Acceptance, in lane: Lane,
        start: (UnsafeMutablePointer<Connection>) -> Void
    ) {
        guard let connection = connections.find(ticket.connection),
            case .http(let conversation) = connection.pointee.dialogue, becomesStream(conversation, ticket)
        else { return }
        let response = acceptance.response()
        if connection.pointee.outbox.isEmpty {
            connection.pointee.outbox = response
        } else {
            connection.pointee.outbox += response
        }
        let windowBits = acceptance.compression.map { $0.serverWindowBits ?? Deflater.windowBitsAllowed.upperBound }
        connection.pointee.webSocket = WebSocketSession(windowBits: windowBits.map { UInt8($0) }, now: tick)
        connection.pointee.dialogue = .webSocket
        metrics.answered(101)
        connection.pointee.lane = lane
        lane.metrics.webSocketClients.add(1)
        start(connection)
        updateInterest(connection)
        // Frames may have come right behind the request.
        receive(message: conversation.decoder.takeRemainder().span, connection)
        if connection.pointee.awaitsFirstFrame { return }
        serveMessages(connection)
    }

    /// A stream takes the connection over, so no answer may be due before it.
    private func becomesStream(_ conversation: HTTPConversation, _ ticket: ResponseTicket) -> Bool {
        if conversation.due.count == 1 { return true }
        respond(ticket, Problem(status: 400, detail: "A stream starts when all earlier requests are answered."))
        return false
    }

    /// Reads what a stream is asked for; answers for itself when that is not possible.
    private func streamRequest(
        _ kind: StreamKind, _ query: HTTPQuery, _ lane: Lane, lastEventID: String? = nil, _ ticket: ResponseTicket
    ) -> StreamRequest? {
        guard lane.feed != nil, !shared.status.isDraining else {
            let reason = shared.status.isDraining ? "the replica drains" : "the log has not been read yet"
            respondUnavailable(ticket, detail: "No stream starts: \(reason).", asEventStream: kind == .eventStream)
            return nil
        }
        guard hasRoom(for: ticket, asEventStream: kind == .eventStream) else { return nil }
        do throws(Problem) {
            var place = try query.place()
            // An empty one is what a browser sends that has none (HTML Living Standard, "last event ID").
            if let lastEventID, !lastEventID.isEmpty { place = lastEventID }
            let after = place.flatMap { Cursor($0) }
            return StreamRequest(
                lane: lane, after: after, history: try query.integer("history", in: 0...100, default: 20),
                filter: try query.filter(),
                // A client that kept its cursor badly would try the same again and again: it gets the feed, and is
                // told.
                isCursorMalformed: place != nil && after == nil)
        } catch {
            respond(ticket, error)
            return nil
        }
    }

    /// Safari 15.0 to 15.3 drops connections that use permessage-deflate.
    private func isDeflateUsable(_ request: HTTPRequest) -> Bool {
        guard request.headers.contains("sec-websocket-extensions"),
            let agent = request.headers.first("user-agent"), agent.contains("Safari/")
        else { return true }
        return !["Version/15.0", "Version/15.1", "Version/15.2", "Version/15.3"].contains { agent.contains($0) }
    }
}

extension WireForm {
    /// That of a WebSocket's entries.
    fileprivate init(_ compression: PermessageDeflate.Agreement?) {
        guard let compression else {
            self = .webSocket
            return
        }
        self = compression.serverKeepsContext ? .webSocketDeflatedInContext : .webSocketDeflated
    }
}
