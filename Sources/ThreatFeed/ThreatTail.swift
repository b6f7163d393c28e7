/// Writes the document tail: the members as sent on one line, then those the replica adds.
struct ThreatTail {
    private let body: [UInt8]
    private let nodes: [JSONNode]
    private var tail: [UInt8] = []
    /// Bytes of the body to be copied next; neighbouring members without whitespace are copied in one piece.
    private var pending: Range<Int>?

    /// Room for what the replica adds, without its name.
    private static let addedBytesMax = 320

    init(body: [UInt8], nodes: [JSONNode]) {
        self.body = body
        self.nodes = nodes
        tail.reserveCapacity(nodes[0].range.count + Self.addedBytesMax)
    }

    /// Appends a member exactly as sent, but for insignificant whitespace.
    mutating func appendMember(at index: Int) {
        let node = nodes[index]
        guard let name = node.name else { return }
        let quotedName = name.lowerBound - 1..<name.upperBound + 1
        let isTight = quotedName.upperBound + 1 == node.range.lowerBound && !node.containsWhitespace
        if isTight, let run = pending, run.upperBound + 1 == quotedName.lowerBound {
            pending = run.lowerBound..<node.range.upperBound
            return
        }
        beginMember()
        if isTight {
            pending = quotedName.lowerBound..<node.range.upperBound
            return
        }
        tail.append(contentsOf: body[quotedName])
        tail.append(UInt8(ascii: ":"))
        appendCompact(index)
    }

    /// Appends the member `severity` with its value in upper case; its name as sent.
    mutating func appendSeverity(_ severity: Severity, at index: Int) {
        let node = nodes[index]
        if node.content.count == severity.name.utf8.count, body[node.content].elementsEqual(severity.name.utf8) {
            return appendMember(at: index)
        }
        guard let name = node.name else { return }
        beginMember()
        tail.append(contentsOf: body[name.lowerBound - 1..<name.upperBound + 1])
        tail.append(UInt8(ascii: ":"))
        JSONText.appendString(severity.name, to: &tail)
    }

    /// Appends the members the replica adds; `nil` and `false` for those that were sent.
    mutating func finish(id: String?, severity: Severity?, addsTimestamp: Bool, receipt: Receipt) -> [UInt8] {
        flush()
        if let id { JSONText.appendMember("id", id, to: &tail) }
        if let severity { JSONText.appendMember("severity", severity.name, to: &tail) }
        let milliseconds = receipt.receivedAtMilliseconds
        if addsTimestamp {
            JSONText.appendLiteral(#","timestamp":""#, to: &tail)
            RFC3339.append(milliseconds: milliseconds, to: &tail)
            tail.append(UInt8(ascii: "\""))
        }
        JSONText.appendLiteral(#","received_at":""#, to: &tail)
        RFC3339.append(milliseconds: milliseconds, to: &tail)
        JSONText.appendLiteral(#"","received_by":"#, to: &tail)
        JSONText.appendString(receipt.replicaName, to: &tail)
        JSONText.appendLiteral(#","triage":{"status":"new","version":1}}"#, to: &tail)
        return tail
    }

    private mutating func beginMember() {
        flush()
        if !tail.isEmpty { tail.append(UInt8(ascii: ",")) }
    }

    private mutating func flush() {
        guard let run = pending else { return }
        tail.append(contentsOf: body[run])
        pending = nil
    }

    /// Appends a value without insignificant whitespace. Recursion ends at the scanner's depth limit.
    private mutating func appendCompact(_ index: Int) {
        let node = nodes[index]
        guard node.containsWhitespace else {
            tail.append(contentsOf: body[node.range])
            return
        }
        let isObject = node.kind == .object
        tail.append(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
        var child = index + 1
        while child < Int(node.next) {
            if child > index + 1 { tail.append(UInt8(ascii: ",")) }
            if let name = nodes[child].name {
                tail.append(contentsOf: body[name.lowerBound - 1..<name.upperBound + 1])
                tail.append(UInt8(ascii: ":"))
            }
            appendCompact(child)
            child = Int(nodes[child].next)
        }
        tail.append(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
    }
}
