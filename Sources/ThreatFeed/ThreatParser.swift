/// Turns what a publisher sent into a record, or says everything that is wrong with it.
///
/// Decided here where the contract is silent:
/// - `null` is no value: a member that publishers may send is absent then, and is not delivered. What a rule says of
///   elements, and of the members of an indicator, it says of null too.
/// - A text that is JSON but no object breaks a rule (422), it is not "not JSON".
/// - Byte limits count decoded UTF-8; patterns look at decoded text; delivered is what was sent.
/// - An empty `customer_name` is kept but names no customer.
/// - `{"scenario": NAME}` is a request for a sample only if no other member is there.
///
/// A parser keeps its buffers between calls: keep one per event loop.
public struct ThreatParser: Sendable {
    private var scanner = JSONScanner()

    public init() {}

    /// Parses a whole request body.
    /// - Throws: `ThreatRejection`, with every broken rule.
    public mutating func parse(_ sent: [UInt8], receipt: Receipt) throws(ThreatRejection) -> ThreatRecord {
        try parse(sent, item: 0..<sent.count, receipt: receipt)
    }

    /// Parses one item of a batch, as if its bytes had been sent alone.
    /// - Parameter bytesMax: Bound on the item, as there is one on the body of a single threat.
    /// - Precondition: `item` lies within `body`.
    public mutating func parse(
        _ body: [UInt8], item: Range<Int>, bytesMax: Int = .max, receipt: Receipt
    ) throws(ThreatRejection) -> ThreatRecord {
        guard item.count <= bytesMax else { throw .tooLarge(bytesMax: bytesMax) }
        do {
            try scanner.scan(body.span, in: item)
        } catch {
            throw .notJSON(error)
        }
        var rules = ThreatRules(body: body, nodes: scanner.nodes)
        switch rules.check() {
        case .threat(let facts): return record(body, facts, receipt)
        case .sample(let scenario):
            let sample = scenario.document(random: receipt.makeRandom(), milliseconds: receipt.receivedAtMilliseconds)
            return try parse(sample, receipt: receipt)
        case .broken(let errors): throw .invalid(errors)
        }
    }

    private func record(_ body: [UInt8], _ facts: ThreatFacts, _ receipt: Receipt) -> ThreatRecord {
        let id = facts.id ?? receipt.makeID(receipt.receivedAtMilliseconds)
        let severity = facts.severity ?? .medium
        var writer = ThreatTail(body: body, nodes: scanner.nodes)
        for index in scanner.children(of: 0) where !facts.absentIndices.contains(index) {
            if index == facts.severityIndex {
                writer.appendSeverity(severity, at: index)
            } else {
                writer.appendMember(at: index)
            }
        }
        return ThreatRecord(
            id: id, digest: receipt.digest, receivedAtMilliseconds: receipt.receivedAtMilliseconds,
            facets: Facets(severity: severity, threatType: facts.threatType, customerName: facts.customerName),
            tail: writer.finish(
                id: facts.id == nil ? id : nil, severity: facts.severity == nil ? severity : nil,
                addsTimestamp: !facts.hasTimestamp, receipt: receipt))
    }
}
