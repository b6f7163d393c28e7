import HTTPProtocol
import PosixIO
import ThreatFeed

extension EventLoop {
    /// Serves every request that has arrived whole, as far as answers may be outstanding.
    func serveRequests(_ connection: UnsafeMutablePointer<Connection>, _ conversation: HTTPConversation) {
        guard !conversation.isServing else { return }
        conversation.isServing = true
        defer { conversation.isServing = false }
        let token = connection.pointee.token
        do throws(HTTPRequestError) {
            while holdBackIfUnread(connection, conversation), let event = try conversation.decoder.next() {
                switch event {
                case .expectContinue:
                    inviteContent(connection, conversation)
                case .request(let request):
                    leavePending(connection)
                    serve(request, connection, conversation)
                    // The request may have turned the connection into a stream, or ended it.
                    guard let present = connections.find(token), case .http = present.pointee.dialogue else { return }
                }
            }
        } catch {
            refuse(error, connection, conversation)
        }
        guard connections.find(token) != nil else { return }
        if conversation.isInputComplete, conversation.wantsInput {
            closeOnceAnswered(connection, conversation)
            return
        }
        updateInterest(connection)
        updateDeadline(connection, conversation)
    }

    /// Sends `100 Continue`, behind the answers to earlier requests (RFC 9110 §10.1.1).
    private func inviteContent(
        _ connection: UnsafeMutablePointer<Connection>, _ conversation: HTTPConversation
    ) {
        let number = conversation.expectAnswer(HTTPResponseContext(date: httpDate))
        _ = conversation.answer(number, into: &connection.pointee.outbox) { output, _ in
            output += HTTPResponse.continueBytes
        }
        markDirty(connection)
    }

    private func leavePending(_ connection: UnsafeMutablePointer<Connection>) {
        guard connection.pointee.isPending else { return }
        connection.pointee.isPending = false
        shared.admission.pending.leave()
    }

    /// Goes on with a client that has read the answers it was held back for.
    func resumeServing(_ connection: UnsafeMutablePointer<Connection>, _ conversation: HTTPConversation) {
        guard conversation.isHeldBack else { return }
        conversation.isHeldBack = false
        serveRequests(connection, conversation)
    }

    /// - Returns: Whether another request may be served.
    private func holdBackIfUnread(
        _ connection: UnsafeMutablePointer<Connection>, _ conversation: HTTPConversation
    ) -> Bool {
        conversation.isHeldBack = connection.pointee.outbox.count > shared.limits.outputBytesMax
        return conversation.wantsInput
    }

    private func serve(
        _ request: HTTPRequest, _ connection: UnsafeMutablePointer<Connection>, _ conversation: HTTPConversation
    ) {
        var context = HTTPResponseContext(of: request, date: httpDate)
        if shared.status.isDraining { context.keepAlive = false }
        conversation.requestsServed += 1
        if conversation.requestsServed >= shared.limits.requestsPerConnectionMax { context.keepAlive = false }
        if !context.keepAlive { conversation.stopReading() }
        let number = conversation.expectAnswer(context)
        metrics.httpRequests.add(1)
        shared.site.route(
            request, ResponseTicket(connection: connection.pointee.token, number: number), on: self)
    }

    /// Answers a request, now or later. Does nothing when its connection has gone meanwhile.
    func respond(_ ticket: ResponseTicket, _ response: HTTPResponse) {
        respond(ticket, response.status) { response.encode(into: &$0, context: $1) }
    }

    /// Answers a request in place.
    /// - Parameter encode: Appends the whole response.
    func respond(
        _ ticket: ResponseTicket, _ status: HTTPStatus, encode: (inout [UInt8], HTTPResponseContext) -> Void
    ) {
        guard let connection = connections.find(ticket.connection),
            case .http(let conversation) = connection.pointee.dialogue
        else { return }
        metrics.answered(status.rawValue)
        let wasFull = !conversation.wantsInput
        let closes = conversation.answer(ticket.number, into: &connection.pointee.outbox, encode: encode)
        // In a drain, what has arrived already is served yet.
        let isDrained = shared.status.isDraining && conversation.decoder.isIdle
        let isLast = !conversation.isAnswering && (conversation.isReadingStopped || isDrained)
        if closes || isLast {
            conversation.stopReading()
            connection.pointee.closesWhenSent = true
        }
        if !conversation.isAnswering {
            let isBetweenRequests = conversation.decoder.isIdle || conversation.isReadingStopped
            connection.pointee.deadline =
                tick + (isBetweenRequests ? shared.limits.idleTimeout : shared.limits.requestDeadline)
        }
        markDirty(connection)
        if wasFull, conversation.wantsInput { serveRequests(connection, conversation) }
    }

