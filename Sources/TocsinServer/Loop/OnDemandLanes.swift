import HTTPProtocol
import PosixIO
import RedisLog
import ThreatFeed
import WebSocketProtocol

/// Logs that are served only while they are used. The first request for one, at any loop, makes the loop that follows
/// the logs follow it; when it has been read once, every loop gets a lane, and the requests that come then are served.
extension EventLoop {
    /// Finds the lane of the log that a request names; answers the request when that is none, or not served yet.
    /// - Parameter asEventStream: The request is for an event stream.
    func withLane(
        _ query: HTTPQuery, _ ticket: ResponseTicket, asEventStream: Bool = false, serve: (Lane) -> Void
    ) {
        do throws(Problem) {
            let served = try query.servedLog()
            guard served.idleMax != nil else { return serve(threats) }
            shared.proof.note(now)
            if let lane = lane(of: served), lane.feed != nil { return serve(lane) }
            // Beside another deployment's log of threats stands its log for proofs.
            if let foreign = shared.status.health.foreignLog {
                return respondUnavailable(
                    ticket, detail: "This log is not opened: \(foreign).", asEventStream: asEventStream)
            }
            shared.loops[0].mailbox.post(.wanted(served))
            let reason = shared.proof.downReason
            respondUnavailable(
                ticket,
                detail: "This log is opened on demand and not followed yet\(reason.isEmpty ? "" : ": \(reason)").",
                asEventStream: asEventStream)
        } catch {
            respond(ticket, error)
        }
    }

    /// Follows a log, if that is not done already. Only for the loop that follows the logs.
    func open(_ served: ServedLog) {
        guard let peers, !shared.status.isDraining, lane(of: served) == nil else { return }
        let lane = addLane(served)
        follow(lane, peers: peers)
        lane.start(now: now)
    }

    /// The lane of a log whose feed begins.
    func begin(_ served: ServedLog) -> Lane {
        if let lane = lane(of: served) { return lane }
        let lane = addLane(served)
        lane.start(now: now)
        return lane
    }

    /// Tells of the clients of logs that are served on demand, and closes those that nobody uses.
    func reviewLanes() {
        for lane in lanes {
            guard let idleMax = lane.served.idleMax else { continue }
            if lane.hasClients { shared.proof.note(now) }
            if lane.follower != nil, shared.proof.idle(now) >= idleMax {
                lane.follower?.close()
            }
        }
    }

    /// Ends a lane, with the clients that came at the last moment.
    func close(_ lane: Lane) {
        for slot in 0..<connections.slotCount {
            guard let connection = connections.connection(inSlot: slot), connection.pointee.lane === lane,
                connection.pointee.isStreaming
            else { continue }
            endStream(connection, code: .tryAgainLater, reason: "this log is served on demand; come again")
        }
        removeLane(lane)
        lane.stop()
        links.set(lane.served, downReason: "not served")
        // The end on purpose is no reason for whoever comes next.
        if lane.follower != nil { shared.proof.setDownReason("") }
        forgetPages(lane)
    }
}

extension HTTPQuery {
    /// The log that a request is for.
    func servedLog() throws(Problem) -> ServedLog {
        guard let name = try single("log") else { return .threats }
        guard let served = ServedLog.allCases.first(where: { $0.queryName == name }) else {
            let names = ServedLog.allCases.compactMap(\.queryName).joined(separator: ", ")
            throw Problem(
                status: 400,
                detail: "log is not accepted; it is \(names), or left out for the log of the deployment's threats.")
        }
        return served
    }
}
