import HTTPProtocol
import ThreatFeed

/// An event stream that cannot be served for the moment: a browser's EventSource gives up for good on an error status
/// (HTML Living Standard, "fail the connection"), so it is told in the stream's own terms, and comes back by itself.
enum UnavailableStream {
    /// Of every event stream.
    static let headers = [
        ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"),
    ]

    /// When browsers shall come back, in milliseconds; spread, lest all that were refused together come together.
    private static let retryMilliseconds = 1_000...3_000

    /// Whether bytes that nobody will serve begin with a request for an event stream. A guess that costs nothing: who is
    /// not recognised gets an error status.
    static func isAsked(for bytes: some Collection<UInt8>) -> Bool {
        // Behind the path: ids may begin like it.
        [" ", "?"].contains { bytes.starts(with: "GET /api/threats/stream\($0)".utf8) }
    }

    /// `retry:`, the event `unavailable`, and the end.
    static func body(detail: String, using random: inout some RandomNumberGenerator) -> [UInt8] {
        let retry = Int.random(in: retryMilliseconds, using: &random)
        return Array("retry: \(retry)\n\n".utf8)
            + EntryEncoding.event(FeedFrame.unavailable(detail: detail).span, .unavailable, cursor: nil)
    }
}

extension EventLoop {
    /// Answers a request that cannot be served for the moment, but may be soon.
    /// - Parameter asEventStream: The request is for an event stream.
    func respondUnavailable(_ ticket: ResponseTicket, detail: String, asEventStream: Bool = false) {
        let retryAfter = ("Retry-After", "1")
        guard asEventStream else {
            return respond(ticket, Problem(status: 503, detail: detail), headers: [retryAfter])
        }
        let body = UnavailableStream.body(detail: detail, using: &random)
        respond(ticket, HTTPResponse(status: .ok, headers: UnavailableStream.headers + [retryAfter], body: body))
    }
}