    func respond(_ ticket: ResponseTicket, _ problem: Problem, headers: [(String, String)] = []) {
        respond(ticket, HTTPResponse(problem, headers: headers))
    }

    /// Ends a connection on which nothing is under way, so that a request that crosses it meets no reset.
    private func endIdle(_ connection: UnsafeMutablePointer<Connection>, _ conversation: HTTPConversation) {
        guard !connection.pointee.closesWhenSent else {
            close(connection)
            return
        }
        conversation.stopReading()
        connection.pointee.closesWhenSent = true
        connection.pointee.deadline = tick + .seconds(2)
        markDirty(connection)
    }

    /// Reads no further request, and closes when every answer is sent that is due.
    func closeOnceAnswered(_ connection: UnsafeMutablePointer<Connection>, _ conversation: HTTPConversation) {
        conversation.stopReading()
        if conversation.isAnswering {
            updateInterest(connection)
        } else if connection.pointee.hasOutput {
            connection.pointee.closesWhenSent = true
            connection.pointee.deadline = tick + shared.limits.idleTimeout
            updateInterest(connection)
            markDirty(connection)
        } else {
            close(connection)
        }
    }

    /// A request that breaks the syntax is the last one: where the next would start is not known.
    private func refuse(
        _ error: HTTPRequestError, _ connection: UnsafeMutablePointer<Connection>, _ conversation: HTTPConversation
    ) {
        conversation.stopReading()
        let number = conversation.expectAnswer(
            HTTPResponseContext(isHead: conversation.decoder.isReceivingHead, keepAlive: false, date: httpDate))
        respond(
            ResponseTicket(connection: connection.pointee.token, number: number),
            Problem(status: error.status.rawValue, detail: error.detail))
    }

    /// One deadline for a whole request from its first byte, another for the pause between requests, none while an
    /// answer is due.
    private func updateDeadline(
        _ connection: UnsafeMutablePointer<Connection>, _ conversation: HTTPConversation
    ) {
        let isReceiving = !conversation.decoder.isIdle
        defer { conversation.isReceiving = isReceiving }
        if conversation.isAnswering {
            connection.pointee.deadline = nil
        } else if !isReceiving {
            connection.pointee.deadline = tick + shared.limits.idleTimeout
        } else if !conversation.isReceiving || connection.pointee.deadline == nil {
            connection.pointee.deadline = tick + shared.limits.requestDeadline
        }
    }

    /// The request did not arrive in time (RFC 9110 §15.5.9); an idle connection is just closed.
    func requestDeadlinePassed(
        _ connection: UnsafeMutablePointer<Connection>, _ conversation: HTTPConversation
    ) {
        let stalled = connection.pointee.lastSent + shared.limits.idleTimeout
        if connection.pointee.hasOutput, stalled > tick {
            // A large answer is still on its way to a slow client.
            connection.pointee.deadline = stalled
            return
        }
        guard conversation.isReceiving, !conversation.isReadingStopped else {
            endIdle(connection, conversation)
            return
        }
        conversation.stopReading()
        let number = conversation.expectAnswer(
            HTTPResponseContext(isHead: conversation.decoder.isReceivingHead, keepAlive: false, date: httpDate))
        respond(
            ResponseTicket(connection: connection.pointee.token, number: number),
            Problem(status: 408, detail: "The request did not arrive whole in time; send it without pauses."))
        connection.pointee.deadline = tick + .seconds(5)
    }
}

extension HTTPResponse {
    /// A refusal as problem details (RFC 9457).
    init(_ problem: Problem, headers: [(String, String)] = []) {
        self.init(
            status: HTTPStatus(problem.status), headers: [("Content-Type", Problem.contentType)] + headers,
            body: problem.encode())
    }

    /// - Parameter json: JSON text.
    init(_ status: HTTPStatus, json: [UInt8], headers: [(String, String)] = []) {
        self.init(status: status, headers: [("Content-Type", "application/json")] + headers, body: json)
    }
}
