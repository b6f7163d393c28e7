import HTTPProtocol
import ThreatFeed

/// The parameters of the queries, in the order in which problems name them.
enum QueryParameters {
    static let log = ["log"]
    static let list = ["limit", "offset", "before", "after"] + filters + log
    static let webSocket = ["after", "history"] + filters + log
    /// `lastEventId` is how libraries resume that cannot set `Last-Event-ID`.
    static let eventStream = webSocket + ["lastEventId"]

    private static let filters = FilterError.Member.allCases.map(\.rawValue)
}

extension HTTPRequest {
    /// The query.
    /// - Parameter accepted: The names it may have; `nil` for any.
    /// - Throws: 400 for one that cannot be read, or has another name.
    func query(accepting accepted: [String]?) throws(Problem) -> HTTPQuery {
        let query: HTTPQuery
        do throws(HTTPQueryError) {
            query = try self.query
        } catch {
            throw Problem(status: 400, detail: error.detail)
        }
        guard let accepted, let unknown = query.pairs.first(where: { !accepted.contains($0.name) }) else {
            return query
        }
        let names = accepted.isEmpty ? "none" : accepted.joined(separator: ", ")
        throw Problem(
            status: 400,
            detail: "Query parameter \"\(unknown.name.prefix(64))\" is not accepted here; accepted: \(names).")
    }
}

extension HTTPQuery {
    /// - Throws: 422 for a member that cannot be used.
    func filter() throws(Problem) -> Filter {
        do throws(FilterError) {
            return try Filter(
                minSeverity: all("min_severity"), threatType: all("threat_type"),
                customerName: all("customer_name"))
        } catch {
            throw Problem(error)
        }
    }

    /// A place in the log.
    func cursor(_ name: String) throws(Problem) -> Cursor? {
        guard let text = try single(name) else { return nil }
        guard let cursor = Cursor(text) else {
            throw Problem(status: 400, detail: "\(name) is not a cursor; accepted is G-S as a frame's cursor gives it.")
        }
        return cursor
    }

    /// Where a stream is to resume: `lastEventId`, which a library writes behind the `after` of the address it was given,
    /// else that.
    func place() throws(Problem) -> String? {
        let after = try single("after")
        guard let last = try single("lastEventId"), !last.isEmpty else { return after }
        return last
    }

    /// The value of a parameter that may stand once.
    func single(_ name: String) throws(Problem) -> String? {
        var found: String?
        for pair in pairs where pair.name == name {
            guard found == nil else {
                throw Problem(status: 400, detail: "\(name) stands more than once; give it once.")
            }
            found = pair.value
        }
        return found
    }

    /// A decimal number without sign.
    func integer(_ name: String, in range: ClosedRange<Int>, default standard: Int) throws(Problem) -> Int {
        guard let text = try single(name) else { return standard }
        guard let number = Int(text), range.contains(number), text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else {
            throw Problem(
                status: 400,
                detail: "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }
}
