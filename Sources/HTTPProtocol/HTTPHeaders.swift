/// The field lines of one message: the received bytes and the places of names and values in them (RFC 9110 §5).
///
/// Nothing is copied until it is asked for; lookups compare bytes without regard to case.
public struct HTTPHeaders: Sendable {
    /// Start-line and header section as received; perhaps with what came behind them.
    var bytes: [UInt8]
    var fields: [HTTPFieldRange]

    init(bytes: [UInt8] = [], fields: [HTTPFieldRange] = []) {
        self.bytes = bytes
        self.fields = fields
    }

    /// Number of field lines.
    public var count: Int { fields.count }

    /// The value of the first field line of this name, without surrounding whitespace; bytes that are not UTF-8
    /// become U+FFFD.
    public func first(_ name: String) -> String? {
        guard let index = firstIndex(name) else { return nil }
        return text(fields[index].value)
    }

    /// The value of the only field line of this name as bytes, which share the message's storage; `nil` when there is
    /// none or more than one.
    public func onlyBytes(_ name: String) -> ArraySlice<UInt8>? {
        guard let index = firstIndex(name) else { return nil }
        let wanted = name.utf8Span.span
        for other in fields[(index + 1)...] where ASCII.equalsIgnoringCase(bytes.span, other.name, wanted) {
            return nil
        }
        return bytes[fields[index].value]
    }

    /// The values of all field lines of this name, in the order received.
    public func all(_ name: String) -> [String] {
        indices(of: name).map { text(fields[$0].value) }
    }

    /// Whether a field line of this name is there.
    public func contains(_ name: String) -> Bool { firstIndex(name) != nil }

    /// The members of a list-valued field (RFC 9110 §5.6.1): all lines of this name, split at commas outside quoted
    /// strings, trimmed, empty members left out.
    public func values(ofList name: String) -> [String] {
        var members: [String] = []
        for index in indices(of: name) {
            forEachListMember(fields[index].value) { range in
                if !range.isEmpty { members.append(text(range)) }
                return true
            }
        }
        return members
    }

    /// Whether a list-valued field has this member, compared without regard to case (`Connection`, `Upgrade`).
    public func contains(_ name: String, member: String) -> Bool {
        for index in indices(of: name) {
            var found = false
            forEachListMember(fields[index].value) { range in
                found = ASCII.equalsIgnoringCase(bytes.span, range, member)
                return !found
            }
            if found { return true }
        }
        return false
    }

    /// Name and value of each field line in the order received, for logs and proxies; names as received.
    public var pairs: [(name: String, value: String)] {
        fields.map { (text($0.name), text($0.value)) }
    }

    private func firstIndex(_ name: String) -> Int? {
        let wanted = name.utf8Span.span
        let span = bytes.span
        for index in fields.indices where ASCII.equalsIgnoringCase(span, fields[index].name, wanted) { return index }
        return nil
    }

    private func indices(of name: String) -> [Int] {
        let wanted = name.utf8Span.span
        let span = bytes.span
        var found: [Int] = []
        for index in fields.indices where ASCII.equalsIgnoringCase(span, fields[index].name, wanted) {
            found.append(index)
        }
        return found
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    /// Calls `body` with each trimmed member until it returns `false`.
    private func forEachListMember(_ range: Range<Int>, _ body: (Range<Int>) -> Bool) {
        var memberStart = range.lowerBound
        var quoted = false
        var index = range.lowerBound
        while index <= range.upperBound {
            let atEnd = index == range.upperBound
            let byte = atEnd ? ASCII.comma : bytes[index]
            if !atEnd, quoted, byte == ASCII.backslash {
                index = min(index + 2, range.upperBound)
                continue
            }
            if !atEnd, byte == ASCII.quote { quoted.toggle() }
            if atEnd || (!quoted && byte == ASCII.comma) {
                guard body(ASCII.trimmed(bytes.span, memberStart..<index)) else { return }
                memberStart = index + 1
            }
            index += 1
        }
    }
}

/// Where one field line's name and value stand, relative to the first byte of the message.
struct HTTPFieldRange: Sendable {
    private let namePlace: OffsetRange
    private let valuePlace: OffsetRange

    init(name: Range<Int>, value: Range<Int>) {
        namePlace = OffsetRange(name)
        valuePlace = OffsetRange(value)
    }

    var name: Range<Int> { namePlace.range }
    var value: Range<Int> { valuePlace.range }
}

/// A range of offsets in eight bytes: many are kept per request, and a head is far below 4 GiB.
struct OffsetRange: Sendable {
    private let lower: UInt32
    private let upper: UInt32

    init(_ range: Range<Int>) {
        lower = UInt32(range.lowerBound)
        upper = UInt32(range.upperBound)
    }

    var range: Range<Int> { Int(lower)..<Int(upper) }
}
