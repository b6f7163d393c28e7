/// What the rules found out about a good threat.
struct ThreatFacts {
    var threatType = ""
    var severity: Severity?
    /// Node of the member `severity`.
    var severityIndex = -1
    var id: String?
    var customerName: String?
    var hasTimestamp = false
    /// Nodes of members that are `null` and count as not sent.
    var absentIndices: [Int] = []
}

/// The names the rules look for. Constants: as members of what is made for each threat they would be counted up and
/// down with it.
private enum ThreatNames {
    static let members = NameTable<ThreatMember>()
    static let indicatorMembers = NameTable<IndicatorMember>()
}

/// The rules of the contract, "A threat", applied to one scanned object.
struct ThreatRules {
    enum Verdict {
        case threat(ThreatFacts)
        case sample(SampleThreat)
        case broken([FieldError])
    }

    private let body: [UInt8]
    private let nodes: [JSONNode]
    private var facts = ThreatFacts()
    private var errors: [FieldError] = []

    init(body: [UInt8], nodes: [JSONNode]) {
        self.body = body
        self.nodes = nodes
    }

    mutating func check() -> Verdict {
        guard nodes[0].kind == .object else {
            return .broken([FieldError(field: "", message: "a threat must be an object, not \(nodes[0].kind.article)")])
        }
        if let scenario = soleScenario() { return scenario }
        var hasThreatType = false
        var index = 1
        while index < nodes.count {
            if let member = member(at: index) {
                if isAbsent(member, index) {
                    facts.absentIndices.append(index)
                } else {
                    check(member, index)
                    hasThreatType = hasThreatType || member == .threatType
                }
            }
            index = Int(nodes[index].next)
        }
        if !hasThreatType { fail("threat_type", "is required: a string matching \(TextPattern.threatTypeText)") }
        return errors.isEmpty ? .threat(facts) : .broken(errors)
    }

    private func member(at index: Int) -> ThreatMember? {
        member(at: index, in: ThreatNames.members)
    }

    private func member<Member>(at index: Int, in table: NameTable<Member>) -> Member? {
        let node = nodes[index]
        guard let name = node.name else { return nil }
        guard node.nameHasEscapes else { return table.find(body.span, name) }
        let decoded = JSONTokens.decode(body.span, name)
        return table.find(decoded.span, 0..<decoded.count)
    }

    private func isAbsent(_ member: ThreatMember, _ index: Int) -> Bool {
        nodes[index].kind == .null && member.isAbsentIfNull
    }

    /// The verdict on a body whose only member is `scenario`.
    private func soleScenario() -> Verdict? {
        var scenario: JSONNode?
        var index = 1
        while index < nodes.count {
            guard let member = member(at: index) else { return nil }
            if member == .scenario {
                scenario = nodes[index]
            } else if !isAbsent(member, index) {
                return nil
            }
            index = Int(nodes[index].next)
        }
        guard let scenario else { return nil }
        if scenario.kind == .string,
            let sample = SampleThreat(rawValue: String(decoding: decoded(scenario), as: UTF8.self))
        {
            return .sample(sample)
        }
        let names = SampleThreat.allCases.map(\.rawValue).joined(separator: ", ")
        return .broken([FieldError(field: "scenario", message: "must be one of \(names)")])
    }

    private mutating func check(_ member: ThreatMember, _ index: Int) {
        switch member {
        case .threatType: checkThreatType(index)
        case .severity: checkSeverity(index)
        case .id: checkID(index)
        case .customerName:
            guard let text = text(index, member.rawValue) else { return }
            facts.customerName = text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
        case .title, .summary, .source: _ = text(index, member.rawValue)
        case .timestamp: checkTimestamp(index)
        case .mitreTechniques: checkTechniques(index)
        case .indicators: checkIndicators(index)
        case .metadata:
            guard nodes[index].kind != .object else { return }
            fail("metadata", "must be an object, not \(nodes[index].kind.article)")
        case .sequence, .cursor, .receivedAt, .receivedBy, .triage:
            fail(member.rawValue, "is added by the service and must not be sent")
        case .scenario: break
        }
    }

    // MARK: Members

    private mutating func checkThreatType(_ index: Int) {
        guard let text = string(index), TextPattern.isThreatType(text) else {
            return fail("threat_type", "must be a string matching \(TextPattern.threatTypeText)")
        }
        facts.threatType = String(decoding: text, as: UTF8.self)
    }

