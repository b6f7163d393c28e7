import Codecs
import HTTPProtocol
import PosixIO
import RedisLog
import ThreatFeed

extension EventLoop {
    /// `POST /api/threats/trigger`: keeps one threat and answers once Redis has it.
    func trigger(_ request: HTTPRequest, _ lane: Lane, _ ticket: ResponseTicket) {
        guard mayPublish(ticket), accepts(request, [.json], ticket) else { return }
        let record: ThreatRecord
        do throws(ThreatRejection) {
            record = try threatParser.parse(request.body, receipt: receipt(for: request.body.span))
        } catch {
            lane.metrics.rejectedThreats.add(1)
            respond(ticket, Problem(error))
            return
        }
        let prefix = pathPrefix(of: request, ticket)
        publish(record, lane) { [unowned self] result in
            switch result {
            case .success(.accepted(let cursor)):
                lane.metrics.acceptedThreats.add(1)
                respond(
                    ticket, .created, stored: LogEntry(cursor: cursor, record: record), in: lane.served, under: prefix)
            case .success(.replayed(let entry)):
                respond(ticket, .ok, stored: entry, in: lane.served, under: prefix)
            case .success(.conflict(let cursor)): respond(ticket, Problem(conflictOf: record.id, cursor))
            case .failure(let error):
                noteFailure(error)
                respond(ticket, Problem(error), headers: [("Retry-After", "1")])
            }
        }
    }

    /// `POST /api/threats/batch`: each item is answered as if it had come alone.
    func batch(_ request: HTTPRequest, _ lane: Lane, _ ticket: ResponseTicket) {
        guard mayPublish(ticket), accepts(request, [.json, .newlineDelimitedJSON], ticket) else { return }
        let ranges: [Range<Int>]
        do throws(BatchError) {
            let itemsMax = shared.limits.batchThreatsMax
            ranges =
                MediaType(of: request) == .json
                ? try Batch.items(ofArray: request.body, itemsMax: itemsMax)
                : try Batch.items(ofLines: request.body, itemsMax: itemsMax)
        } catch {
            respond(ticket, Problem(error))
            return
        }
        let items = ranges.map { parseItem(request.body, $0) }
        let records = items.compactMap(\.record)
        lane.metrics.rejectedThreats.add(items.count - records.count)
        publish(batch: records, lane) { [unowned self] results in
            lane.metrics.acceptedThreats.add(results.count(where: \.isAccepted))
            for case .failure(let error) in results.prefix(1) { noteFailure(error) }
            respond(ticket, HTTPResponse(.ok, json: BatchAnswer.encode(items, results)))
        }
    }

    /// While the replica is not ready the log says why already.
    private func noteFailure(_ error: LogError) {
        guard shared.readiness.isReady else { return }
        shared.logger.limited(
            "publish_failed", "a threat was not kept although the replica is ready", ["reason": "\(error)"])
    }

    /// Answers with a threat that is in the log, written in place: this is the answer that posts get.
    /// - Parameter prefix: What stands before the replica's own paths.
    private func respond(
        _ ticket: ResponseTicket, _ status: HTTPStatus, stored entry: LogEntry, in served: ServedLog,
        under prefix: String
    ) {
        respond(ticket, status) { output, context in
            HTTPResponse.encode(
                status, into: &output, context: context, contentByteCount: entry.documentByteCount
            ) { head in
                let query = served.queryName.map { "?log=\($0)" } ?? ""
                HTTPResponse.appendField("Content-Type", "application/json", to: &head)
                let folder = ThreatPath.beforeID(entry.record.id)
                HTTPResponse.appendField(
                    "Location", prefix.isEmpty ? folder : prefix + folder, entry.record.id, query, to: &head)
            } content: {
                entry.appendDocument(to: &$0)
            }
        }
    }

    /// Answers 403 when publishers need a client certificate and this one has none.
    private func mayPublish(_ ticket: ResponseTicket) -> Bool {
        guard shared.certificates?.publishersNeedCertificate == true else { return true }
        guard connections.find(ticket.connection)?.pointee.tls?.hasVerifiedPeer != true else { return true }
        let detail = "Publishing needs a TLS client certificate from an authority that this replica trusts."
        respond(ticket, Problem(status: 403, detail: detail))
        return false
    }

    private func parseItem(_ body: [UInt8], _ item: Range<Int>) -> BatchAnswer.Item {
        do throws(ThreatRejection) {
            return .parsed(
                try threatParser.parse(
                    body, item: item, bytesMax: shared.limits.threatBytesMax,
                    receipt: receipt(for: body.span.extracting(item))))
        } catch {
            return .refused(error)
        }
    }

    private func receipt(for bytes: Span<UInt8>) -> Receipt {
        Receipt(
            receivedAtMilliseconds: unixMilliseconds(), replicaName: shared.configuration.replicaName,
            digest: ContentDigest(prefixOf: hasher.hash(bytes).span),
            // Closures that hold nothing: one that did would be allocated for each threat.
            makeID: { UUIDv7.make(milliseconds: $0, random: RandomBytes.next(UUIDv7.randomByteCount)) },
            makeRandom: { .random(in: .min ... .max) })
    }

    /// Answers 415 unless the body is of one of these types and not encoded further (RFC 9110 §15.5.16).
    private func accepts(_ request: HTTPRequest, _ types: [MediaType], _ ticket: ResponseTicket) -> Bool {
        guard let type = MediaType(of: request), types.contains(type) else {
            let accepted = types.map(\.rawValue)
            let all = request.headers.all("content-type")
            let sent = all.isEmpty ? "none" : all.map { "\"\($0)\"" }.joined(separator: " and ")
            respond(
                ticket,
                Problem(
                    status: 415,
                    detail: "The content type is \(sent); accepted is \(accepted.joined(separator: " or "))."),
                headers: [("Accept", accepted.joined(separator: ", "))])
            return false
        }
        guard
            !request.headers.contains("content-encoding")
                || request.headers.values(ofList: "content-encoding").allSatisfy({ $0.lowercased() == "identity" })
        else {
            respond(
                ticket, Problem(status: 415, detail: "The content is encoded; accepted is \(type.rawValue) as it is."),
                headers: [("Accept-Encoding", "identity")])
            return false
        }
        return true
    }
}

extension Problem {
    init(conflictOf id: String, _ cursor: Cursor) {
        self.init(
            status: 409,
            detail: "Other content was accepted under the id \(id), at \(cursor). A retry repeats the same bytes.")
    }

    init(_ error: LogError) {
        self.init(status: 503, detail: "The threat could not be kept: \(error). Send it again.")
    }

    init(_ error: BatchError) {
        self.init(status: error.status, detail: error.description, errors: error.errors, offset: error.offset)
    }
}
