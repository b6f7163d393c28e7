import HTTPProtocol
import RedisLog
import ThreatFeed

extension EventLoop {
    /// `GET /api/threats`
    func listThreats(_ query: HTTPQuery, _ lane: Lane, _ ticket: ResponseTicket) {
        let page: ThreatQuery
        do throws(Problem) {
            page = ThreatQuery(
                filter: try query.filter(), offset: try query.integer("offset", in: 0...10_000, default: 0),
                limit: try query.integer("limit", in: 1...100, default: 20),
                before: try query.cursor("before"), after: try query.cursor("after"))
        } catch {
            respond(ticket, error)
            return
        }
        guard hasRoom(for: ticket) else { return }
        if let conversation = conversation(of: ticket) { conversation.isReadingLog = true }
        listReads.run(for: ticket.connection) { [unowned self] finish in
            run(page, of: lane) { [unowned self] result in
                guard page.after != nil || page.before != nil, case .success(let entries) = result else {
                    answer(ticket, page: result.map { .entries($0) })
                    finish()
                    return
                }
                // Asked behind the reading, so that what was trimmed meanwhile counts.
                ask(lane) { log, completion in
                    log.findGap(after: page.after, before: page.before, completion: completion)
                } completion: { [unowned self] gap in
                    answer(ticket, page: gap.map { $0.map { .gap($0) } ?? .entries(entries) })
                    finish()
                }
            }
        }
    }

    private enum ListPage {
        case entries([LogEntry])
        case gap(LogGap)
    }

    private func answer(_ ticket: ResponseTicket, page: Result<ListPage, LogError>) {
        let conversation = conversation(of: ticket)
        conversation?.isReadingLog = false
        switch page {
        case .success(.gap(let gap)): respond(ticket, Problem(gap))
        case .success(.entries(let entries)):
            var body = [UInt8(ascii: "[")]
            for (index, entry) in entries.enumerated() {
                if index > 0 { body.append(UInt8(ascii: ",")) }
                entry.appendDocument(to: &body)
            }
            body.append(UInt8(ascii: "]"))
            respond(ticket, HTTPResponse(.ok, json: body))
        case .failure(let error): respondUnavailable(ticket, error)
        }
        // What was pipelined behind it.
        if let conversation, let connection = connections.find(ticket.connection) {
            serveRequests(connection, conversation)
        }
    }

    private func conversation(of ticket: ResponseTicket) -> HTTPConversation? {
        guard let connection = connections.find(ticket.connection),
            case .http(let conversation) = connection.pointee.dialogue
        else { return nil }
        return conversation
    }

    /// `GET /api/threats/{id}`
    /// - Parameter none: Answers when the log has no threat of this id.
    func findThreat(_ id: String, _ lane: Lane, _ ticket: ResponseTicket, none: @escaping () -> Void) {
        ask(lane) { log, completion in
            log.find(id: id, completion: completion)
        } completion: { [unowned self] result in
            switch result {
            case .success(.some(let entry)): respond(ticket, HTTPResponse(.ok, json: entry.document()))
            case .success(.none): none()
            case .failure(let error): respondUnavailable(ticket, error)
            }
        }
    }

    /// `GET /api/analytics`
    func analytics(_ lane: Lane, _ ticket: ResponseTicket) {
        ask(lane) { log, completion in
            log.analytics(completion: completion)
        } completion: { [unowned self] result in
            switch result {
            case .success(let figures):
                let counts = figures.counts.map { (facets: $0.key, count: UInt64($0.value)) }
                let body = Analytics(
                    log: lane.served.queryName, cursor: figures.head, totalAccepted: figures.acceptedTotal,
                    counts: counts
                ).encode()
                respond(ticket, HTTPResponse(.ok, json: body))
            case .failure(let error): respondUnavailable(ticket, error)
            }
        }
    }

    private func respondUnavailable(_ ticket: ResponseTicket, _ error: LogError) {
        respond(
            ticket, Problem(status: 503, detail: "The log cannot be read: \(error). Try again."),
            headers: [("Retry-After", "1")])
    }
}
