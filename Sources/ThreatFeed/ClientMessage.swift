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
    /// strings); a member that is absent or null, or an empty array, restricts nothing, and any other member is refused,
    /// so that a misspelt restriction is not taken for none. `{"type":"ping"}` may have other members.
    ///
    /// Codes: `not_json`, `unknown_type`, `invalid_filter`.
    public init(parsing text: [UInt8]) {
        var scanner = JSONScanner()
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

    /// Elements of a list that are looked at; repeated ones are allowed, so there may be more than a filter holds.
    private static let listMax = 1_024

    /// The value of a member of the object, if that is a string.
    func string(_ name: String) -> String? {
        guard scanner.nodes[0].kind == .object else { return nil }
        return scanner.children(of: 0).first { self.name(at: $0) == name }.flatMap { string(at: $0) }
    }

    /// The decoded name of a member.
    private func name(at index: Int) -> String {
        String(decoding: JSONTokens.decode(text.span, scanner.nodes[index].name ?? 0..<0), as: UTF8.self)
    }

    private func string(at index: Int) -> String? {
        let node = scanner.nodes[index]
        guard node.kind == .string else { return nil }
        return String(decoding: JSONTokens.decode(text.span, node.content), as: UTF8.self)
    }

    /// Reads a member that may be a string or an array of strings.
    private func strings(at index: Int, _ member: FilterError.Member) throws(Failure) -> [String] {
        let isArray = scanner.nodes[index].kind == .array
        var strings: [String] = []
        for element in isArray ? Array(scanner.children(of: index).prefix(Self.listMax + 1)) : [index] {
            guard strings.count < Self.listMax else {
                throw .filter(FilterError(member: member, problem: .tooMany))
            }
            guard let string = string(at: element) else { throw .filter(FilterError(member: member, problem: .value)) }
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
        for index in scanner.children(of: 0) {
            let name = name(at: index)
            guard name != "type" else { continue }
            guard let member = FilterError.Member(rawValue: name) else { throw .unknown(name) }
            guard scanner.nodes[index].kind != .null else { continue }
            switch member {
            case .minSeverity:
                guard let value = string(at: index) else {
                    throw .filter(FilterError(member: member, problem: .value))
                }
                minSeverity = value
            case .threatType: threatTypes = try strings(at: index, member)
            case .customerName: customerNames = try strings(at: index, member)
            }
        }
        do {
            return try Filter(minSeverity: minSeverity, threatTypes: threatTypes, customerNames: customerNames)
        } catch {
            throw .filter(error)
        }
    }
}
