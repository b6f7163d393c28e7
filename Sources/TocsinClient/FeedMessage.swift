public import ThreatFeed

/// One frame of the feed, with the members a client steers by; everything else stays in `text`.
public struct FeedMessage: Sendable {
    /// The types of the contract, and room for ones this client does not know.
    public enum Kind: Sendable, Equatable {
        case initialBatch, resumed, newThreat, threatUpdated, heartbeat, reset, error, filtered, pong
        case unknown(String)

        init(_ type: String) {
            switch type {
            case "initial_batch": self = .initialBatch
            case "resumed": self = .resumed
            case "new_threat": self = .newThreat
            case "threat_updated": self = .threatUpdated
            case "heartbeat": self = .heartbeat
            case "reset": self = .reset
            case "error": self = .error
            case "filtered": self = .filtered
            case "pong": self = .pong
            default: self = .unknown(type)
            }
        }
    }

    public let kind: Kind
    /// Where the client stands after this frame; for `reset` the cursor the log goes on from (`to`).
    public let cursor: Cursor?
    /// The threat's id, in frames that carry one.
    public let threatID: String?
    /// `false` only in an `initial_batch` that could not resume.
    public let recovered: Bool
    /// In a `heartbeat` of a replica that cannot follow the log: since when, RFC 3339.
    public let unreachableSince: String?
    /// The frame as received.
    public let text: [UInt8]

    /// Reads a frame.
    /// - Parameter scanner: Reused from frame to frame, so that reading allocates little.
    /// - Throws: `ClientError.protocolViolation` when it is not JSON or not a frame of the contract.
    init(_ text: [UInt8], scanner: inout JSONScanner) throws(ClientError) {
        do throws(JSONError) {
            try scanner.scan(text.span)
        } catch {
            throw .protocolViolation("a frame is \(error)")
        }
        var type: String?
        var cursor: Cursor?
        var threatID: String?
        var recovered = true
        var since: String?
        for index in scanner.children(of: 0) {
            let node = scanner.nodes[index]
            guard let name = node.name else { continue }
            switch String(decoding: text[name], as: UTF8.self) {
            case "type" where node.kind == .string: type = String(decoding: text[node.content], as: UTF8.self)
            case "cursor" where node.kind == .string, "to" where node.kind == .string:
                cursor = Cursor(ascii: text[node.content])
            case "since" where node.kind == .string: since = String(decoding: text[node.content], as: UTF8.self)
            case "recovered": recovered = text[node.range.lowerBound] != UInt8(ascii: "f")
            case "data" where node.kind == .object: threatID = Self.identifier(of: index, scanner, text)
            default: break
            }
        }
        guard let type else { throw .protocolViolation("a frame has no type") }
        kind = Kind(type)
        self.cursor = cursor
        self.threatID = threatID
        self.recovered = recovered
        unreachableSince = kind == .heartbeat ? since : nil
        self.text = text
    }

    /// The whole frame as a tree.
    public func json() throws(JSONError) -> JSONValue {
        try JSONValue(parsing: text)
    }

    private static func identifier(of index: Int, _ scanner: JSONScanner, _ text: [UInt8]) -> String? {
        for child in scanner.children(of: index) {
            let node = scanner.nodes[child]
            guard node.kind == .string, let name = node.name, text[name].elementsEqual("id".utf8) else { continue }
            return String(decoding: text[node.content], as: UTF8.self)
        }
        return nil
    }
}
