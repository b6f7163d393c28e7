/// A message from a client of the feed.
public enum ClientMessage: Hashable, Sendable {
    /// Replaces the client's filter.
    case filter(Filter)
    case ping
    /// Anything else, with what the `error` frame says about it.
    case notUnderstood(code: String, detail: String)

    /// Reads a text message.
    ///
    /// `{"type":"filter", …}` takes `min_severity` (string), `threat_type` and `customer_name` (string or array of
    /// strings); an absent member or an empty array restricts nothing, and any other member is refused, so that a
    /// misspelt restriction is not taken for none. `{"type":"ping"}` may have other members.
    ///
    /// Codes: `not_json`, `unknown_type`, `invalid_filter`.
    public init(parsing text: [UInt8]) {
        var scanner = JSONScanner(limits: JSONScanner.Limits(depthMax: 8, valuesMax: 1_024))
        do {
            try scanner.scan(text.span)
        } catch {
            self = .notUnderstood(code: "not_json", detail: error.description)
            return
        }
        let object = MessageObject(text: text, scanner: scanner)
        switch object.string("type") {
        case "ping": self = .ping
        case "filter": self = object.filter()
        case nil, .some:
            self = .notUnderstood(
                code: "unknown_type", detail: #"a message is an object whose "type" is "filter" or "ping""#)
        }
    }
}

/// The top-level object of a message.
private struct MessageObject {
    let text: [UInt8]
    let scanner: JSONScanner

    /// The members, by decoded name; empty when the message is no object.
    private var members: [(name: String, index: Int)] {
        guard scanner.nodes[0].kind == .object else { return [] }
        return scanner.children(of: 0).map { index in
            let name = JSONTokens.decode(text.span, scanner.nodes[index].name ?? 0..<0)
            return (String(decoding: name, as: UTF8.self), index)
        }
    }

    func string(_ name: String) -> String? {
        members.first { $0.name == name }.flatMap { string(at: $0.index) }
    }

    private func string(at index: Int) -> String? {
        let node = scanner.nodes[index]
        guard node.kind == .string else { return nil }
        return String(decoding: JSONTokens.decode(text.span, node.content), as: UTF8.self)
    }

    private func strings(at index: Int) -> [String]? {
        guard scanner.nodes[index].kind == .array else { return string(at: index).map { [$0] } }
        var strings: [String] = []
        for element in scanner.children(of: index) {
            guard let string = string(at: element) else { return nil }
            strings.append(string)
        }
        return strings
    }

    func filter() -> ClientMessage {
        do {
            return .filter(try readFilter())
        } catch {
            return .notUnderstood(code: "invalid_filter", detail: error.description)
        }
    }

    private enum Failure: Error, CustomStringConvertible {
        case filter(FilterError)
        case unknown(String)

        var description: String {
            switch self {
            case .filter(let error): return error.description
            case .unknown(let name):
                let known = FilterError.Member.allCases.map(\.rawValue).joined(separator: ", ")
                return "\(name.prefix(64)) is no member of a filter: it accepts \(known)"
            }
        }
    }

    private func readFilter() throws(Failure) -> Filter {
        var minSeverity: String?
        var threatTypes: [String] = []
        var customerNames: [String] = []
        for (name, index) in members where name != "type" {
            guard let member = FilterError.Member(rawValue: name) else { throw .unknown(name) }
            let invalid = Failure.filter(FilterError(member: member, problem: .value))
            switch member {
            case .minSeverity:
                guard let value = string(at: index) else { throw invalid }
                minSeverity = value
            case .threatType:
                guard let values = strings(at: index) else { throw invalid }
                threatTypes = values
            case .customerName:
                guard let values = strings(at: index) else { throw invalid }
                customerNames = values
            }
        }
        do {
            return try Filter(minSeverity: minSeverity, threatTypes: threatTypes, customerNames: customerNames)
        } catch {
            throw .filter(error)
        }
    }
}