    private mutating func checkSeverity(_ index: Int) {
        guard let severity = string(index).flatMap({ Severity(anyCase: $0) }) else {
            return fail("severity", "must be one of \(Severity.accepted)")
        }
        facts.severity = severity
        facts.severityIndex = index
    }

    private mutating func checkID(_ index: Int) {
        guard let text = string(index), TextPattern.isID(text) else {
            return fail("id", "must be a string matching \(TextPattern.idText)")
        }
        facts.id = String(decoding: text, as: UTF8.self)
    }

    private mutating func checkTimestamp(_ index: Int) {
        guard let text = string(index), RFC3339.milliseconds(of: text) != nil else {
            return fail("timestamp", "must be an RFC 3339 timestamp such as 2026-01-02T03:04:05.678Z")
        }
        facts.hasTimestamp = true
    }

    private mutating func checkTechniques(_ index: Int) {
        guard nodes[index].kind == .array else {
            return fail("mitre_techniques", "must be an array of strings, not \(nodes[index].kind.article)")
        }
        let errorsBefore = errors.count
        var child = index + 1
        var position = 0
        while child < Int(nodes[index].next), mayName("mitre_techniques", position, since: errorsBefore) {
            if string(child).map(TextPattern.isTechnique) != true {
                fail("mitre_techniques[\(position)]", "must be a string matching \(TextPattern.techniqueText)")
            }
            position += 1
            child = Int(nodes[child].next)
        }
    }

    /// Each indicator is an object with the strings `type` and `value`; further members are kept as sent.
    private mutating func checkIndicators(_ index: Int) {
        guard nodes[index].kind == .array else {
            return fail("indicators", "must be an array of objects, not \(nodes[index].kind.article)")
        }
        let errorsBefore = errors.count
        var child = index + 1
        var position = 0
        while child < Int(nodes[index].next), mayName("indicators", position, since: errorsBefore) {
            if nodes[child].kind == .object {
                checkIndicator(child, position)
            } else {
                fail("indicators[\(position)]", "must be an object with the strings type and value")
            }
            position += 1
            child = Int(nodes[child].next)
        }
    }

    private mutating func checkIndicator(_ index: Int, _ position: Int) {
        var type: Int?
        var value: Int?
        var child = index + 1
        while child < Int(nodes[index].next) {
            switch member(at: child, in: ThreatNames.indicatorMembers) {
            case .type: type = child
            case .value: value = child
            case nil: break
            }
            child = Int(nodes[child].next)
        }
        checkIndicator(.type, type, position)
        checkIndicator(.value, value, position)
    }

    private mutating func checkIndicator(_ member: IndicatorMember, _ index: Int?, _ position: Int) {
        if let index, nodes[index].kind == .string { return }
        let found = index.map { "must be a string, not \(nodes[$0].kind.article)" }
        fail("indicators[\(position)].\(member.rawValue)", found ?? "is required: a string")
    }

    // MARK: Helpers

    private mutating func fail(_ field: String, _ message: String) {
        errors.append(FieldError(field: field, message: message))
    }

    /// Whether more elements of a list may be named; if not, says so, since there may be more broken ones.
    private mutating func mayName(_ field: String, _ position: Int, since errorsBefore: Int) -> Bool {
        if errors.count - errorsBefore < ThreatLimits.elementErrorsMax { return true }
        fail(field, "has many broken elements; those from \(position) on were not looked at")
        return false
    }

    /// Checks one of the texts with a byte limit and returns it decoded.
    private mutating func text(_ index: Int, _ field: String) -> ArraySlice<UInt8>? {
        guard let text = string(index), text.count <= ThreatLimits.textBytesMax else {
            fail(field, "must be a string of at most \(ThreatLimits.textBytesMax) bytes")
            return nil
        }
        return text
    }

    /// The decoded bytes of a string; `nil` for any other kind.
    private func string(_ index: Int) -> ArraySlice<UInt8>? {
        let node = nodes[index]
        return node.kind == .string ? decoded(node) : nil
    }

    private func decoded(_ node: JSONNode) -> ArraySlice<UInt8> {
        node.hasEscapes ? JSONTokens.decode(body.span, node.content)[...] : body[node.content]
    }
}
